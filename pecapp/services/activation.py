"""«Attiva il rinnovo automatico», from the customer's area: what it will do, then doing it (domain rules 6.3, 6.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlmodel import Session

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, renewals
from pecapp.domain import savings as rules
from pecapp.services import (
    access,
    agreements,
    auto_renewal,
    catalog,
    means,
    method_forms,
    methods,
    renewal_costs,
    renewal_views,
    savings,
    subscriptions,
)

YES = agreements.YES


@dataclass(frozen=True)
class _Asked:
    """What the customer wants, checked as far as it has been filled in."""

    service: tables.Service
    extended: list[tables.Service]
    years: int
    chosen: str
    method: tables.PaymentMethod | None
    cost_cents: int
    late: bool
    concerned: list[tables.Service] = field(default_factory=list)
    """Whose renewals set the amount that has to be authorised; empty when nothing has to be."""

    @property
    def at_the_bank(self) -> bool:
        """Whether the gateway's page comes first: to keep a new method, or to authorise more on a kept one."""
        return bool(self.chosen) and (self.method is None or bool(self.concerned))

    @property
    def services(self) -> list[tables.Service]:
        """All that will renew by themselves, the one that was asked for first."""
        return [self.service, *self.extended]


def plan(
    actor: access.Actor, service_id: int, form: Mapping[str, str], lang: i18n.Lang
) -> renewal_views.ActivationView:
    """What «Attiva» will do with what is filled in so far: `years`, `means`, `extend_<id>`. Raises NotFound.

    For a service that renews by itself already it is the way to another frequency or method.
    """
    account_id = access.require(actor)
    with db.reading() as s:
        service = subscriptions.own(s, account_id, service_id, hold=False)
        known = renewal_views.ActivationView(service_id=service_id, label=service.label)
        if problem := _problem(s, service):
            return replace(known, problem=i18n.text(problem, lang))
        asked = _asked(s, service, form, hold=False)
        product = catalog.current(s).price_list.product(service.product_code)
        expires = service.expires_on or clock.today()
        debit_on = max(calendar.debit_on(expires), clock.today())
        kept = means.kept(methods.usable(s, account_id), lang)
        amount = i18n.money(asked.cost_cents, lang)
        return replace(
            known,
            expires=i18n.date(expires, lang),
            years=asked.years,
            freq_min=product.freq_min,
            freq_max=product.freq_max,
            means=[*kept, *means.new(lang, beside=bool(kept))],
            chosen=asked.chosen,
            amount=amount,
            amount_today=i18n.money(0, lang),
            debit_on=i18n.date(debit_on, lang),
            stop_by="" if renewals.is_due(expires, clock.today()) else i18n.date(renewals.stop_by(expires), lang),
            late=i18n.text("activation.late", lang, amount=amount) if asked.late else "",
            extensions=auto_renewal.extensions(s, account_id, lang, without=service_id),
            ceiling=method_forms.ceiling(s, asked.concerned, lang, asked.years),
            consent=i18n.text("acceptance.keep_method", lang) if asked.at_the_bank else "",
        )


def _problem(s: Session, service: tables.Service) -> str:
    """Why its renewal cannot be switched on, as a key of the locales."""
    if service.renewal is None:
        return "activation.none"
    if not auto_renewal.can_renew_by_itself(service, clock.today()):
        return "activation.expired"
    sold = catalog.current(s).price_list.product(service.product_code).sellable
    return "" if sold else "activation.not_sold"


def _asked(s: Session, service: tables.Service, form: Mapping[str, str], *, hold: bool) -> _Asked:
    account_id, today = service.account_id, clock.today()
    product = catalog.current(s).price_list.product(service.product_code)
    wanted = form.get("years", "")
    years = renewal_costs.frequency(product, int(wanted) if wanted.isascii() and wanted.isdigit() else service.years)
    extended = [
        one
        for one in auto_renewal.several(s, account_id, _ticked(form), hold=hold)
        if one.id != service.id and not auto_renewal.excluded_because(one, today)
    ]
    default = means.value("", service.method_id) if service.method_id else ""
    choice = means.find(s, account_id, form.get("means", default), hold=hold)
    chosen = form.get("means", default) if choice else ""
    asked = _Asked(
        service=service,
        extended=extended,
        years=years,
        chosen=chosen,
        method=choice.method if choice else None,
        cost_cents=renewal_costs.of(s, [service], today, years)[service.id or 0],
        late=renewals.is_due(service.expires_on or today, today) and service.renewal != subscriptions.RENEWAL_ACTIVE,
    )
    return replace(asked, concerned=_to_authorise(s, asked)) if chosen else asked


def _ticked(form: Mapping[str, str]) -> list[int]:
    ids = [name.removeprefix("extend_") for name, value in form.items() if name.startswith("extend_") and value == YES]
    return [int(text) for text in ids if text.isascii() and text.isdigit() and len(text) < 19]


def _to_authorise(s: Session, asked: _Asked) -> list[tables.Service]:
    """Whose renewals have to be authorised with the bank first: none when the method's mandate is high enough.

    A new method is authorised for all that renews by itself on this login (9.9).
    """
    everything = [*asked.services, *(one for one in method_forms.active(s, asked.service.account_id))]
    unique = list({one.id: one for one in everything}.values())
    if asked.method is None:
        return unique
    on_it = [one for one in unique if one in asked.services or one.method_id == asked.method.id]
    needed = renewal_costs.dearest(s, on_it, clock.today(), asked.years)[1]
    return [] if needed <= (asked.method.ceiling_cents or 0) else unique


async def activate(actor: access.Actor, service_id: int, form: Mapping[str, str], lang: i18n.Lang) -> str:
    """«Attiva», or «Autorizza e procedi»: switched on at once (empty answer), or the gateway's page to go to first.

    `form` is what `plan` was shown for, with `consent` where the gateway's page comes first, `confirm_now` when the
    debit is due already, and `amount` and `ceiling` as they were shown. Raises Invalid, NotFound, Unavailable and
    Conflict (`PREZZO_CAMBIATO`, `RIN_NON_ATTIVABILE`). A failure at the gateway leaves everything as it was. Safe to
    repeat.
    """
    wanted = await db.run(_activate, actor, service_id, form, lang)
    return await savings.open_page(actor, wanted.wish, wanted.given, lang) if wanted else ""


@dataclass(frozen=True)
class _Wanted:
    """What needs the gateway's page first."""

    wish: savings.Wish
    given: list[agreements.Given]


def _activate(actor: access.Actor, service_id: int, form: Mapping[str, str], lang: i18n.Lang) -> _Wanted | None:
    account_id, at = access.require(actor), clock.now()
    with db.transaction() as s:
        means.find(s, account_id, form.get("means", ""))  # a method is held before a service
        service = subscriptions.own(s, account_id, service_id)
        if _problem(s, service):
            raise errors.Conflict("RIN_NON_ATTIVABILE")
        asked = _asked(s, service, form, hold=True)
        _check(asked, form)
        if not agreements.seen(form.get("amount", ""), asked.cost_cents, lang):
            raise errors.Conflict("PREZZO_CAMBIATO")
        wish, answers = _wish(s, asked), _answers(asked, lang)
        if asked.method is None or asked.at_the_bank:
            if not agreements.seen(form.get("ceiling", ""), wish.ceiling_cents or 0, lang):
                raise errors.Conflict("PREZZO_CAMBIATO")
            return _Wanted(wish, [*answers, *_authorised(wish, lang)])
        if auto_renewal.enable(s, asked.services, asked.method, at, asked.years):
            agreements.record(s, actor, account_id, answers, at)
        return None


def _check(asked: _Asked, form: Mapping[str, str]) -> None:
    wrong = {}
    if not asked.chosen:
        wrong["means"] = "METODO_MANCANTE"
    if asked.at_the_bank and form.get("consent") != YES:
        wrong["consent"] = "MET_CONSENSO"
    if asked.late and form.get("confirm_now") != YES:
        wrong["confirm_now"] = "RIN_CONFERMA"
    if wrong:
        raise errors.Invalid(wrong)


def _wish(s: Session, asked: _Asked) -> savings.Wish:
    gateway = asked.method.gateway if asked.method else asked.chosen
    return savings.Wish(
        gateway=gateway,
        purpose=rules.Purpose.ACTIVATE,
        activates=tuple(one.id or 0 for one in asked.services),
        years=asked.years,
        ceiling_cents=renewal_costs.dearest(s, asked.concerned, clock.today(), asked.years)[1],
        concerned=tuple(one.id or 0 for one in asked.concerned),
    )


def _answers(asked: _Asked, lang: i18n.Lang) -> list[agreements.Given]:
    given = [agreements.renewal_of((one.label for one in asked.services), lang)]
    if asked.late:
        late = i18n.text("activation.late", lang, amount=i18n.money(asked.cost_cents, lang))
        given.append(agreements.Given("debit_now", agreements.documents("a", lang).contract, late))
    return given


def _authorised(wish: savings.Wish, lang: i18n.Lang) -> list[agreements.Given]:
    """What is agreed to on the way to the gateway's page: the amount, and that what is entered there is kept."""
    texts = agreements.documents("a", lang)
    amount = i18n.money(wish.ceiling_cents or 0, lang)
    return [
        agreements.Given("mandate", texts.contract, i18n.text("acceptance.mandate", lang, amount=amount)),
        agreements.Given("save_method", texts.privacy, i18n.text("acceptance.keep_method", lang)),
    ]
