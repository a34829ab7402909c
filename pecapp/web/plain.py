"""The truth without scripts: any address with `?testo=1` is answered by a page made whole by the server."""

import asyncio
import re
from types import MappingProxyType
from urllib.parse import quote

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from pecapp import errors, i18n
from pecapp.services import access, means, orders, payments, terms
from pecapp.web import session, sheets

REFRESH_SECONDS = 15
_RESUME = "resume"
"""What the form sends for the payment that is open, whatever its means."""
_ORDER = re.compile(r"/ordini/(?P<number>\d{10})/?")
_SIGNS = MappingProxyType({"neutral": "○", "progress": "◔", "success": "✓", "warning": "!", "problem": "✕"})


class Asked(Route):
    """A route for every address, if its reader asked for plain text."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a page asked for with `testo=1`, and nothing else."""
        asked = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if not asked or QueryParams(scope["query_string"]).get("testo") != "1":
            return Match.NONE, {}
        return super().matches(scope)


async def page(request: Request) -> Response:
    """The order as it stands now, for its owner; elsewhere, why scripts are needed and what works without."""
    actor = await session.actor_of(request)
    lang = sheets.language(request, actor)
    order = _ORDER.fullmatch(request.url.path)
    if order is None:
        documents = [terms.current(document_id, lang) for document_id in terms.PUBLISHED]
        here = "/" + quote(request.url.path.lstrip("/\\"))  # never an address of another site
        return sheets.sheet("scripts.html", lang, path=here, documents=documents)
    return await _order(actor, order["number"], lang)


async def _order(actor: access.Actor, number: str, lang: i18n.Lang, problem: str = "", status: int = 200) -> Response:
    if not actor.signed_in:
        return sheets.sheet("sign_in.html", lang, status=403, back=f"/ordini/{number}?testo=1")
    try:
        view = await asyncio.to_thread(orders.page, actor, number, lang)
    except errors.NotFound:
        return sheets.missing(lang)
    refresh = REFRESH_SECONDS if view.poll else 0
    sign = _SIGNS.get(view.tone, _SIGNS["neutral"])
    return sheets.sheet("order.html", lang, status=status, order=view, refresh=refresh, sign=sign, problem=problem)


async def pay(request: Request) -> Response:
    """«Paga» without scripts: open the gateway's page and lead there, or charge a kept method and show the order.

    A page that leads on, not a redirect: browsers hold a form to the addresses that its page may send forms to.
    """
    actor = await session.actor_of(request)
    lang, number = sheets.language(request, actor), request.path_params["number"]
    async with request.form(max_files=0, max_fields=5) as form:
        gateway = str(form.get("gateway", ""))
    try:
        if gateway == _RESUME:
            url = await payments.resume(actor, number)
        elif gateway in means.offered() or means.kept_id(gateway):
            url = await payments.pay(actor, number, gateway)
        else:
            raise errors.Invalid({"gateway": "CAMPO_SCELTA"}, "CAMPO_SCELTA")
    except errors.NotFound:
        return sheets.missing(lang)
    except (errors.Invalid, errors.Conflict, errors.Unavailable) as refusal:
        return await _order(actor, number, lang, problem=i18n.error_text(refusal, lang), status=409)
    except errors.Forbidden:
        return RedirectResponse(f"/ordini/{number}?testo=1", 303)
    if not url:
        return RedirectResponse(f"/ordini/{number}?testo=1", 303)
    return sheets.sheet("onward.html", lang, url=url, number=number)


routes = [
    Route("/ordini/{number:str}/paga", pay, methods=["POST"]),
    Asked("/{path:path}", page, methods=["GET"]),
]
