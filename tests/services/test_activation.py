"""Automatic renewal per service, from the customer's area: on, extended, changed, off; and what each screen says first.

Every row of the domain rules 6.2 to 6.5.
"""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from pecapp import clock, errors, tables
from pecapp.domain.payments import Card
from pecapp.gateways import base
from pecapp.services import access, activation, auto_renewal, methods, outbox, portfolio, savings
from tests.support import factories, race
from tests.support.factories import rows, settle, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

CARD = factories.KEPT
NEW = Card("mastercard", "4444", 6, 2033, "IT", "fp_new", token="pm_new", customer="cus_1")
EUR_12 = "12,08\xa0€"


def bought(actor: access.Actor, label: str = "PEC Standard", **order: object) -> Any:
    """A service that was paid without automatic renewal."""
    configuration = {"product": order.pop("product", "PEC-STD"), "months": None, "names": [], "labels": [label]}
    settle(factories.attempt(factories.order(actor, configuration=configuration, **order)), card=CARD)
    return rows(tables.Service)[-1]


_NONE = {"product": "FR", "months": None, "names": [], "labels": []}


@pytest.fixture
def service(actor) -> tables.Service:
    """A mailbox whose renewal was never switched on, paid on 10 March 2027 for a year."""
    return bought(actor)


NEW_CARD = {"means": "stripe", "amount": EUR_12, "ceiling": EUR_12, "consent": "yes"}


def on(method: tables.PaymentMethod, **more: str) -> dict[str, str]:
    return {"means": f"m{method.id}", "amount": EUR_12} | more


def state(service: tables.Service) -> tuple[str | None, int | None]:
    row = the(tables.Service, id=service.id)
    return row.renewal, row.method_id


def mail(template: str) -> tables.OutboxMail:
    outbox.send_due()
    return the(tables.OutboxMail, template=template)


def test_an_expired_card_is_no_choice_even_where_it_carries_the_renewal(actor, service):
    card = factories.method(actor, card=replace(CARD, exp_month=2, exp_year=2027))
    factories.change(service, renewal="active", method_id=card.id)
    plan = activation.plan(actor, service.id, {}, "it")
    assert ([one.value for one in plan.means], plan.chosen) == (["stripe", "paypal"], "")
    assert activation.plan(actor, service.id, on(card), "it").chosen == ""


# --- 6.2, what each service shows -------------------------------------------------------------------------------------


async def test_a_service_shows_active_never_on_switched_off_or_that_it_has_no_renewal(actor, service):
    assert portfolio.page(actor, service.id, "it").renewal == "inactive"
    method = factories.method(actor)
    await activation.activate(actor, service.id, on(method), "it")
    shown = portfolio.page(actor, service.id, "it")
    assert (shown.renewal, shown.method, shown.debit_on) == ("active", "Visa •••• 4242", "3 marzo 2028")
    assert (shown.amount, shown.frequency, shown.warnings) == (EUR_12, "1 anno", [])
    assert (shown.can_disable, shown.can_enable) == (True, False)
    auto_renewal.disable(actor, service.id)
    off = portfolio.page(actor, service.id, "it")
    assert (off.renewal, off.renewal_note) == ("disabled", "Disattivato da te il 10 marzo 2027.")
    assert (off.can_disable, off.can_enable, off.can_renew, off.renew_label) == (False, True, True, "renew")


def test_a_product_without_the_option_has_no_switch_and_says_so(actor):
    signature = bought(actor, "Firma", product="FR", family="b", years=None, auto_renew=None)
    shown = portfolio.page(actor, signature.id, "it")
    assert (shown.renewable, shown.renewal, shown.can_enable, shown.can_disable) == (False, "", False, False)
    assert "non ha il rinnovo automatico" in activation.plan(actor, signature.id, {}, "it").problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exp_year": 2027, "exp_month": 4}, "scade prima"),
        ({"ceiling_cents": 1207}, "costa più"),
        ({"ceiling_cents": None}, "non hai ancora autorizzato"),
    ],
)
async def test_an_active_renewal_with_a_problem_stays_active_and_warns(actor, service, change, words):
    method = factories.method(actor)
    await activation.activate(actor, service.id, on(method), "it")
    factories.change(method, **change)
    shown = portfolio.page(actor, service.id, "it")
    assert (shown.renewal, shown.method_id) == ("active", method.id)
    assert [words in warning for warning in shown.warnings] == [True]


# --- 6.4 A, no method registered --------------------------------------------------------------------------------------


async def test_without_a_method_the_card_is_saved_and_the_renewal_is_on_in_one_flow(bank, actor, service):
    plan = activation.plan(actor, service.id, {"means": "stripe"}, "it")
    assert [choice.value for choice in plan.means] == ["stripe", "paypal"]
    assert (plan.ceiling.amount, plan.amount_today, plan.debit_on) == (EUR_12, "0,00\xa0€", "3 marzo 2028")
    assert plan.stop_by == "2 marzo 2028"
    assert plan.consent
    assert (await activation.activate(actor, service.id, NEW_CARD, "it")).startswith("https://bank.test/")
    assert state(service) == ("inactive", None)
    saving = the(tables.MethodSaving)
    bank.kept_by[saving.id] = base.Kept(saving.gateway_ref, "saved", NEW, sca_ref="seti_1")
    await savings.returned(saving.id)
    method = the(tables.PaymentMethod, token="pm_new")
    assert state(service) == ("active", method.id)
    assert method.ceiling_cents == 1208
    assert [len(factories.mails(template)) for template in ("m09", "m04", "m10")] == [1, 1, 0]
    words = mail("m04").body_text
    assert all(part in words for part in ("Mastercard •••• 4444", "3 marzo 2028", EUR_12))


async def test_a_failure_at_the_bank_leaves_the_state_unchanged(bank, actor, service):
    form = NEW_CARD
    bank.fail("start_saving", base.OutcomeUnknown("time-out"))
    with pytest.raises(errors.Unavailable):
        await activation.activate(actor, service.id, form, "it")
    await activation.activate(actor, service.id, form, "it")
    (saving,) = rows(tables.MethodSaving, status="open")
    await savings.gave_up(saving.id)
    assert state(service) == ("inactive", None)
    assert (rows(tables.PaymentMethod), factories.mails("m04")) == ([], [])


async def test_what_was_switched_off_after_going_to_the_bank_stays_off(bank, actor, service):
    method = factories.method(actor)
    await activation.activate(actor, service.id, on(method), "it")
    await activation.activate(actor, service.id, NEW_CARD, "it")
    factories.change(the(tables.MethodSaving), created_at=clock.now() - timedelta(minutes=1))
    auto_renewal.disable(actor, service.id)
    saving = the(tables.MethodSaving)
    bank.kept_by[saving.id] = base.Kept(saving.gateway_ref, "saved", NEW)
    await savings.returned(saving.id)
    assert state(service) == ("disabled", None)
    assert [row.title for row in methods.listing(actor, "it")] == ["Visa •••• 4242", "Mastercard •••• 4444"]


async def test_a_debit_that_became_due_on_the_way_to_the_bank_is_not_made_without_a_word(
    bank, actor, service, frozen_clock
):
    frozen_clock.advance(days=(date(2028, 3, 2) - clock.today()).days, hours=10, minutes=30)
    await activation.activate(actor, service.id, NEW_CARD, "it")
    frozen_clock.advance(hours=1)
    assert clock.today() == date(2028, 3, 3)
    saving = the(tables.MethodSaving)
    bank.kept_by[saving.id] = base.Kept(saving.gateway_ref, "saved", NEW)
    await savings.returned(saving.id)
    assert state(service) == ("inactive", None)


# --- 6.4 B, methods exist ---------------------------------------------------------------------------------------------


async def test_on_a_kept_method_it_is_on_at_once_and_m04_tells(bank, actor, service):
    method = factories.method(actor)
    plan = activation.plan(actor, service.id, {"means": f"m{method.id}"}, "it")
    assert next(choice.title for choice in plan.means) == "Visa •••• 4242"
    assert (plan.ceiling.amount, plan.consent) == ("", "")
    assert await activation.activate(actor, service.id, on(method), "it") == ""
    assert state(service) == ("active", method.id)
    assert "Visa •••• 4242" in mail("m04").body_text
    assert bank.asked("start_saving") == []
    evidence = the(tables.Acceptance, kind="auto_renew")
    assert ("PEC Standard" in evidence.label, evidence.ip) == (True, factories.IP)


@pytest.mark.parametrize("ceiling", [1207, None])
async def test_a_mandate_that_is_too_low_has_to_be_raised_at_the_bank_first(bank, actor, service, ceiling):
    method = factories.method(actor, ceiling)
    plan = activation.plan(actor, service.id, {"means": f"m{method.id}"}, "it")
    assert (plan.ceiling.amount, bool(plan.consent)) == (EUR_12, True)
    form = on(method, consent="yes", ceiling=EUR_12)
    for lacking in ("consent", "ceiling"):
        with pytest.raises(errors.PecError):
            await activation.activate(actor, service.id, form | {lacking: ""}, "it")
    assert rows(tables.MethodSaving) == []
    assert await activation.activate(actor, service.id, form, "it")
    assert state(service) == ("inactive", None)
    saving = the(tables.MethodSaving)
    bank.kept_by[saving.id] = base.Kept(saving.gateway_ref, "saved", CARD)
    await savings.returned(saving.id)
    assert (state(service), the(tables.PaymentMethod).ceiling_cents) == (("active", method.id), 1208)


async def test_nothing_happens_until_everything_is_answered(bank, actor, service):
    method = factories.method(actor)
    before = factories.dump()
    for form, wrong in (
        ({"amount": EUR_12}, {"means": "METODO_MANCANTE"}),
        ({"means": "m999", "amount": EUR_12}, {"means": "METODO_MANCANTE"}),
        ({"means": "stripe", "amount": EUR_12}, {"consent": "MET_CONSENSO"}),
    ):
        with pytest.raises(errors.Invalid) as refused:
            await activation.activate(actor, service.id, form, "it")
        assert refused.value.fields == wrong
    with pytest.raises(errors.Conflict) as changed:
        await activation.activate(actor, service.id, {"means": f"m{method.id}", "amount": "1,00 €"}, "it")
    assert changed.value.code == "PREZZO_CAMBIATO"
    assert (factories.dump(), bank.asked("start_saving")) == (before, [])


async def test_in_the_last_week_it_needs_an_express_confirmation_and_after_the_expiry_it_cannot_be(
    actor, service, frozen_clock
):
    method = factories.method(actor)
    frozen_clock.advance(days=(date(2028, 3, 3) - clock.today()).days)
    plan = activation.plan(actor, service.id, {"means": f"m{method.id}"}, "it")
    assert ("entro 24 ore" in plan.late, plan.debit_on, plan.stop_by) == (True, "3 marzo 2028", "")
    with pytest.raises(errors.Invalid) as refused:
        await activation.activate(actor, service.id, on(method), "it")
    assert refused.value.fields == {"confirm_now": "RIN_CONFERMA"}
    assert state(service) == ("inactive", None)
    await activation.activate(actor, service.id, on(method, confirm_now="yes"), "it")
    assert state(service) == ("active", method.id)
    assert "entro 24 ore" in the(tables.Acceptance, kind="debit_now").label
    auto_renewal.disable(actor, service.id)
    frozen_clock.advance(days=8)
    assert "riattivalo" in activation.plan(actor, service.id, {}, "it").problem
    with pytest.raises(errors.Conflict):
        await activation.activate(actor, service.id, on(method, confirm_now="yes"), "it")
    assert state(service)[0] == "disabled"
    assert portfolio.page(actor, service.id, "it").renew_label == "reactivate"


async def test_the_frequency_can_be_chosen_and_raises_what_must_be_authorised(bank, actor, service):
    method = factories.method(actor, 1208)
    plan = activation.plan(actor, service.id, {"means": f"m{method.id}", "years": "5"}, "it")
    assert (plan.years, plan.amount, plan.ceiling.amount) == (5, "60,39\xa0€", "60,39\xa0€")
    far = activation.plan(actor, service.id, {"means": f"m{method.id}", "years": "99"}, "it")
    assert far.years == far.freq_max
    form = {"means": f"m{method.id}", "years": "5", "amount": plan.amount, "ceiling": plan.amount, "consent": "yes"}
    assert await activation.activate(actor, service.id, form, "it")
    saving = the(tables.MethodSaving)
    bank.kept_by[saving.id] = base.Kept(saving.gateway_ref, "saved", CARD)
    await savings.returned(saving.id)
    assert (the(tables.Service, id=service.id).years, the(tables.PaymentMethod).ceiling_cents) == (5, 6039)


async def test_a_renewal_that_is_on_can_change_its_method_and_frequency(actor, service):
    first, second = factories.method(actor), factories.method(actor, card=NEW)
    await activation.activate(actor, service.id, on(first), "it")
    assert activation.plan(actor, service.id, {}, "it").chosen == f"m{first.id}"
    await activation.activate(actor, service.id, {"means": f"m{second.id}", "years": "2", "amount": "24,16\xa0€"}, "it")
    assert state(service) == ("active", second.id)
    assert the(tables.Service, id=service.id).years == 2
    assert len(factories.mails("m04")) == 2


# --- 6.3, extension ---------------------------------------------------------------------------------------------------


async def test_it_can_be_extended_to_the_ticked_services_of_the_login_each_with_its_own_frequency(actor, service):
    second, third = bought(actor, "Seconda", years=3), bought(actor, "Terza")
    later = bought(actor, "Scaduta")
    factories.change(later, expires_on=clock.today() - timedelta(days=1))
    soon = bought(actor, "Quasi scaduta")
    factories.change(soon, expires_on=clock.today() + timedelta(days=7))
    foreign = bought(factories.customer(), "Altrui")
    method = factories.method(actor)
    plan = activation.plan(actor, service.id, {"means": f"m{method.id}"}, "it")
    offered = {one.label: (one.amount, one.debit_on, bool(one.excluded)) for one in plan.extensions}
    assert offered["Seconda"] == ("36,23\xa0€", "3 marzo 2030", False)
    assert [label for label, (_, _, excluded) in offered.items() if excluded] == ["Scaduta", "Quasi scaduta"]
    assert "Altrui" not in offered
    ticked = {f"extend_{one.id}": "yes" for one in (second, later, soon, foreign)}
    await activation.activate(actor, service.id, on(method, **ticked), "it")
    assert {one.label for one in rows(tables.Service, renewal="active")} == {"PEC Standard", "Seconda"}
    assert the(tables.Service, id=second.id).years == 3
    assert state(third) == ("inactive", None)
    assert len(factories.mails("m04")) == 1
    assert all(label in mail("m04").body_text for label in ("PEC Standard", "Seconda"))


async def test_the_ceiling_covers_the_dearest_of_all_that_are_switched_on(actor, service):
    dear = bought(actor, "Cinque anni", years=5)
    method = factories.method(actor, 1208)
    form = {"means": f"m{method.id}", f"extend_{dear.id}": "yes"}
    plan = activation.plan(actor, service.id, form, "it")
    assert (plan.ceiling.amount, plan.ceiling.set_by) == ("60,39\xa0€", "Cinque anni")


async def test_services_bought_later_are_not_included_by_themselves(actor, service):
    method = factories.method(actor)
    await activation.activate(actor, service.id, on(method), "it")
    assert state(bought(actor, "Comprata dopo")) == ("inactive", None)


# --- 6.5, and races ---------------------------------------------------------------------------------------------------


async def test_switching_off_tells_of_a_debit_that_is_running_already(actor, service):
    method = factories.method(actor)
    await activation.activate(actor, service.id, on(method), "it")
    order = factories.order(actor, kind="renewal", configuration=_NONE | {"service": service.id})
    factories.add(tables.Renewal(order_id=order.id or 0, service_id=service.id, expires_on=service.expires_on))
    factories.attempt(order, method_id=method.id)
    assert auto_renewal.disable(actor, service.id) is True
    assert state(service) == ("disabled", None)


async def test_the_switch_pressed_twice_or_in_two_tabs_ends_in_one_state_and_one_mail(actor, service):
    method = factories.method(actor)
    await asyncio.gather(*(activation.activate(actor, service.id, on(method), "it") for _ in range(4)))
    assert (state(service), len(factories.mails("m04"))) == (("active", method.id), 1)
    race.repeated(auto_renewal.disable, 4, actor, service.id)
    assert (state(service), len(factories.mails("m05"))) == (("disabled", None), 1)


async def test_on_off_and_removal_at_once_end_in_a_state_that_there_is(actor, service):
    method = factories.method(actor)
    await asyncio.gather(
        activation.activate(actor, service.id, on(method), "it"),
        asyncio.to_thread(auto_renewal.disable, actor, service.id),
        asyncio.to_thread(methods.remove, actor, method.id or 0),
        return_exceptions=True,
    )
    renewal, method_id = state(service)
    alive = the(tables.PaymentMethod).status == "valid"
    assert (renewal, method_id) in {("active", method.id), ("disabled", None), ("inactive", None)}
    assert not (renewal == "active" and not alive)


# --- strangers --------------------------------------------------------------------------------------------------------


async def test_nobody_sees_or_switches_anothers_service_or_uses_anothers_method(bank, actor, service):
    stranger, method = factories.customer(), factories.method(actor)
    theirs = bought(stranger, "Sua")
    before = factories.dump()
    for act in (
        lambda: portfolio.page(stranger, service.id, "it"),
        lambda: activation.plan(stranger, service.id, {}, "it"),
        lambda: auto_renewal.disable(stranger, service.id),
    ):
        with pytest.raises(errors.NotFound):
            act()
    with pytest.raises(errors.NotFound):
        await activation.activate(stranger, service.id, on(method), "it")
    with pytest.raises(errors.Invalid) as refused:
        await activation.activate(stranger, theirs.id, on(method), "it")
    assert refused.value.fields == {"means": "METODO_MANCANTE"}
    for act in (lambda who: portfolio.page(who, service.id, "it"), lambda who: auto_renewal.disable(who, service.id)):
        with pytest.raises(errors.Forbidden):
            act(access.Actor())
    assert (factories.dump(), bank.asked("start_saving")) == (before, [])
