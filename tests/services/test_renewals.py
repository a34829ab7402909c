"""«Rinnova»: a customer prolongs a service by an order, and the expiry moves from the old one."""

from dataclasses import replace
from datetime import date

import pytest

from pecapp import clock, errors, tables
from pecapp.services import auto_renewal, facts, lifecycle, orders, outbox, payments, portfolio, renewals
from tests.support import factories, race, renewing
from tests.support.factories import again, rows, settle, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

EUR_12 = "12,08\xa0€"
FORM = factories.ACCEPTED | {"gateway": "stripe", "auto_renew": "no", "amount": EUR_12}


@pytest.fixture
def service(actor) -> tables.Service:
    """A mailbox until 10 March 2028, without automatic renewal."""
    settle(factories.attempt(factories.order(actor)), card=factories.VISA)
    return the(tables.Service)


def renewed(number: str) -> tables.Order:
    return the(tables.Order, number=number)


def paid(number: str, **values: object) -> None:
    settle(factories.attempt(renewed(number), **values), card=factories.VISA)


def test_the_form_says_what_it_costs_and_until_when_and_nothing_is_preselected(actor, service):
    form = renewals.form(actor, service.id, {}, "it")
    assert (form.expires, form.new_expires, form.totals.gross) == ("10 marzo 2028", "10 marzo 2029", EUR_12)
    assert (form.asks_renewal, form.problem, form.years) == (True, "", 1)
    assert (form.moves, form.reactivate, form.open_order) == ("", "", "")
    assert form.withdrawal
    assert form.clauses
    five = renewals.form(actor, service.id, {"years": "5"}, "it")
    assert (five.new_expires, five.totals.gross, five.lines[0].net) == ("10 marzo 2033", "60,39\xa0€", "49,50\xa0€")


def test_the_expiry_moves_from_the_old_one_when_the_order_is_paid(actor, service):
    number = renewals.place(actor, service.id, FORM, "it")
    order = renewed(number)
    assert (order.kind, order.gross_cents, order.auto_renew) == ("renewal", 1208, False)
    assert {row.kind for row in rows(tables.Acceptance)} == {"terms", "clauses", "privacy", "auto_renew"}
    assert again(service).expires_on == date(2028, 3, 10)
    paid(number)
    assert again(service).expires_on == date(2029, 3, 10)
    assert len(rows(tables.Service)) == 1
    outbox.send_due()
    assert [mail.template for mail in rows(tables.OutboxMail, order_id=order.id)] == ["m02", "m03"]
    assert "10 marzo 2029" in the(tables.OutboxMail, template="m03", order_id=order.id).body_text
    shown = orders.page(actor, number, "it")
    assert (shown.expires, shown.service) == ("10 marzo 2029", "PEC Standard")
    assert "senza interruzioni" in shown.explanation


def test_a_service_never_has_two_open_renewal_orders(actor, service):
    numbers = race.repeated(renewals.place, 4, actor, service.id, FORM, "it")
    assert len(set(numbers)) == len(rows(tables.Renewal)) == 1
    form = renewals.form(actor, service.id, {}, "it")
    assert ("già un ordine" in form.problem, form.open_order) == (True, numbers[0])
    shown = portfolio.page(actor, service.id, "it")
    assert (shown.can_renew, shown.orders[0].number) == (False, numbers[0])


def test_after_a_cancelled_renewal_there_can_be_another(actor, service):
    first = renewals.place(actor, service.id, FORM, "it")
    lifecycle.cancel(actor, first)
    second = renewals.place(actor, service.id, FORM, "it")
    assert second != first
    paid(second)
    assert again(service).expires_on == date(2029, 3, 10)
    third = renewals.place(actor, service.id, FORM, "it")
    paid(third)
    assert again(service).expires_on == date(2030, 3, 10)


def test_a_cancelled_renewal_that_is_paid_all_the_same_is_given_back(actor, service):
    number = renewals.place(actor, service.id, FORM, "it")
    attempt = factories.attempt(renewed(number), status="cancelled")
    lifecycle.cancel(actor, number)
    settle(attempt, card=factories.VISA)
    assert again(service).expires_on == date(2028, 3, 10)
    assert len(rows(tables.Refund)) == 1


def test_within_its_grace_an_expired_service_is_reactivated_from_its_old_expiry(actor, service, frozen_clock):
    frozen_clock.advance(days=(date(2028, 6, 8) - clock.today()).days)
    factories.change(service, status="expired")
    form = renewals.form(actor, service.id, {}, "it")
    assert form.reactivate == "Il servizio è scaduto il 10 marzo 2028. Puoi riattivarlo fino al 8 giugno 2028."
    assert portfolio.page(actor, service.id, "it").renew_label == "reactivate"
    number = renewals.place(actor, service.id, FORM, "it")
    assert renewals.form(actor, service.id, {}, "it").reactivate == form.reactivate
    paid(number)
    assert (again(service).expires_on, again(service).status) == (date(2029, 3, 10), "active")


def test_after_its_grace_it_cannot_be_renewed_any_more(actor, service, frozen_clock):
    frozen_clock.advance(days=(date(2028, 6, 9) - clock.today()).days)
    assert "acquistarlo di nuovo" in renewals.form(actor, service.id, {}, "it").problem
    with pytest.raises(errors.Conflict):
        renewals.place(actor, service.id, FORM, "it")
    assert rows(tables.Renewal) == []


async def test_a_renewal_now_moves_expiry_and_next_debit_and_keeps_automatic_renewal_on_its_method(
    bank, actor, service
):
    usual, other = (
        factories.method(actor),
        factories.method(actor, card=replace(factories.KEPT, token="pm_2", fingerprint="fp_2", last4="0002")),
    )
    factories.change(service, renewal="active", method_id=usual.id)
    form = renewals.form(actor, service.id, {}, "it")
    assert (form.asks_renewal, portfolio.page(actor, service.id, "it").renew_label) == (False, "renew_now")
    assert form.moves.endswith("il prossimo addebito si sposta dal 3 marzo 2028 al 3 marzo 2029.")
    number = renewals.place(actor, service.id, FORM | {"gateway": f"m{other.id}", "auto_renew": ""}, "it")
    await payments.pay(actor, number, f"m{other.id}")
    row = again(service)
    assert (row.renewal, row.method_id, row.expires_on) == ("active", usual.id, date(2029, 3, 10))
    assert portfolio.page(actor, service.id, "it").debit_on == "3 marzo 2029"


def test_a_debit_that_is_skipped_or_past_is_not_said_to_move(actor, service, frozen_clock):
    factories.change(service, renewal="active", method_id=factories.method(actor).id)
    later = "il prossimo addebito sarà il 3 marzo 2029."
    renewing.choice(again(service), None)
    assert renewals.form(actor, service.id, {}, "it").moves.endswith(later)
    frozen_clock.advance(days=(date(2028, 3, 4) - clock.today()).days)
    assert renewals.form(actor, service.id, {}, "it").moves.endswith(later)


def test_a_renewal_order_says_what_it_renews_and_until_when_it_can_be_paid(actor, service):
    factories.change(service, label="canarini@pec.test")
    number = renewals.place(actor, service.id, FORM, "it")
    (row,) = orders.unpaid(actor, "it")
    assert (row.number, row.title, row.subject) == (number, "Rinnovo PEC Standard", "canarini@pec.test")
    shown = orders.page(actor, number, "it")
    assert (shown.renews, shown.payable_until) == (True, "8 giugno 2028")


@pytest.mark.parametrize(("month", "offered"), [(2, False), (3, True)])
def test_a_card_that_is_over_is_not_offered_and_not_taken(actor, service, month, offered):
    card = factories.method(actor, card=replace(factories.KEPT, exp_month=month, exp_year=2027))
    assert (f"m{card.id}" in [one.value for one in renewals.form(actor, service.id, {}, "it").means]) == offered
    if not offered:
        with pytest.raises(errors.Invalid) as refused:
            renewals.place(actor, service.id, FORM | {"gateway": f"m{card.id}"}, "it")
        assert refused.value.fields == {"gateway": "METODO_MANCANTE"}


async def test_asked_for_with_the_renewal_it_is_on_the_method_that_paid(bank, actor, service):
    method = factories.method(actor, None)
    number = renewals.place(actor, service.id, FORM | {"gateway": f"m{method.id}", "auto_renew": "yes"}, "it")
    await payments.pay(actor, number, f"m{method.id}")
    row = again(service)
    assert (row.renewal, row.method_id) == ("active", method.id)
    assert (again(method).ceiling_cents, len(factories.mails("m04"))) == (1208, 1)


def test_paid_by_who_only_knows_the_number_it_switches_nothing_on(actor, service):
    """Check 5."""
    number = renewals.place(actor, service.id, FORM | {"auto_renew": "yes"}, "it")
    paid(number, channel="quick", save_method=False)
    assert (again(service).renewal, again(service).expires_on) == ("inactive", date(2029, 3, 10))
    assert rows(tables.PaymentMethod) == []


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"accept_terms": ""}, {"accept_terms": "ACC_MANCANTE"}),
        ({"gateway": "m99"}, {"gateway": "METODO_MANCANTE"}),
        ({"auto_renew": ""}, {"auto_renew": "RIN_SCELTA"}),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_ordered(actor, service, form, wrong):
    before = factories.dump()
    with pytest.raises(errors.Invalid) as refused:
        renewals.place(actor, service.id, FORM | form, "it")
    assert (refused.value.fields, factories.dump()) == (wrong, before)


def test_a_price_that_changed_since_it_was_shown_is_not_ordered(actor, service):
    before = factories.dump()
    with pytest.raises(errors.Conflict) as refused:
        renewals.place(actor, service.id, FORM | {"years": "2"}, "it")
    assert (refused.value.code, factories.dump()) == ("PREZZO_CAMBIATO", before)


def test_nobody_renews_anothers_service(actor, service):
    stranger = factories.customer()
    before = factories.dump()
    for act in (
        lambda: renewals.form(stranger, service.id, {}, "it"),
        lambda: renewals.place(stranger, service.id, FORM, "it"),
        lambda: renewals.place(actor, 10**9, FORM, "it"),
    ):
        with pytest.raises(errors.NotFound):
            act()
    assert factories.dump() == before


def test_a_running_payment_of_the_renewal_is_a_running_debit(actor, service):
    number = renewals.place(actor, service.id, FORM, "it")
    assert auto_renewal.disable(actor, service.id) is False
    factories.attempt(renewed(number))
    assert auto_renewal.disable(actor, service.id) is True
    assert facts.subject(renewed(number).configuration) == ""


def test_who_pays_later_is_asked_about_automatic_renewal_once_more(actor, frozen_clock):
    order = factories.order(actor, renewal_gross_cents=1208)
    assert orders.page(actor, order.number, "it").renewal_offer == "", "it has just been answered"
    frozen_clock.advance(hours=2)
    assert EUR_12 in orders.page(actor, order.number, "it").renewal_offer
    for _ in range(2):
        lifecycle.ask_for_renewal(actor, order.number, None, "it")
    assert (again(order).auto_renew, again(order).save_method) == (True, True)
    assert "Sì, attiva" in the(tables.Acceptance).label
    assert orders.page(actor, order.number, "it").renewal_offer == ""
    settle(factories.attempt(again(order)), card=factories.KEPT)
    assert the(tables.Service).renewal == "active"


@pytest.mark.parametrize("values", [{"auto_renew": None}, {"status": "paid"}, {"status": "verifying"}])
def test_where_there_is_nothing_to_ask_the_answer_changes_nothing(actor, values):
    order = factories.order(actor, **values)
    stranger = factories.customer()
    before = factories.dump()
    with pytest.raises(errors.Conflict):
        lifecycle.ask_for_renewal(actor, order.number, None, "it")
    with pytest.raises(errors.NotFound):
        lifecycle.ask_for_renewal(stranger, order.number, None, "it")
    assert factories.dump() == before


def test_the_later_price_is_that_of_the_services_own_frequency(actor, service):
    factories.change(service, years=5)
    one_year = {"years": "1"}
    assert "60,39\xa0€" in renewals.form(actor, service.id, one_year, "it").renewal
    number = renewals.place(actor, service.id, FORM | one_year, "it")
    order = renewed(number)
    assert (order.gross_cents, order.renewal_gross_cents, order.ceiling_cents) == (1208, 6039, 6039)


def test_what_was_switched_off_after_ordering_stays_off_when_the_order_is_paid(actor, service, frozen_clock):
    number = renewals.place(actor, service.id, FORM | {"auto_renew": "yes"}, "it")
    frozen_clock.advance(minutes=1)
    factories.change(service, renewal="active", method_id=factories.method(actor).id)
    auto_renewal.disable(actor, service.id)
    settle(factories.attempt(renewed(number)), card=factories.KEPT)
    assert (again(service).renewal, again(service).expires_on) == ("disabled", date(2029, 3, 10))
