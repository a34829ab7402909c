"""Renewals whose debit came to nothing: what their owner sees, and how they end it for good (rules 6.7.5, 6.7.7)."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import orders, payments, renewals
from pecapp.services import access, dunning, history_facts, lifecycle, renewal_views, subscriptions

_TO_AUTHORISE = frozenset({renewals.Doubt.CEILING.value, renewals.Doubt.NOT_AUTHORISED.value})
_NOTHING_TO_MEND = frozenset({renewals.Doubt.NOT_SOLD.value, dunning.NOTICE})
"""New data would not help: the order has to be paid by hand, or there is nothing to renew it with."""


def troubles(s: Session, services: Sequence[tables.Service], lang: i18n.Lang) -> dict[int, renewal_views.TroubleView]:
    """What has happened to the debit of the coming term of those that renew by themselves, by the service's id.

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
    renewal, order = tables.Renewal, tables.Order
    known = s.exec(
        select(renewal, order)
        .join(order, col(order.id) == renewal.order_id)
        .where(col(renewal.service_id).in_(on), renewal.trouble != "")
        .order_by(col(renewal.order_id))
    ).all()
    found: dict[int, renewal_views.TroubleView] = {}
    for row, of in known:
        service = on[row.service_id]
        if row.expires_on != service.expires_on:
            continue
        if row.status == subscriptions.OPEN and of.status == orders.Status.AWAITING_PAYMENT:
            found[row.service_id] = _refused(s, service, row, of.number, lang)
        elif row.trouble == subscriptions.GIVEN_UP:
            found.setdefault(row.service_id, _given_up(lang))
    return found


def _given_up(lang: i18n.Lang) -> renewal_views.TroubleView:
    return renewal_views.TroubleView(why=history_facts.reason(subscriptions.GIVEN_UP, lang))


def _refused(
    s: Session, service: tables.Service, row: tables.Renewal, number: str, lang: i18n.Lang
) -> renewal_views.TroubleView:
    ours = row.remedy == payments.Remedy.OURS
    confirm = row.remedy == payments.Remedy.CONFIRM
    again = i18n.date(row.next_debit_on, lang) if row.next_debit_on else ""
    following = "confirm" if confirm else "retry" if again else "none"
    url, label = "", ""
    if row.trouble in _TO_AUTHORISE:
        url, label = f"/area-clienti/servizi/{service.id}/rinnovo", "trouble.authorise"
    elif not (ours or confirm or row.trouble in _NOTHING_TO_MEND):
        choice = s.get(tables.RenewalChoice, (service.id, row.expires_on))
        method_id = (choice.method_id if choice else None) or service.method_id
        url, label = f"/metodi-di-pagamento/nuovo?sostituisce={method_id}", "svc.update"
    return renewal_views.TroubleView(
        order_number=number,
        why=history_facts.reason(payments.Reason.TECHNICAL if ours else row.trouble, lang),
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
        subscriptions.switch_off(s, service)
