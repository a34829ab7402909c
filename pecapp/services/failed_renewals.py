"""Renewals whose debit came to nothing: what their owner sees, and how they end it for good (rules 6.7.5, 6.7.7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, or_, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import orders, payments, renewals
from pecapp.services import access, auto_renewal, dunning, history_facts, lifecycle, renewal_views, subscriptions

_TO_AUTHORISE = frozenset({renewals.Doubt.CEILING.value, renewals.Doubt.NOT_AUTHORISED.value})
_NOTHING_TO_MEND = frozenset({renewals.Doubt.NOT_SOLD.value, dunning.NOTICE, dunning.AMOUNT})
"""New data would not help: the order has to be paid by hand, or there is nothing to renew it with."""


@dataclass(frozen=True)
class Trouble:
    """What has happened to the debit of a service's coming term: it came to nothing, or its owner has given it up."""

    service: tables.Service
    renewal: tables.Renewal
    order_number: str
    """The order that waits to be paid for that term; empty for none."""
    method_id: int | None
    """What it was to be debited on."""

    @property
    def again_on(self) -> date | None:
        """The day on which it is tried again; None where nothing is debited for this term any more."""
        return self.renewal.next_debit_on


def found(s: Session, services: Sequence[tables.Service]) -> dict[int, Trouble]:
    """The troubles of those that renew by themselves, by the service's id; in two queries, however many they are.

    A term whose order waits unpaid comes before one that its owner has given up. Nothing while it is being paid.
    """
    today = clock.today()
    on = {
        one.id or 0: one
        for one in services
        if one.renewal == subscriptions.RENEWAL_ACTIVE
        and one.status in subscriptions.VALID
        and (one.expires_on or today) >= today
    }
    if not on:
        return {}
    renewal, order, choice = tables.Renewal, tables.Order, tables.RenewalChoice
    known = s.exec(
        select(renewal, order)
        .join(order, col(order.id) == renewal.order_id)
        .where(
            col(renewal.service_id).in_(on), or_(col(renewal.trouble) != "", col(renewal.status) == subscriptions.OPEN)
        )
        .order_by(col(renewal.order_id))
    ).all()
    chosen = s.exec(select(choice).where(col(choice.service_id).in_(on))).all()
    this_time = {one.service_id: one.method_id for one in chosen if one.expires_on == on[one.service_id].expires_on}
    troubles: dict[int, Trouble] = {}
    for service_id, service in on.items():
        mine = [(row, of) for row, of in known if (row.service_id, row.expires_on) == (service_id, service.expires_on)]
        waiting = next(((row, of) for row, of in mine if row.status == subscriptions.OPEN), None)
        if waiting and waiting[1].status != orders.Status.AWAITING_PAYMENT:
            continue
        given_up = next((row for row, _ in mine if row.trouble == subscriptions.GIVEN_UP), None)
        row = waiting[0] if waiting and waiting[0].trouble else given_up
        if row is not None:
            number = waiting[1].number if waiting else ""
            troubles[service_id] = Trouble(service, row, number, this_time.get(service_id) or service.method_id)
    return troubles


def troubles(s: Session, services: Sequence[tables.Service], lang: i18n.Lang) -> dict[int, renewal_views.TroubleView]:
    """As `found`, in words."""
    return {service_id: view(one, lang) for service_id, one in found(s, services).items()}


def view(one: Trouble, lang: i18n.Lang) -> renewal_views.TroubleView:
    """Why the debit came to nothing, whether it is tried again, and what its owner can do about it."""
    row = one.renewal
    if row.trouble == subscriptions.GIVEN_UP:
        given_up = history_facts.reason(subscriptions.GIVEN_UP, lang)
        return renewal_views.TroubleView(why=given_up, status="by_hand", order_number=one.order_number)
    ours = row.remedy == payments.Remedy.OURS
    confirm = row.remedy == payments.Remedy.CONFIRM
    again = i18n.date(one.again_on, lang) if one.again_on else ""
    following = "confirm" if confirm else "retry" if again else "none"
    url, label = "", ""
    if row.trouble in _TO_AUTHORISE:
        url, label = f"/area-clienti/servizi/{one.service.id}/rinnovo", "trouble.authorise"
    elif not (ours or confirm or row.trouble in _NOTHING_TO_MEND):
        replaced = f"/nuovo?sostituisce={one.method_id}" if one.method_id else ""
        url, label = f"/metodi-di-pagamento{replaced}", "svc.update"
    return renewal_views.TroubleView(
        why=history_facts.reason(payments.Reason.TECHNICAL if ours else row.trouble, lang),
        status="refused",
        order_number=one.order_number,
        following=i18n.text(f"trouble.{following}", lang, on=again),
        again=again,
        fix_url=url,
        fix_label=i18n.text(label, lang) if label else "",
    )


def asks_about_renewal(s: Session, order: tables.Order) -> bool:
    """Whether cancelling the order leaves a renewal on, so that its owner has to say what is to become of that."""
    row = s.get(tables.Renewal, order.id) if order.kind == orders.Kind.RENEWAL else None
    on = s.get_one(tables.Service, row.service_id).renewal if row else None
    return on == subscriptions.RENEWAL_ACTIVE


def cancel_and_disable(actor: access.Actor, number: str) -> None:
    """«Annulla e disattiva il rinnovo automatico»: the unpaid renewal order is cancelled and its service's renewal off.

    Both or neither. Raises NotFound for an order that is none of the customer's renewals, Conflict when it is paid,
    being paid or lapsed. Safe to repeat.
    """
    account_id = access.require(actor)
    renewal, order = tables.Renewal, tables.Order
    with db.transaction() as s:
        db.settling(s)
        wanted = (
            select(renewal.service_id)
            .join(order, col(order.id) == renewal.order_id)
            .where(order.number == number, order.account_id == account_id)
        )
        service_id = s.exec(wanted).one_or_none()
        if service_id is None:
            raise errors.NotFound("ORD_NON_TROVATO")
        service = subscriptions.own(s, account_id, service_id)  # a service is held before its order
        lifecycle.call_off(s, account_id, number)
        auto_renewal.switch_off(s, service)
