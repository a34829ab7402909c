"""The wizard's later steps, and the registration of the order."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlmodel import Session, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import catalog as rules
from pecapp.domain import identity, quotes, withdrawal
from pecapp.services import (
    access,
    accounts,
    agreements,
    auto_renewal,
    baskets,
    configuring,
    facts,
    lifecycle,
    means,
    registration,
    renewal_costs,
    settlement,
    views,
)

SHIPPING_FIELDS = ("shipping_name", "shipping_address", "shipping_postal_code", "shipping_city", "shipping_province")
BILLING_FIELDS = ("sdi_code", "sdi_pec", "sdi_none", "office_code")
YES = agreements.YES


def confirm_holder(actor: access.Actor, form: Mapping[str, str], lang: i18n.Lang) -> views.BasketView:
    """Confirm or correct the holder's data, and say who will hold the service. Raises Invalid."""
    access.require(actor)
    other, wrong = _service_holder(form)
    if wrong:
        raise errors.Invalid(wrong)
    accounts.update_holder(actor, {name: value for name, value in form.items() if name not in BILLING_FIELDS})
    with db.transaction() as s:
        priced = baskets.require(s, actor)
        baskets.save(s, priced.draft, {"service_holder": other, "holder_confirmed": True})
        return baskets.view(priced, actor, lang)


def _service_holder(form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    if form.get("service_holder", "same") == "same":
        return {}, {}
    names = ("other_first_name", "other_last_name")
    tax_code, fault = identity.check_tax_code(form.get("other_tax_code", ""), person=True)
    wrong = {name: "CAMPO_OBBLIGATORIO" for name in names if not form.get(name)}
    if fault:
        wrong["other_tax_code"] = fault
    return {name: form.get(name, "") for name in names} | {"other_tax_code": tax_code}, wrong


def confirm_billing(actor: access.Actor, form: Mapping[str, str], lang: i18n.Lang) -> views.BasketView:
    """Confirm where invoice and parcel go. Raises Invalid."""
    access.require(actor)
    with db.reading() as s:
        ships = baskets.require(s, actor).product.needs_shipping
    shipping = {name: form.get(name, "").strip() for name in SHIPPING_FIELDS} if ships else {}
    wrong = {name: "CAMPO_OBBLIGATORIO" for name, value in shipping.items() if not value}
    code = shipping.get("shipping_postal_code", "")
    if code and not (code.isascii() and code.isdigit() and len(code) == 5):
        wrong["shipping_postal_code"] = "CAP_ERRATO"
    if wrong:
        raise errors.Invalid(wrong)
    answered = {name: form.get(name, "") for name in BILLING_FIELDS if name in form or name == "sdi_none"}
    accounts.update_holder(actor, answered)
    with db.transaction() as s:
        priced = baskets.require(s, actor)
        baskets.save(s, priced.draft, {"shipping": shipping, "billing_confirmed": True})
        return baskets.view(priced, actor, lang)


def order_form(actor: access.Actor, lang: i18n.Lang) -> views.OrderFormView:
    """Step «Modulo ordine», with nothing preselected; remembers which texts and which total were shown."""
    account_id = access.require(actor)
    holder = accounts.holder(actor)
    with db.transaction() as s:
        priced = baskets.require(s, actor)
        texts = agreements.documents(priced.product.family.value, lang)
        document, privacy = texts
        seen = {"seen_gross": priced.quote.totals.gross_cents, "seen": texts.versions}
        baskets.save(s, priced.draft, seen)
        extensions = auto_renewal.extensions(s, account_id, lang) if priced.product.auto_renewable else []
        basket = baskets.view(priced, actor, lang)
        choices = means.choices(s, account_id, lang)
    consumer_until = i18n.date(withdrawal.last_day(clock.today()), lang)
    return views.OrderFormView(
        basket=basket,
        years=basket.years,
        terms=agreements.view(document),
        terms_label=i18n.text(f"acceptance.terms_{priced.product.family.value}", lang),
        clauses_label=i18n.text("acceptance.clauses", lang),
        clauses=list(document.clauses),
        privacy=agreements.view(privacy),
        privacy_label=i18n.text("acceptance.privacy", lang),
        withdrawal=i18n.text("acceptance.withdrawal", lang, until=consumer_until) if holder.consumer else "",
        withdrawal_label=i18n.text("acceptance.start_now", lang) if holder.consumer else "",
        holder_name=holder.display_name,
        reference_email=holder.email,
        subject=facts.subject(_configuration(priced, lang)),
        extensions=extensions,
        typed={},
        methods=means.offered(),
        means=choices,
    )


def place(actor: access.Actor, form: Mapping[str, str], lang: i18n.Lang) -> str:
    """Register the order and return its number. Pressed twice, or after going back, it is the same order.

    Raises Invalid with everything that is wrong; nothing is stored then. Raises Conflict when the texts or the price
    have changed since they were shown.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        draft = s.exec(db.locked(select(tables.Draft).where(tables.Draft.session_id == actor.session_id))).one_or_none()
        if draft is not None and draft.data.get("placed"):
            return str(draft.data["placed"])
        priced = baskets.require(s, actor)
        account = s.get_one(tables.Account, account_id)
        holder, wrong = identity.check_holder(account.holder)
        if holder is None or baskets.reached(priced.data, priced.product, actor) != "form":
            raise errors.Conflict("ORDINE_INCOMPLETO", fields=len(wrong))
        choice = _check(s, priced, account_id, form)
        _check_unchanged(priced, form, lang)
        order = _register(s, priced, account, holder, choice, form, lang)
        _accept(s, actor, order, priced, form, lang)
        baskets.save(s, priced.draft, {"placed": order.number})
        priced.draft.idempotency_key = uuid4().hex
        if order.gross_cents == 0:
            settlement.register_free(s, order.id or 0)
        return order.number


def _check(s: Session, priced: baskets.Priced, account_id: int, form: Mapping[str, str]) -> means.Choice:
    """What the order will be paid with, if everything is right."""
    product = priced.product
    wrong = {}
    choice = means.find(s, account_id, form.get("gateway", ""))
    if choice is None:
        wrong["gateway"] = "METODO_MANCANTE"
    if not product.yearly and form.get("years"):
        wrong["years"] = "FREQ_NON_PREVISTA"
    if product.auto_renewable and form.get("auto_renew") not in {YES, "no"}:
        wrong["auto_renew"] = "RIN_SCELTA"
    renewing = [name for name, value in form.items() if value and name.startswith(("auto_renew", "extend_"))]
    if renewing and not product.auto_renewable:
        wrong["auto_renew"] = "RIN_NON_PREVISTO"
    wrong |= agreements.missing(form)
    if wrong or choice is None:
        raise errors.Invalid(wrong)
    return choice


def _check_unchanged(priced: baskets.Priced, form: Mapping[str, str], lang: i18n.Lang) -> None:
    if priced.data.get("seen") != agreements.documents(priced.product.family.value, lang).versions:
        raise errors.Conflict("CONDIZIONI_CAMBIATE")
    other_years = form.get("years", "") not in {"", str(priced.quote.cart.years)}
    if other_years or priced.data.get("seen_gross") != priced.quote.totals.gross_cents:
        raise errors.Conflict("PREZZO_CAMBIATO")


def _register(
    s: Session,
    priced: baskets.Priced,
    account: tables.Account,
    holder: identity.Holder,
    choice: means.Choice,
    form: Mapping[str, str],
    lang: i18n.Lang,
) -> tables.Order:
    quote, product, data = priced.quote, priced.product, priced.data
    at = clock.now()
    automatic = form.get("auto_renew") == YES if product.auto_renewable else None
    order = tables.Order(
        number=registration.free_number(s),
        account_id=account.id or 0,
        family=product.family.value,
        lang=lang,
        list_net_cents=quote.list_totals.net_cents,
        net_cents=quote.totals.net_cents,
        vat_rate=quote.totals.vat_rate,
        vat_cents=quote.totals.vat_cents,
        gross_cents=quote.totals.gross_cents,
        discount_code=quote.code,
        discount_net_cents=quote.discount_net_cents,
        gateway=choice.gateway,
        method_id=choice.method_id,
        years=quote.cart.years,
        auto_renew=automatic,
        extend_services=_extensions(form) if automatic else [],
        renewal_gross_cents=quote.renewal.gross_cents if quote.renewal else None,
        ceiling_cents=_ceiling(s, account.id or 0, quote, form) if quote.renewal_each else None,
        save_method=choice.method is None and (bool(automatic) or form.get("save_method") == YES),
        start_now=form.get("start_now") == YES,
        withdrawal_until_on=withdrawal.last_day(clock.today()) if holder.consumer else None,
        holder=holder.model_dump(mode="json"),
        service_holder=data.get("service_holder", {}),
        configuration=_configuration(priced, lang),
        shipping=data.get("shipping", {}),
        reference_email=account.email,
        idempotency_key=priced.draft.idempotency_key,
        created_at=at,
        payable_until_at=at + lifecycle.PAYABLE_FOR,
    )
    s.add(order)
    s.flush()
    order_id = order.id or 0
    registration.add_lines(s, order_id, priced.catalogue.price_list, quote.lines)
    if quote.code:
        _take_code(s, order, quote.code)
    configuring.reserve(s, order_id, order.configuration["names"], configuring.tax_ids(account.holder))
    configuring.claim_contacts(s, data.get("configuration", {}))
    registration.acknowledge(s, order)
    return order


def _ceiling(s: Session, account_id: int, quote: quotes.Quote, form: Mapping[str, str]) -> int:
    """The dearest single renewal that stood on the form: of what is ordered, and of each service that was ticked."""
    each = quote.renewal_each.gross_cents if quote.renewal_each else 0
    ticked = auto_renewal.several(s, account_id, _extensions(form)) if form.get("auto_renew") == YES else []
    return max(each, *renewal_costs.of(s, ticked, clock.today()).values(), 0)


def _extensions(form: Mapping[str, str]) -> list[int]:
    """Ids as ticked; whose services they are is decided by the query that switches them on."""
    ids = [name.removeprefix("extend_") for name, value in form.items() if name.startswith("extend_") and value == YES]
    return [int(text) for text in ids if text.isascii() and text.isdigit() and len(text) < 19]


def _configuration(priced: baskets.Priced, lang: i18n.Lang) -> dict[str, Any]:
    """What the order buys, as the services need it once it is paid: one label for each."""
    typed = priced.data.get("configuration", {})
    names = configuring.addresses(typed) if priced.product.config is not rules.Config.NONE else []
    name = priced.product.name_en if lang == "en" else priced.product.name_it
    return {
        "product": priced.product.code,
        "months": priced.quote.months,
        "addons": dict(priced.quote.cart.addons),
        "typed": typed,
        "names": names,
        "labels": names or [name] * priced.quote.cart.quantity,
    }


def _take_code(s: Session, order: tables.Order, code: str) -> None:
    s.exec(db.locked(select(tables.DiscountCode).where(tables.DiscountCode.code == code))).one()
    if not baskets.usable(s, code, order.account_id):
        raise errors.Invalid({"code": "COD_NON_VALIDO"})
    s.add(tables.CodeUse(order_id=order.id or 0, code=code, account_id=order.account_id))


def _accept(
    s: Session,
    actor: access.Actor,
    order: tables.Order,
    priced: baskets.Priced,
    form: Mapping[str, str],
    lang: i18n.Lang,
) -> None:
    """Store what was accepted, approved and asked for, with the exact words that were shown."""
    family = priced.product.family.value
    texts = agreements.documents(family, lang)
    given = agreements.contract(family, lang)
    if order.start_now:
        given.append(agreements.Given("start_now", texts.contract, i18n.text("acceptance.start_now", lang)))
    if order.auto_renew is not None:
        given.append(
            agreements.renewal_answer(family, wanted=order.auto_renew, kept=order.method_id is not None, lang=lang)
        )
    if form.get("save_method") == YES:
        given.append(agreements.Given("save_method", texts.privacy, i18n.text("acceptance.save_method", lang)))
    agreements.record(s, actor, order.account_id, given, order.created_at, order.id)
