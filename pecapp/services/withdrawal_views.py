"""What the page «Recedere dal contratto qui» sees; as `views`: finished text, frozen, no rows."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class OfferView:
    """What the page of an order or a service has to offer."""

    number: str = ""
    """The order to withdraw from; empty for none."""
    free_until_on: date | None = None
    """Until when it can be left without cost; None for the right of 14 days."""


@dataclass(frozen=True)
class ContractView:
    """A contract that its customer can withdraw from now."""

    number: str
    title: str
    service: str
    """What it is for: the mailboxes, the signer."""
    detail: str
    """When it was ordered, what it costs, until when one can withdraw."""
    service_id: int = 0
    """The service that can be left without cost; 0 for the right of 14 days."""


@dataclass(frozen=True)
class ProspectView:
    """The declaration before it is confirmed, and what it will bring about."""

    name: str = ""
    number: str = ""
    email: str = ""
    own: bool = False
    """Whether it is the customer's own contract: only then anything of it is shown."""
    refunded: str = ""
    effects: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AcknowledgementView:
    """A declaration that was received: what it says, when, and what it brings about."""

    name: str = ""
    number: str = ""
    email: str = ""
    received: str = ""
    """Date and time; empty while there is none."""
    effects: list[str] = field(default_factory=list)
