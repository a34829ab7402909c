"""A debit that its owner has to confirm in person: the signed link of M08 opens that payment alone (6.7.5)."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import orders
from pecapp.services import links, methods, payments, settlement

CHANNEL = "link"


@dataclass(frozen=True)
class ConfirmationView:
    """What whoever has the link may see: what is renewed, how much, on what, and whether it still can be confirmed."""

    number: str
    service: str
    gross: str
    means: str
    expires: str
    state: str
    """`open`, `paid`, `verifying` or `over`."""


def view(token: object, lang: i18n.Lang) -> ConfirmationView:
    """What the link is about. Raises NotFound for one that is unknown or has expired."""
    with db.transaction() as s:
        order, method, service = _found(s, token)
        return ConfirmationView(
            number=order.number,
            service=service.label,
            gross=i18n.money(order.gross_cents, lang),
            means=methods.title(method, lang),
            expires=i18n.date(service.expires_on, lang) if service.expires_on else "",
            state=_state(order, method),
        )


def _found(s: Session, token: object) -> tuple[tables.Order, tables.PaymentMethod, tables.Service]:
    order_id = links.find(s, token, links.Purpose.DEBIT).order_id
    if order_id is None:
        raise errors.NotFound("LINK_NON_VALIDO")
    attempt = tables.PaymentAttempt
    method = s.exec(
        select(tables.PaymentMethod)
        .join(attempt, col(attempt.method_id) == tables.PaymentMethod.id)
        .where(attempt.order_id == order_id, attempt.channel == settlement.RENEWAL)  # not what was tried in person
        .order_by(col(attempt.number).desc())
        .limit(1)
    ).one()
    renewal = s.get_one(tables.Renewal, order_id)
    return s.get_one(tables.Order, order_id), method, s.get_one(tables.Service, renewal.service_id)


def _state(order: tables.Order, method: tables.PaymentMethod) -> str:
    if order.status in orders.PAID:
        return "paid"
    if order.status == orders.Status.VERIFYING:
        return "verifying"
    payable = order.status in orders.PAYABLE and order.payable_until_at > clock.now()
    usable = method.status == methods.VALID and not methods.is_over(method)
    return "open" if payable and usable else "over"


async def pay(token: object) -> payments.Opened:
    """«Conferma il pagamento»: charge the same method again, with its owner there; where to go on.

    Raises NotFound, Conflict when it is paid, being paid or not payable any more, Unavailable.
    """
    number, method_id, account_id = await db.run(_chosen, token)
    return await payments.pay_for(account_id, number, f"m{method_id}", CHANNEL)


def _chosen(token: object) -> tuple[str, int, int]:
    with db.transaction() as s:
        order, method, _service = _found(s, token)
        if _state(order, method) == "over":
            raise errors.Conflict("ORD_NON_PAGABILE")
        return order.number, method.id or 0, order.account_id
