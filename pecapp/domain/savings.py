"""The life of a try to keep a means of payment without taking money (domain rules 5.1, 5.2)."""

from enum import StrEnum


class Status(StrEnum):
    """Where a saving stands."""

    CREATED = "created"
    """Recorded here; the gateway may not know of it yet."""
    OPEN = "open"
    """The customer has, or had, the gateway's page."""
    SAVED = "saved"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Purpose(StrEnum):
    """What the customer wants the method for."""

    ADD = "add"
    REPLACE = "replace"
    """It takes over every renewal of the method that it replaces."""
    ACTIVATE = "activate"
    """Automatic renewal is switched on with it."""


class Signal(StrEnum):
    """What can happen to a saving."""

    OPENED = "opened"
    KEPT = "kept"
    """The gateway has a token that can be charged."""
    GIVEN_UP = "given_up"
    RAN_OUT = "ran_out"


PENDING = frozenset({Status.CREATED, Status.OPEN})
_ENDINGS = {Signal.GIVEN_UP: Status.CANCELLED, Signal.RAN_OUT: Status.EXPIRED}


def move(status: Status, signal: Signal) -> Status:
    """The state after `signal`: a kept method is the end from every state, even late; nothing undoes it.

    What was given up can still be finished on the gateway's page, until it runs out.
    """
    if Status.SAVED is status or signal is Signal.KEPT:
        return Status.SAVED
    if status is Status.CANCELLED and signal is Signal.RAN_OUT:
        return Status.EXPIRED
    if status not in PENDING:
        return status
    return _ENDINGS.get(signal, Status.OPEN)
