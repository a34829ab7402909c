"""A debit came to nothing and its owner has paid the renewal by hand, on another kept method: is it for good (6.7.6)?

The payment itself leaves the renewal on its old method. The question stands until it is answered, or the renewal has
changed otherwise; a «No» is kept where all answers are, among the acceptances.
"""

from dataclasses import dataclass

from sqlmodel import Session, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, orders, renewals
from pecapp.services import (
    access,
    agreements,
    auto_renewal,
    catalog,
    live,
    means,
    methods,
    renewal_costs,
    settlement,
    subscriptions,
    views,
)

ANSWER = "renewal_method"
"""The kind of the acceptance that holds a «No»."""
_TO_AUTHORISE = frozenset({renewals.Doubt.CEILING, renewals.Doubt.NOT_AUTHORISED})


@dataclass(frozen=True)
class _Payment:
    """A renewal that automatic renewal had taken up and that its owner has paid."""

    order: tables.Order
    renewal: tables.Renewal
    method_id: int
    """The kept method that paid."""


@dataclass(frozen=True)
class _Question:
    """What «Sì» would do, and what stands in its way."""

    service: tables.Service
    method: tables.PaymentMethod
    needed_cents: int
    """The most that a debit of the renewals on that method may take."""
    doubt: renewals.Doubt | None


def question(s: Session, order: tables.Order, lang: i18n.Lang) -> views.MethodQuestionView:
    """What the page of a paid order asks; nothing where there is nothing to ask, or it was answered."""
    paid = _payment(s, order)
    if paid is None:
        return views.MethodQuestionView()
    choice = means.find(s, order.account_id, means.value("", paid.method_id), hold=False)
    asked = _asked(s, paid, s.get_one(tables.Service, paid.renewal.service_id), choice)
    if asked is None:
        return views.MethodQuestionView()
    service, expires_on = asked.service, asked.service.expires_on or clock.today()
    usual = s.get(tables.PaymentMethod, service.method_id) if service.method_id else None
    said = i18n.text(
        "ord.method.text",
        lang,
        means=methods.title(asked.method, lang),
        service=service.label,
        usual=methods.title(usual, lang) if usual else i18n.text("forecast.no_means", lang),
        on=i18n.date(calendar.debit_on(expires_on), lang),
    )
    if asked.doubt not in _TO_AUTHORISE:
        return views.MethodQuestionView(said)
    amount = i18n.money(asked.needed_cents, lang)
    return views.MethodQuestionView(
        said,
        authorise=i18n.text("ord.method.authorise", lang, amount=amount),
        authorise_url=f"/area-clienti/servizi/{service.id}/rinnovo?metodo={means.value('', asked.method.id)}",
    )


def _payment(s: Session, order: tables.Order) -> _Payment | None:
    """The order's payment, if it can raise the question at all."""
    if order.kind != orders.Kind.RENEWAL or order.status != orders.Status.PAID:
        return None
    renewal, receipt = s.get(tables.Renewal, order.id), s.get(tables.Receipt, order.id)
    attempt = s.get(tables.PaymentAttempt, receipt.attempt_id) if receipt and receipt.attempt_id else None
    if renewal is None or not renewal.debits or attempt is None or attempt.method_id is None:
        return None
    by_its_owner = attempt.channel not in {settlement.RENEWAL, settlement.QUICK}
    return _Payment(order, renewal, attempt.method_id) if by_its_owner else None


def _asked(s: Session, paid: _Payment, service: tables.Service, choice: means.Choice | None) -> _Question | None:
    """The question, while it is open: the term that was paid is the last one, and nobody has decided since."""
    today, order, method = clock.today(), paid.order, choice.method if choice else None
    on = service.renewal == subscriptions.RENEWAL_ACTIVE and auto_renewal.can_renew_by_itself(service, today)
    if method is None or not on or service.method_id == method.id or service.expires_on is None:
        return None
    is_last = service.expires_on == calendar.renewed_expiry(paid.renewal.expires_on, order.years or 1)
    paid_at, changed_at = order.paid_at, service.renewal_changed_at
    decided = paid_at is None or (changed_at is not None and changed_at > paid_at) or _declined(s, order)
    if decided or not is_last:
        return None
    on_it = [service, *(one for one in auto_renewal.renewed_by(s, method.id or 0) if one.id != service.id)]
    needed = renewal_costs.dearest(s, on_it, today)[1]
    sold = catalog.current(s).price_list.product(service.product_code).sellable
    doubt = renewals.doubt(needed, calendar.debit_on(service.expires_on), methods.as_means(method), sold=sold)
    if doubt not in {None, renewals.Doubt.CARD_ENDS, *_TO_AUTHORISE}:
        return None
    return _Question(service, method, needed, doubt)


def _declined(s: Session, order: tables.Order) -> bool:
    accepted = tables.Acceptance
    no = select(accepted.id).where(accepted.order_id == order.id, accepted.kind == ANSWER)
    return s.exec(no.limit(1)).first() is not None


def use(actor: access.Actor, number: str, lang: i18n.Lang) -> None:
    """«Sì»: the method that paid is debited from now on; M04 tells.

    Raises NotFound, for another's order too, and Conflict: `MAND_BASSO` when more has to be authorised on it first,
    `RIN_DECISO` when the question is not open any more. Safe to repeat.
    """
    account_id, at = access.require(actor), clock.now()
    with db.transaction() as s:
        paid, service, choice = _held(s, account_id, number)
        on = service.renewal == subscriptions.RENEWAL_ACTIVE
        if on and choice and choice.method_id == service.method_id:
            return
        asked = _asked(s, paid, service, choice)
        if asked is None:
            raise errors.Conflict("RIN_DECISO")
        if asked.doubt in _TO_AUTHORISE:
            raise errors.Conflict("MAND_BASSO")
        if auto_renewal.enable(s, [service], asked.method, at):
            agreements.record(s, actor, account_id, [agreements.renewal_of([service.label], lang)], at)


def leave(actor: access.Actor, number: str, lang: i18n.Lang) -> None:
    """«No»: the renewal stays on its usual method, and nobody asks again. Raises what `use` raises. Safe to repeat."""
    account_id, at = access.require(actor), clock.now()
    with db.transaction() as s:
        paid, service, choice = _held(s, account_id, number)
        if _declined(s, paid.order):
            return
        if _asked(s, paid, service, choice) is None:
            raise errors.Conflict("RIN_DECISO")
        said = f"{i18n.text('ord.method.title', lang)} {i18n.text('ord.method.no', lang)}"
        given = agreements.Given(ANSWER, agreements.documents(paid.order.family, lang).contract, said)
        agreements.record(s, actor, account_id, [given], at, paid.order.id)
        live.publish(s, live.order(paid.order.id or 0))


def _held(s: Session, account_id: int, number: str) -> tuple[_Payment, tables.Service, means.Choice | None]:
    """The payment with the method and the service that it is about, both held, the method first."""
    wanted = select(tables.Order).where(tables.Order.number == number, tables.Order.account_id == account_id)
    order = s.exec(wanted).one_or_none()
    if order is None:
        raise errors.NotFound("ORD_NON_TROVATO")
    paid = _payment(s, order)
    if paid is None:
        raise errors.Conflict("RIN_DECISO")
    choice = means.find(s, account_id, means.value("", paid.method_id))
    service = subscriptions.own(s, account_id, paid.renewal.service_id)
    s.refresh(order)  # it may have been given back while the service was waited for
    if order.status != orders.Status.PAID:
        raise errors.Conflict("RIN_DECISO")
    return paid, service, choice
