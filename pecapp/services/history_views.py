"""What «Perché questo addebito?» shows; as `views`: finished text, frozen, no rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RenewalRowView:
    """One renewal in the list: what, when, how much, how it ended."""

    number: str
    """The order's number, which names it in the address of its page."""
    service: str
    on: str
    iso: str
    amount: str
    automatic: bool
    status: str
    """The order's."""
    means: str = ""
    """«Visa •••• 4242»; empty while nothing was tried."""
    why: str = ""
    """Why it is not paid, in plain words; empty where there is nothing to explain."""


@dataclass(frozen=True)
class FactView:
    """A name and a value beside a step: «Metodo», «Visa •••• 4242»."""

    name: str
    value: str


@dataclass(frozen=True)
class StepView:
    """One link of the chain."""

    kind: str
    """`consent`, `mandate`, `activation`, `choice`, `notice`, `sms`, `order`, `attempt`, `answer`, `held_back`,
    `event`, `receipt`, `expiry`, `refund`, `closed`, `mail`."""
    tone: str
    """`neutral`, `progress`, `success`, `warning`, `problem`."""
    at: str
    iso: str
    title: str
    text: str = ""
    facts: list[FactView] = field(default_factory=list)
    href: str = ""
    link: str = ""
    """Words of the link to `href`; empty, as that, for none."""
    document: bool = False
    """Whether the link leads to a paper and not to a page of the app."""


@dataclass(frozen=True)
class ChainView:
    """One charge with everything that led to it and came of it, in the order in which it happened."""

    number: str = ""
    service: str = ""
    service_id: int = 0
    amount: str = ""
    on: str = ""
    status: str = ""
    automatic: bool = False
    means: str = ""
    why: str = ""
    steps: list[StepView] = field(default_factory=list)
    coming: str = ""
    """What happens next, in a sentence; empty when nothing does."""
    coming_href: str = ""
    coming_link: str = ""
    can_pay: bool = False
    """Whether its customer can pay the order now."""
