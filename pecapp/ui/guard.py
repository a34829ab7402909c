"""Deny by default: who may call which handler, what a page may send at all, what is said when something goes wrong."""

import inspect
import logging
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any, cast
from urllib.parse import quote

import reflex as rx
from reflex.event import Event, EventSpec
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState, StateUpdate
from reflex_base.event.context import EventContext
from reflex_base.registry import RegisteredEventHandler, RegistrationContext

from pecapp import errors
from pecapp.domain import staff
from pecapp.ui.states import session
from pecapp.ui.states.admin import lasting

log = logging.getLogger(__name__)

SIGN_IN = "/accedi"
_PUBLIC, _CUSTOMER, _ADMIN = "public", "customer", "admin"
_ARRIVAL = "hydrate_and_load"
_NAVIGATION = "on_load_internal"
_FRAMEWORK = frozenset({_ARRIVAL, _NAVIGATION, "handle_frontend_exception"})
"""What the framework's own part of a page sends; everything else of the framework stays out of reach."""
_NO_HANDLERS = frozenset({"setvar"})


class Guard(Middleware):
    """Refuses an event before its handler runs, unless the policy of its State lets this actor call it.

    A State's `_policy` is `public`, `customer` (also when it says nothing) or `admin`; one of the staff's may name the
    `_right` that it needs, else it is open to all who may read. When a tab (re)connects, its
    pictures are wiped first if it belongs to another account than before: the first thing that is sent is already the
    new visitor's.
    """

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        """Let the event pass, or answer it with a way to sign in."""
        owner = event.state_cls
        if _is_framework(owner):
            short = event.name.rpartition(".")[2]
            if short in {_ARRIVAL, _NAVIGATION}:
                await session.turn_page(state)
            if short == _ARRIVAL:
                mine = await state.get_state(session.Session)
                found = await session.identify(EventContext.get().router_data)
                await mine._arrive(found)  # noqa: SLF001  (private: no RPC)
                if staff.is_staff(found.role):
                    await (await state.get_state(lasting.Lasting))._follow(found)  # noqa: SLF001
            return None
        policy = getattr(owner, "_policy", _CUSTOMER)
        if policy == _PUBLIC:
            return None
        # what the server itself enqueues (a push) comes without the headers of its tab's connection
        actor = await session.identify(EventContext.get().router_data or state.router_data)
        right = getattr(owner, "_right", staff.Right.READ)
        if actor.signed_in and (policy == _CUSTOMER or (policy == _ADMIN and staff.may(actor.role, right))):
            return None
        if policy == _ADMIN and not actor.signed_in and (await state.get_state(lasting.Lasting))._of_staff:  # noqa: SLF001
            return StateUpdate(events=Event.from_event_type(_session_ended()))
        elsewhere = rx.redirect("/admin" if staff.is_staff(actor.role) else "/")
        return StateUpdate(events=Event.from_event_type(elsewhere if actor.signed_in else _sign_in_first()))


def _is_framework(owner: type[BaseState]) -> bool:
    return owner.__module__.partition(".")[0] == "reflex"


def _session_ended() -> EventSpec:
    """For a page of the staff whose session has ended meanwhile: it leaves, and nothing of it stays in the tab."""
    return cast("EventSpec", lasting.Lasting.refresh())


def _sign_in_first() -> EventSpec:
    here = EventContext.get().router_data.get("asPath", "")
    way_back = f"?next={quote(here, safe='')}" if isinstance(here, str) and 1 < len(here) < 500 else ""
    return rx.redirect(SIGN_IN + way_back)


def install(app: rx.App) -> None:
    """Put the guard in front of every handler of `app`."""
    app.add_middleware(Guard(), index=0)


def calls() -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
    """Every handler that a page may call: its name -> its arguments, and those of them that must be there."""
    return _calls(len(RegistrationContext.get().event_handlers))


@cache
def _calls(_count: int) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
    registered = RegistrationContext.get().event_handlers
    return {name: _arguments(found) for name, found in registered.items() if _callable(name, found)}


def _callable(name: str, found: RegisteredEventHandler) -> bool:
    short = name.rpartition(".")[2]
    return short in _FRAMEWORK if _is_framework(found.states[0]) else short not in _NO_HANDLERS


def _arguments(found: RegisteredEventHandler) -> tuple[frozenset[str], frozenset[str]]:
    declared = list(inspect.signature(found.handler.fn).parameters.values())[1:]
    required = frozenset(one.name for one in declared if one.default is one.empty)
    return frozenset(one.name for one in declared), required


def went_wrong(exception: Exception) -> list[EventSpec]:
    """Turn what a handler raised into words for its visitor: ours as they are, anything else neutral and with an id.

    The id stands beside the traceback in the log.
    """
    match exception:
        case errors.Forbidden(code="ACCEDI"):
            return [_sign_in_first()]
        case errors.PecError():
            params: dict[str, Any] = {name: str(value) for name, value in exception.params.items()}
            return [_explanation(exception.code, params)]
    reference = secrets.token_hex(4)
    log.error("fault %s in a handler", reference, exc_info=exception)
    return [_explanation("ERRORE_INATTESO", {"reference": reference})]


def _explanation(code: str, params: dict[str, Any]) -> EventSpec:
    return cast("EventSpec", session.Session.explain(code, params))


def browser_complained(exception: Exception) -> None:
    """Note what went wrong in a browser: one short line, as a warning, since anybody can write it."""
    said = "".join(c if c.isprintable() else " " for c in str(exception))[:300]
    log.warning("a browser reports: %s", said)
