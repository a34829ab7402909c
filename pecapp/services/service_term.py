"""One term of a service, as the mails around its expiry speak of it: until when, its price, and what comes after.

A date that such a mail is about stands in its `params`: the service itself may have been renewed by the time it leaves.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from sqlmodel import col, select

from pecapp import tables
from pecapp.domain import catalog as rules
from pecapp.domain import dunning
from pecapp.services import catalog, letters, matter, renewal_costs, subscriptions

_FAMILIES = MappingProxyType(
    {
        rules.Kind.PEC: "pec",
        rules.Kind.PEC_DOMAIN: "pec",
        rules.Kind.INVOICING: "invoicing",
        rules.Kind.PRESERVATION: "preservation",
        rules.Kind.SPID: "spid",
    }
)
"""What is lost with a service that ends, by what it is (6.9)."""


@dataclass(frozen=True)
class Term:
    """One term of a service of the reader: until when, and what comes after."""

    about: matter.Matter
    service: tables.Service
    product: rules.Product
    expires_on: date

    @property
    def name(self) -> str:
        """The product and the service's own name, where it has one."""
        product = catalog.name(self.product, self.about.lang)
        return product if self.service.label in {"", product} else f"{product}, {self.service.label}"

    @property
    def expires(self) -> str:
        """Its last valid day, as the reader writes it."""
        return self.about.day(self.expires_on)

    @property
    def last_on(self) -> date:
        """The last day on which it can be reactivated."""
        return dunning.last_day(self.expires_on, self.product.grace_days or 0)

    @property
    def page(self) -> str:
        """The address of the service, without the host."""
        return f"/area-clienti/servizi/{self.service.id}"

    def open_order(self) -> tables.Order | None:
        """The renewal order that waits to be paid, if there is one."""
        renewal = tables.Renewal
        wanted = select(tables.Order).join(renewal, col(renewal.order_id) == col(tables.Order.id))
        mine = wanted.where(renewal.service_id == self.service.id, renewal.status == subscriptions.OPEN)
        return self.about.s.exec(mine).first()

    def cost(self, on: date) -> tuple[int | None, int]:
        """Gross cents of its renewal on a day, None for no price, and its years: the open order's, or the list's."""
        if order := self.open_order():
            return order.gross_cents, order.years or 1
        price = renewal_costs.of(self.about.s, [self.service], on).get(self.service.id or 0)
        return price, renewal_costs.frequency(self.product, self.service.years)


def of(about: matter.Matter) -> Term:
    """The term that the mail is about, by its `service_id` and `expires_on`."""
    service = about.service(about.params["service_id"])
    product = catalog.current(about.s).price_list.product(service.product_code)
    return Term(about, service, product, date.fromisoformat(about.params["expires_on"]))


def family(product: rules.Product) -> str:
    """What is lost with a service of this product, as the keys of the locales name it."""
    return _FAMILIES.get(product.kind, "other")


def afterwards(term: Term, *, reactivable: bool = True) -> letters.Items:
    """What happens to a service that is not renewed, with the days on which it happens."""
    say, day, kind = term.about.say, term.about.day, family(term.product)
    one = timedelta(days=1)
    lines = [say(f"lapse.{kind}", since=day(term.expires_on + one))]
    if term.last_on > term.expires_on:
        lines += [say("lapse.until", last=day(term.last_on))] if reactivable else []
        lines += [say(f"lapse.end.{kind}", gone=day(term.last_on + one))]
    return letters.Items(tuple(lines))


def amount(about: matter.Matter, cents: int | None) -> str:
    """An amount as the reader writes it; empty for none."""
    return "" if cents is None else about.money(cents)
