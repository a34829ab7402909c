"""The page that adds or replaces a means of payment: what it will do before the gateway's page, and how it ended."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import savings as rules
from pecapp.gateways import registry
from pecapp.services import (
    access,
    agreements,
    auto_renewal,
    methods,
    renewal_costs,
    renewal_views,
    savings,
    subscriptions,
)

_TONES = {
    rules.Status.CREATED: "progress",
    rules.Status.OPEN: "progress",
    rules.Status.SAVED: "success",
    rules.Status.CANCELLED: "neutral",
    rules.Status.EXPIRED: "warning",
}


def ceiling(
    s: Session, services: Sequence[tables.Service], lang: i18n.Lang, years: int | None = None
) -> renewal_views.CeilingView:
    """The amount to authorise for the renewals of `services`: their dearest single one, at list price (5.4)."""
    today = clock.today()
    costs = renewal_costs.to_authorise(s, services, today, years)
    if not costs:
        return renewal_views.NO_CEILING
    dearest, cents = renewal_costs.dearest(s, services, today, years)
    labels = {service.id: service.label for service in services}
    shown = sorted(services, key=lambda service: -costs.get(service.id or 0, 0))
    return renewal_views.CeilingView(
        amount=i18n.money(cents, lang),
        set_by=labels[dearest],
        services=[
            i18n.text("ceiling.service", lang, service=one.label, amount=i18n.money(costs[one.id or 0], lang))
            for one in shown
            if one.id in costs
        ],
    )


def active(s: Session, account_id: int) -> list[tables.Service]:
    """Every service of the login whose automatic renewal is on."""
    service = tables.Service
    found = select(service).where(service.account_id == account_id, service.renewal == subscriptions.RENEWAL_ACTIVE)
    return list(s.exec(found.order_by(col(service.id))))


def plan(actor: access.Actor, lang: i18n.Lang, replaces_id: int | None = None) -> renewal_views.SavingPlanView:
    """What keeping a new method will do; `replaces_id` names the one that it takes the place of.

    Raises NotFound, for another's method too, and for one that is gone.
    """
    account_id = access.require(actor)
    with db.reading() as s:
        old = _replaced(s, account_id, replaces_id)
        return renewal_views.SavingPlanView(
            gateways=list(registry.gateways()),
            replaces=methods.title(old, lang) if old else "",
            moved=[auto_renewal.renewed(one, lang) for one in _concerned(s, account_id, old)] if old else [],
            ceiling=ceiling(s, _concerned(s, account_id, old), lang),
            consent=i18n.text("acceptance.keep_method", lang),
        )


def _replaced(s: Session, account_id: int, replaces_id: int | None) -> tables.PaymentMethod | None:
    if replaces_id is None:
        return None
    old = methods.own(s, account_id, replaces_id, hold=False)
    if old.status == methods.REMOVED:
        raise errors.NotFound("MET_NON_TROVATO")
    return old


def _concerned(s: Session, account_id: int, old: tables.PaymentMethod | None) -> list[tables.Service]:
    """Whose renewals set the ceiling: those on the method that is replaced, else all of the login's (9.9)."""
    return auto_renewal.renewed_by(s, old.id or 0) if old else active(s, account_id)


async def begin(actor: access.Actor, form: Mapping[str, str], lang: i18n.Lang) -> str:
    """«Prosegui»: to the gateway's page that keeps a card or account; its address.

    `form` has `gateway`, `consent`, the amount to authorise as it was shown (`ceiling`) and, to replace a method,
    `replaces`. Raises Invalid, NotFound, Unavailable, Conflict when the amount has changed since.
    """
    wish = await db.run(_wish, access.require(actor), form)
    if wish.ceiling_cents and not agreements.seen(form.get("ceiling", ""), wish.ceiling_cents, lang):
        raise errors.Conflict("PREZZO_CAMBIATO")
    texts = agreements.documents("a", lang)
    given = [agreements.Given("save_method", texts.privacy, i18n.text("acceptance.keep_method", lang))]
    if wish.ceiling_cents:
        amount = i18n.money(wish.ceiling_cents, lang)
        given.append(agreements.Given("mandate", texts.contract, i18n.text("acceptance.mandate", lang, amount=amount)))
    return await savings.open_page(actor, wish, given, lang)


def _wish(account_id: int, form: Mapping[str, str]) -> savings.Wish:
    wrong = {}
    if form.get("gateway") not in registry.gateways():
        wrong["gateway"] = "METODO_MANCANTE"
    if form.get("consent") != agreements.YES:
        wrong["consent"] = "MET_CONSENSO"
    if wrong:
        raise errors.Invalid(wrong)
    named = form.get("replaces", "")[:18]
    with db.reading() as s:
        old = _replaced(s, account_id, int(named) if named.isascii() and named.isdigit() else None)
        concerned = _concerned(s, account_id, old)
        return savings.Wish(
            gateway=form["gateway"],
            purpose=rules.Purpose.REPLACE if old else rules.Purpose.ADD,
            replaces_id=old.id if old else None,
            ceiling_cents=renewal_costs.dearest(s, concerned, clock.today())[1] or None,
            concerned=tuple(service.id or 0 for service in concerned),
        )


def outcome(actor: access.Actor, saving_id: str, lang: i18n.Lang) -> renewal_views.SavingView:
    """How a saving of the customer stands, in words. Raises NotFound, for another's too."""
    account_id = access.require(actor)
    with db.reading() as s:
        saving = s.get(tables.MethodSaving, saving_id)
        if saving is None or saving.account_id != account_id:
            raise errors.NotFound
        status = rules.Status(saving.status)
        method = s.get(tables.PaymentMethod, saving.method_id) if saving.method_id else None
        pending = status in rules.PENDING
        name = "pending" if pending else f"saved.{saving.purpose}" if status is rules.Status.SAVED else status.value
        shown = methods.title(method, lang) if method else ""
        return renewal_views.SavingView(
            id=saving.id,
            tone=_TONES[status],
            headline=i18n.text(f"saving.{name}.headline", lang),
            explanation=i18n.text(f"saving.{name}.explanation", lang, means=shown),
            poll=pending,
        )


def back(saving_id: str) -> str:
    """Where the browser goes after the gateway's page: to the service whose renewal it was for, or to the methods."""
    with db.reading() as s:
        saving = s.get(tables.MethodSaving, saving_id)
    if saving is None:
        raise errors.NotFound
    page = f"/area-clienti/servizi/{saving.activates[0]}" if saving.activates else "/metodi-di-pagamento"
    return f"{page}?salvataggio={saving.id}"
