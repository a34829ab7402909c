"""Papers over HTTP: receipts for whoever may see them, legal texts for everybody."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pecapp import errors, i18n
from pecapp.services import receipts, terms
from pecapp.web import session, sheets


async def receipt(request: Request) -> Response:
    """The PDF of an order's receipt; the same 404 for what is not there and for what is another's."""
    actor = await session.actor_of(request)
    lang = sheets.language(request, actor)
    try:
        printed = await asyncio.to_thread(receipts.pdf, actor, request.path_params["number"], lang)
    except errors.NotFound:
        return sheets.missing(lang)
    return _pdf(printed.content, printed.filename, cache="private, no-store")


async def document(request: Request) -> Response:
    """A legal text as a page, in the version of its address: the texts that people accepted stay readable."""
    actor = await session.actor_of(request)
    lang = sheets.language(request, actor)
    try:
        found = _find(request, lang)
    except errors.NotFound:
        return sheets.missing(lang)
    return sheets.sheet(
        "document.html",
        lang,
        document=found,
        body=terms.html(found),
        in_force=i18n.date(found.in_force_on, lang),
        other=next(one for one in i18n.LANGS if one != lang),
    )


async def document_pdf(request: Request) -> Response:
    """The same as a PDF to keep."""
    actor = await session.actor_of(request)
    lang = sheets.language(request, actor)
    try:
        found = _find(request, lang)
    except errors.NotFound:
        return sheets.missing(lang)
    content = await asyncio.to_thread(terms.pdf, found)
    return _pdf(content, terms.filename(found), cache="public, max-age=3600")


def _find(request: Request, lang: i18n.Lang) -> terms.Document:
    return terms.find(request.path_params["id"], request.path_params["version"], lang)


def _pdf(content: bytes, filename: str, *, cache: str) -> Response:
    headers = {"content-disposition": f'inline; filename="{filename}"', "cache-control": cache}
    return Response(content, media_type="application/pdf", headers=headers)


routes = [
    Route("/ricevute/{number:str}.pdf", receipt, methods=["GET"]),
    Route("/documenti/{id:str}/{version:str}.pdf", document_pdf, methods=["GET"]),
    Route("/documenti/{id:str}/{version:str}", document, methods=["GET"]),
]
