"""«Prossimi addebiti»: a customer sees every debit before it happens, and has the last word on the next one."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, renewals
from pecapp.services import access, auto_renewal, catalog, forecast, live, methods, numbering, subscriptions
from tests.support import factories, race, renewing

TODAY = date(2027, 3, 10)
E = date(2027, 4, 30)
DEBIT = date(2027, 4, 23)
NOTHING = ("", "")
AUTHORISE = ("/area-clienti/servizi/{service}/rinnovo", "Autorizza il nuovo importo")
UPDATE = ("/metodi-di-pagamento/nuovo?sostituisce={method}", "Aggiorna i tuoi dati")
"""What can be done about a light: where, and the words that lead there."""
pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
def visa(actor) -> tables.PaymentMethod:
    return renewing.card(actor, last4="4242", ceiling_cents=1208)


def price(product: str, valid_from: date, net_cents: int) -> None:
    """A new price of the list, announced today."""
    with db.transaction() as s:
        s.add(tables.Price(product_code=product, valid_from=valid_from, net_cents=net_cents))
        s.flush()
        numbering.take(s, catalog.VERSION)


def charges(actor, lang: i18n.Lang = "it"):
    return forecast.upcoming(actor, lang).charges


def seen(actor) -> list[tuple[str, str, str]]:
    return [(charge.iso, charge.service, charge.amount) for charge in charges(actor)]


# --- what is seen -----------------------------------------------------------------------------------------------------


def test_a_debit_is_shown_with_its_day_amount_method_ceiling_and_light(actor, visa):
    mailbox = renewing.service(actor, visa, E)
    view = forecast.upcoming(actor, "it")
    (charge,) = view.charges
    assert (charge.on, charge.iso, charge.expires) == ("23 aprile 2027", "2027-04-23", "30 aprile 2027")
    assert (charge.service, charge.amount, charge.means, charge.ceiling) == (
        mailbox.label, "12,08\xa0€", "Visa •••• 4242", "12,08\xa0€",
    )  # fmt: skip
    assert (charge.light, charge.fix_url, charge.first, charge.changeable) == ("covered", "", True, True)
    assert charge.why == "Il metodo è valido e l'importo rientra in quello autorizzato."
    assert (view.total, view.until) == ("12,08\xa0€", "10 marzo 2028")
    assert [charge.amount for charge in charges(actor, "en")] == ["€12.08"]


def test_the_year_is_shown_month_by_month_with_its_empty_months(actor, visa):
    renewing.service(actor, visa, E)
    renewing.service(actor, visa, E + timedelta(days=1), years=2)
    renewing.service(actor, visa, date(2027, 12, 31))
    view = forecast.upcoming(actor, "it")
    assert [(month.name, month.amount) for month in view.months] == [
        ("aprile 2027", "12,08\xa0€"),
        ("dicembre 2027", "12,08\xa0€"),
    ]
    assert [bar.short for bar in view.year] == "mar apr mag giu lug ago set ott nov dic gen feb".split()
    assert [bar.share for bar in view.year] == [0, 100, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0]
    assert view.total == "24,16\xa0€"


def test_both_ends_of_the_year_are_one_column(actor, visa):
    renewing.service(actor, visa, TODAY + timedelta(days=7))
    renewing.service(actor, visa, E)
    view = forecast.upcoming(actor, "it")
    assert [month.name for month in view.months] == ["marzo 2027", "aprile 2027", "marzo 2028"]
    assert [bar.share for bar in view.year] == [100, 50] + [0] * 10


def test_what_will_not_be_tried_is_not_counted(actor, visa):
    renewing.service(actor, visa, E)
    renewing.service(actor, visa, E, years=2)
    renewing.service(actor, None, E)
    view = forecast.upcoming(actor, "it")
    assert [charge.light for charge in view.charges] == ["covered", "uncovered", "uncovered"]
    assert (view.total, view.months[0].amount) == ("12,08\xa0€", "12,08\xa0€")


def test_a_debit_after_the_year_is_announced(actor, visa):
    mailbox = renewing.service(actor, visa, date(2029, 4, 30), label="presto")
    renewing.service(actor, visa, date(2030, 4, 30), label="tardi")
    view = forecast.upcoming(actor, "it")
    assert (view.months, view.later) == (
        [], "Nessun addebito nei prossimi dodici mesi. Il prossimo: 23 aprile 2029, 12,08\xa0€, presto.",
    )  # fmt: skip
    renewing.choice(mailbox, None)
    assert "23 aprile 2030, 12,08\xa0€, tardi" in forecast.upcoming(actor, "it").later
    renewing.service(actor, visa, E)
    assert forecast.upcoming(actor, "it").later == ""


def test_a_renewal_that_is_on_without_a_debit_is_not_called_off(actor, visa):
    renewing.choice(renewing.service(actor, visa, TODAY), None)
    assert forecast.upcoming(actor, "it").later == "Nessun addebito nei prossimi dodici mesi."


def test_who_renews_nothing_sees_nothing(actor, visa):
    renewing.service(actor, visa, E, renewal="disabled", method_id=None)
    renewing.service(actor, visa, E, renewal="inactive")
    renewing.service(actor, visa, E, renewal="incomplete")
    renewing.service(actor, visa, E, status="cancelled")
    renewing.service(actor, visa, E, status="expired")
    renewing.service(actor, visa, TODAY - timedelta(days=1))
    view = forecast.upcoming(actor, "it")
    assert (view.months, view.charges, view.total, view.later) == ([], [], "0,00\xa0€", "")


def test_nobody_sees_anothers_debits(actor, visa):
    renewing.service(actor, visa, E)
    assert charges(factories.customer()) == []
    with pytest.raises(errors.Forbidden):
        forecast.upcoming(type(actor)(), "it")


def test_addons_and_years_are_in_the_amount(actor, visa):
    renewing.service(actor, visa, E, years=3, configuration={"product": "PEC-STD", "addons": {"PEC-GB": 1}})
    cents = round((990 + _list_price("PEC-GB")) * 3 * 1.22)
    assert [charge.amount for charge in charges(actor)] == [f"{cents / 100:.2f}".replace(".", ",") + "\xa0€"]


def _list_price(product: str, on: date = TODAY) -> int:
    """The newest price of that day, net."""
    rows = [row for row in factories.rows(tables.Price, product_code=product) if row.valid_from <= on]
    return max(rows, key=lambda row: row.valid_from).net_cents


def test_a_price_that_changes_counts_from_its_day_on(actor, visa):
    renewing.service(actor, visa, E, label="prima")
    renewing.service(actor, visa, date(2027, 10, 8), label="la vigilia")
    renewing.service(actor, visa, date(2027, 10, 9), label="quel giorno")
    price("PEC-STD", date(2027, 10, 2), 1500)
    assert [(charge.service, charge.amount, charge.light) for charge in charges(actor)] == [
        ("prima", "12,08\xa0€", "covered"),
        ("la vigilia", "12,08\xa0€", "covered"),
        ("quel giorno", "18,30\xa0€", "uncovered"),
    ]


def test_an_order_that_waits_to_be_paid_is_what_will_be_debited(actor, visa):
    mailbox = renewing.service(actor, visa, E)
    order = factories.order(actor, kind="renewal", years=2, net_cents=1980, vat_cents=436, gross_cents=2416)
    with db.transaction() as s:
        s.add(tables.Renewal(order_id=order.id or 0, service_id=mailbox.id or 0, expires_on=E))
    assert seen(actor) == [("2027-04-23", mailbox.label, "24,16\xa0€")]
    with db.transaction() as s:
        subscriptions.give_up_renewal(s, order.id or 0)
    assert seen(actor) == [("2027-04-23", mailbox.label, "12,08\xa0€")]


def test_a_debit_that_was_missed_is_made_up_for_today(actor, visa):
    renewing.service(actor, visa, TODAY)
    first, second = charges(actor)
    assert (first.iso, first.first, first.changeable) == ("2027-03-10", True, False)
    assert (second.iso, second.first, second.changeable) == ("2028-03-03", False, False)


@pytest.mark.parametrize(
    ("values", "light", "words", "fix"),
    [
        ({}, "covered", "Il metodo è valido", NOTHING),
        ({"ceiling_cents": 1207}, "uncovered", "supera quello autorizzato (12,07\xa0€)", AUTHORISE),
        ({"ceiling_cents": None}, "uncovered", "non hai autorizzato addebiti", AUTHORISE),
        ({"status": "revoked"}, "uncovered", "è stato revocato", UPDATE),
        ({"exp_month": 3, "exp_year": 2027}, "at_risk", "La carta scade il 31 marzo 2027", UPDATE),
        ({"exp_month": 4, "exp_year": 2027}, "covered", "Il metodo è valido", NOTHING),
    ],
)
def test_each_light_says_why_and_what_can_be_done(actor, values, light, words, fix):
    card = renewing.card(actor, **{"ceiling_cents": 1208} | values)
    mailbox = renewing.service(actor, card, E)
    (charge,) = charges(actor)
    assert charge.light == light
    assert (charge.fix_url, charge.fix_label) == (fix[0].format(service=mailbox.id, method=card.id), fix[1])
    assert words in charge.why


def test_a_service_without_a_method_is_not_covered(actor):
    renewing.service(actor, None, E)
    (charge,) = charges(actor)
    assert (charge.light, charge.means, charge.ceiling) == ("uncovered", "Nessun metodo", "")
    assert charge.fix_url == "/metodi-di-pagamento"
    assert "30 aprile 2027" in charge.why


def test_what_is_not_sold_any_more_is_not_counted(actor, visa):
    renewing.service(actor, visa, E)
    with db.transaction() as s:
        s.get_one(tables.Product, "PEC-STD").sellable = False
        numbering.take(s, catalog.VERSION)
    view = forecast.upcoming(actor, "it")
    (charge,) = view.charges
    assert (charge.light, charge.fix_url, view.total) == ("uncovered", "", "0,00\xa0€")
    assert "non è più in vendita" in charge.why


def test_a_hundred_services_take_as_many_queries_as_one(actor, visa):
    renewing.service(actor, visa, E)
    charges(actor)  # the catalogue is read once for all
    few = _queries(actor)
    for _ in range(12):
        renewing.choice(renewing.service(actor, visa, E), renewing.card(actor))
    assert _queries(actor) == few


def _queries(actor) -> int:
    asked = []

    def note(_connection, _cursor, statement, *_) -> None:
        asked.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        forecast.upcoming(actor, "it")
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    return len([one for one in asked if one.startswith("SELECT")])


# --- the engine's own calendar ----------------------------------------------------------------------------------------


def _random_account(dice: random.Random, today: date) -> tuple[access.Actor, dict[str, tuple[date, int, str, bool]]]:
    """A customer with up to nine services, and what a day-by-day run has to know of them."""
    actor = factories.customer()
    cards = [renewing.card(actor) for _ in range(3)]
    known = {}
    for number in range(dice.randint(1, 9)):
        expires_on = dice.choice(
            [today + timedelta(days=dice.randint(-2, 380)), _month_end(dice, today), date(2028, 2, 29)]
        )
        product, most = dice.choice([("PEC-STD", 5), ("FE", 10)])
        years = dice.randint(1, 10)
        label = f"servizio {number}"
        row = renewing.service(actor, dice.choice(cards), expires_on, years, product_code=product, label=label)
        decided = dice.choice(["usual", "usual", "skipped", "other"])
        if decided != "usual":
            renewing.choice(row, None if decided == "skipped" else dice.choice(cards))
        known[label] = (expires_on, min(years, most), product, decided == "skipped")
    return actor, known


def _month_end(dice: random.Random, today: date) -> date:
    first = calendar.add_months(today.replace(day=1), dice.randint(1, 12))
    return first - timedelta(days=1)


def _lived_through(today: date, known: dict[str, tuple[date, int, str, bool]]) -> list[tuple[str, str, int]]:
    expiries = {label: expires_on for label, (expires_on, *_) in known.items()}
    debits, day = [], today
    while day <= calendar.add_months(today, 12):
        for label, (first, years, product, skipped) in known.items():
            expires_on = expiries[label]
            if renewals.is_due(expires_on, day) and not (skipped and expires_on == first):
                net = _list_price(product, day) * years
                debits.append((day.isoformat(), label, net + (net * 22 + 50) // 100))
                expiries[label] = calendar.renewed_expiry(expires_on, years)
        day += timedelta(days=1)
    return sorted(debits)


def _cents(amount: str) -> int:
    return int("".join(c for c in amount if c.isdigit()))


TODAYS = (date(2027, 2, 28), TODAY, date(2027, 12, 31), date(2028, 2, 22), date(2028, 2, 29))


def test_the_forecast_of_any_account_is_what_each_day_of_the_year_will_bring(frozen_clock):
    for product, valid_from, net in (
        ("PEC-STD", date(2027, 6, 1), 1500), ("PEC-STD", date(2028, 2, 24), 1600), ("FE", date(2027, 11, 2), 2500),
    ):  # fmt: skip
        price(product, valid_from, net)
    for seed in range(20):
        dice = random.Random(seed)
        today = TODAYS[seed % len(TODAYS)]
        frozen_clock.set(datetime.combine(today, time(dice.randint(0, 22)), tzinfo=UTC))
        assert clock.today() == today
        actor, known = _random_account(dice, today)
        view = forecast.upcoming(actor, "it")
        foretold = [(c.iso, c.service, _cents(c.amount)) for c in view.charges if not c.skipped]
        assert sorted(foretold) == _lived_through(today, known), f"seed {seed}"
        assert _cents(view.total) == sum(cents for _, _, cents in foretold), f"seed {seed}"
        assert [c.iso for c in view.charges] == sorted(c.iso for c in view.charges), f"seed {seed}"


# --- what is decided --------------------------------------------------------------------------------------------------


@pytest.fixture
def mailbox(actor, visa) -> tables.Service:
    return renewing.service(actor, visa, E)


@pytest.fixture
def news() -> Iterator[list[str]]:
    """The topics that were published."""
    heard: list[str] = []

    def hear(topics: frozenset[str]) -> None:
        heard.extend(topics)

    live.listen(hear)
    yield heard
    live.forget(hear)


def test_a_renewal_is_skipped_and_automatic_renewal_stays_on(actor, mailbox, news):
    forecast.skip(actor, mailbox.id)
    view = forecast.upcoming(actor, "it")
    (charge,) = view.charges
    assert (charge.iso, charge.light, charge.skipped, charge.fix_url) == ("2027-04-23", "skipped", True, "")
    assert "finisce il 30 aprile 2027" in charge.why
    assert view.total == "0,00\xa0€"
    assert factories.again(mailbox).renewal == "active"
    assert news == [live.account(actor.account_id)]


def test_what_was_skipped_can_be_put_back(actor, mailbox, news):
    forecast.skip(actor, mailbox.id)
    forecast.keep(actor, mailbox.id)
    (charge,) = charges(actor)
    assert (charge.light, charge.skipped, charge.changeable) == ("covered", False, True)
    assert news == [live.account(actor.account_id)] * 2


def test_another_method_is_used_this_time_only(actor, mailbox):
    other = renewing.card(actor, last4="1111", exp_month=12, exp_year=2027)
    forecast.use(actor, mailbox.id, other.id)
    (charge,) = charges(actor)
    assert (charge.means, charge.ceiling, charge.other_method) == ("Visa •••• 1111", "500,00\xa0€", True)
    assert factories.again(mailbox).method_id == mailbox.method_id
    forecast.keep(actor, mailbox.id)
    assert charges(actor)[0].means == "Visa •••• 4242"


def test_the_next_term_is_back_on_the_usual_method(actor, visa, frozen_clock):
    mailbox = renewing.service(actor, visa, TODAY + timedelta(days=8))
    forecast.use(actor, mailbox.id, renewing.card(actor, last4="1111").id)
    frozen_clock.advance(days=3)
    first, second = charges(actor)
    assert (first.means, second.means) == ("Visa •••• 1111", "Visa •••• 4242")


def test_choosing_the_usual_method_is_undoing(actor, mailbox):
    forecast.skip(actor, mailbox.id)
    forecast.use(actor, mailbox.id, mailbox.method_id)
    assert factories.rows(tables.RenewalChoice) == []


def test_the_last_choice_counts(actor, mailbox):
    other = renewing.card(actor)
    forecast.skip(actor, mailbox.id)
    forecast.use(actor, mailbox.id, other.id)
    assert factories.the(tables.RenewalChoice).method_id == other.id
    forecast.skip(actor, mailbox.id)
    assert factories.the(tables.RenewalChoice).method_id is None


def test_another_method_is_offered_only_where_its_authorised_amount_is_enough(actor, visa):
    other = renewing.card(actor, last4="1111", ceiling_cents=1208)
    renewing.card(actor, ceiling_cents=1207)
    renewing.card(actor, ceiling_cents=None)
    renewing.card(actor, status="revoked")
    renewing.card(actor, status="removed", token="", ceiling_cents=None)
    renewing.card(factories.customer())
    renewing.service(actor, visa, E)
    renewing.service(actor, visa, E, years=2)
    one, two = charges(actor)
    assert [(offered.value, offered.title) for offered in one.others] == [(f"m{other.id}", "Visa •••• 1111")]
    assert "autorizzato fino a 12,08\xa0€" in one.others[0].detail
    assert (one.can_change_method, two.can_change_method, two.others) == (True, False, [])


@pytest.mark.parametrize("act", [forecast.skip, forecast.keep])
def test_repeating_changes_nothing(actor, mailbox, news, act):
    forecast.skip(actor, mailbox.id)
    act(actor, mailbox.id)
    before, told = factories.dump(), len(news)
    act(actor, mailbox.id)
    assert factories.dump() == before
    assert len(news) == told


def _refused(code: str, act, *args) -> None:
    before = factories.dump()
    with pytest.raises(errors.PecError) as refusal:
        act(*args)
    assert refusal.value.code == code
    assert factories.dump() == before


def test_nobody_decides_on_anothers_service(actor, mailbox, visa):
    stranger = factories.customer()
    own = renewing.card(stranger)
    for act, rest in ((forecast.skip, ()), (forecast.keep, ()), (forecast.use, (own.id,))):
        _refused("SER_NON_TROVATO", act, stranger, mailbox.id, *rest)
        _refused("SER_NON_TROVATO", act, stranger, 0, *rest)
        _refused("ACCEDI", act, type(actor)(), mailbox.id, *rest)
    _refused("MET_NON_TROVATO", forecast.use, actor, mailbox.id, own.id)
    _refused("MET_NON_TROVATO", forecast.use, actor, mailbox.id, 0)
    _refused("MET_NON_TROVATO", forecast.use, actor, mailbox.id, renewing.card(actor, status="revoked").id)


@pytest.mark.parametrize(("ceiling", "fits"), [(None, False), (1207, False), (1208, True)])
def test_another_method_has_to_be_authorised_for_the_amount_of_the_day(actor, mailbox, ceiling, fits):
    other = renewing.card(actor, ceiling_cents=ceiling)
    if fits:
        forecast.use(actor, mailbox.id, other.id)
        assert charges(actor)[0].light == "covered"
        forecast.keep(actor, mailbox.id)
    price("PEC-STD", DEBIT, 1500)
    _refused("MAND_BASSO", forecast.use, actor, mailbox.id, other.id)


def test_a_renewal_that_is_not_on_cannot_be_skipped(actor, visa):
    states: list[dict[str, Any]] = [{"renewal": "disabled"}, {"renewal": "inactive"}, {"renewal": None}]
    for values in [*states, {"status": "cancelled"}]:
        service = renewing.service(actor, visa, E, **values)
        for act, rest in ((forecast.skip, ()), (forecast.keep, ()), (forecast.use, (renewing.card(actor).id,))):
            _refused("RIN_NON_ATTIVO", act, actor, service.id, *rest)
    _refused("RIN_NON_ATTIVO", forecast.skip, actor, renewing.service(actor, visa, TODAY - timedelta(days=1)).id)


def test_the_choice_is_open_until_the_end_of_the_day_before_the_debit(actor, mailbox, frozen_clock):
    frozen_clock.set(datetime(2027, 4, 22, 21, 59, 59, tzinfo=UTC))  # 23:59:59 in Rome
    assert charges(actor)[0].changeable
    forecast.skip(actor, mailbox.id)
    frozen_clock.advance(seconds=1)
    other = renewing.card(actor)
    for act, rest in ((forecast.skip, ()), (forecast.keep, ()), (forecast.use, (other.id,))):
        _refused("RIN_TROPPO_TARDI", act, actor, mailbox.id, *rest)
    assert [(charge.skipped, charge.changeable) for charge in charges(actor)] == [(True, False)]


def test_a_choice_does_not_outlive_its_term(actor, mailbox, visa):
    forecast.skip(actor, mailbox.id)
    with db.transaction() as s:
        s.get_one(tables.Service, mailbox.id).expires_on = calendar.renewed_expiry(E, 1)  # renewed by hand
    frozen = charges(actor)
    assert frozen == []
    renewing.service(actor, visa, E)
    assert len(charges(actor)) == 1


def test_two_tabs_at_once_leave_one_choice(actor, mailbox):
    other, third = renewing.card(actor), renewing.card(actor)
    second_tab = factories.other_browser(actor)
    outcomes = race.together(
        lambda act, *args: act(*args),
        (forecast.skip, actor, mailbox.id),
        (forecast.use, second_tab, mailbox.id, other.id),
        (forecast.use, actor, mailbox.id, third.id),
        (forecast.skip, second_tab, mailbox.id),
    )
    assert outcomes == [None] * 4
    assert factories.the(tables.RenewalChoice).method_id in {None, other.id, third.id}


def test_skipping_while_it_is_switched_off_leaves_no_choice_behind(actor, mailbox):
    outcomes = race.together(
        lambda act: act(actor, mailbox.id), (forecast.skip,), (auto_renewal.disable,), (forecast.skip,)
    )
    assert {str(outcome) for outcome in outcomes} <= {"None", "False", "RIN_NON_ATTIVO"}
    assert factories.rows(tables.RenewalChoice) == []


def test_a_method_that_is_removed_at_the_same_moment_is_not_chosen(actor, mailbox):
    other = renewing.card(actor)
    outcomes = race.together(
        lambda act, *args: act(actor, *args), (forecast.use, mailbox.id, other.id), (methods.remove, other.id)
    )
    assert outcomes[1] is None
    assert str(outcomes[0]) in {"None", "MET_NON_TROVATO"}
    assert factories.rows(tables.RenewalChoice) == []
