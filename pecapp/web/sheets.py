"""Sheets: pages made whole by the server, without scripts, in the clothes of the others."""

from pathlib import Path

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pecapp import i18n, settings
from pecapp.services import access

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates" / "plain"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_NEVER_KEPT = {"cache-control": "no-store"}


def language(request: Request, actor: access.Actor) -> i18n.Lang:
    """The language asked for in the address, else the reader's."""
    asked = request.query_params.get("lang")
    return i18n.language(asked) if asked else actor.lang


def sheet(template: str, lang: i18n.Lang, *, status: int = 200, **known: object) -> HTMLResponse:
    """A page from `templates/plain`. In it `t(key, ...)` gives words; whatever is inserted is escaped."""

    def t(key: str, **params: object) -> str:
        return i18n.text(key, lang, **params)

    current = settings.load()
    html = _TEMPLATES.get_template(template).render(t=t, lang=lang, site=current, **known)
    return HTMLResponse(html, status, headers=dict(_NEVER_KEPT))


def missing(lang: i18n.Lang) -> HTMLResponse:
    """There is nothing here, or nothing for this reader: always the same page."""
    return sheet("missing.html", lang, status=404)
