"""`/dev/orologio`: the one clock, moved day by day over product and simulator, and what happened each day.

For developers and tests: it answers only where the settings name a file for the clock, never in production.
"""

import asyncio
import dataclasses
import re
from collections.abc import Mapping
from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pecapp import clock, errors, i18n, settings, workflows
from pecapp.services import rehearsal
from pecapp.web import session, sheets

PAGE = "/dev/orologio"
STEPS = (7, 30)
"""Days that a button moves on by, beside one."""
_STATUS = {errors.Invalid: 422, errors.Conflict: 409, errors.Unavailable: 503}
_moving = asyncio.Lock()


async def page(request: Request) -> Response:
    """The product's date, the buttons, and the journal, newest day first; `formato=json` for programs."""
    lang = sheets.language(request, await session.actor_of(request))
    if not settings.load().rehearsed:
        return sheets.missing(lang)
    return await _answer(request.query_params, lang)


async def move(request: Request) -> Response:
    """Live through all the days up to `data=2027-03-31`, or `giorni=7` more of them; one press at a time.

    With `salta=1` only the last of them is lived, as after a standstill.
    """
    lang = sheets.language(request, await session.actor_of(request))
    if not settings.load().rehearsed:
        return sheets.missing(lang)
    async with request.form(max_files=0, max_fields=5) as sent:
        form = {name: str(value) for name, value in sent.items()}
    try:
        await _live(form)
    except (errors.Invalid, errors.Conflict, errors.Unavailable) as problem:
        return await _answer(form, lang, problem)
    if form.get("formato") == "json":
        return await _answer(form, lang)
    return RedirectResponse(f"{PAGE}?lang={lang}", 303)


async def _live(form: Mapping[str, str]) -> None:
    if _moving.locked():
        raise errors.Conflict("OROLOGIO_IN_CORSO")
    async with _moving:
        days = rehearsal.ahead(_wanted(form))
        for day in days[-1:] if form.get("salta") else days:
            await workflows.live_through(day)


def _wanted(form: Mapping[str, str]) -> date:
    """The day asked for. Raises Invalid (`GIORNO_ERRATO`)."""
    days, day = form.get("giorni", "").strip(), form.get("data", "").strip()
    if re.fullmatch("[0-9]{1,3}", days) and 0 < int(days) <= rehearsal.LONGEST:
        return clock.today() + timedelta(days=int(days))
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise errors.Invalid({"data": "GIORNO_ERRATO"}, "GIORNO_ERRATO", most=rehearsal.LONGEST) from None


async def _answer(asked: Mapping[str, str], lang: i18n.Lang, problem: errors.PecError | None = None) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(problem, kind)), 200)
    words = i18n.error_text(problem, lang) if problem else ""
    days = await asyncio.to_thread(rehearsal.journal, lang)
    today = clock.today()
    if asked.get("formato") == "json":
        told = {"today": today.isoformat(), "days": [dataclasses.asdict(day) for day in days]}
        return JSONResponse(told | ({"error": words} if problem else {}), status, headers={"cache-control": "no-store"})
    return sheets.sheet(
        "clock.html",
        lang,
        status=status,
        days=days,
        today=i18n.date(today, lang),
        earliest=today.isoformat(),
        latest=(today + timedelta(days=rehearsal.LONGEST)).isoformat(),
        steps=STEPS,
        most=rehearsal.LONGEST,
        problem=words,
    )


routes = [
    Route(PAGE, page, methods=["GET"]),
    Route(PAGE, move, methods=["POST"]),
]
