"""Prices, promotions and codes: what is to come can be added and taken back, what was in force stays as it was."""

from datetime import date
from typing import Any

import pytest

from pecapp import clock, db, errors, i18n, tables
from pecapp.services import access, baskets, catalog
from pecapp.services.admin import discount_codes, selling
from tests.support import factories
from tests.support import people as persons

pytestmark = pytest.mark.usefixtures("shop")

WHY = "nuovo contratto con il fornitore"
PEC = "PEC-STD"
TODAY, TOMORROW = date(2027, 3, 10), date(2027, 3, 11)


@pytest.fixture
def owner() -> access.Actor:
    return persons.staff("owner")


def price_on(day: date) -> int:
    with db.reading() as s:
        return catalog.current(s).price_list.price(PEC, day).net_cents


def code(**changes: Any) -> discount_codes.NewCode:
    wanted = {"code": "AMICI-10", "kind": "percent", "value": 10, "product_codes": (PEC,), "first": TODAY}
    return discount_codes.NewCode(**{**wanted, "last": date(2027, 4, 30), **changes})


def refused(kind: type[errors.PecError], act: Any, *given: Any, **more: Any) -> errors.PecError:
    """What an act says that changes nothing."""
    before = factories.dump()
    with pytest.raises(kind) as refusal:
        act(*given, **more)
    assert factories.dump() == before
    return refusal.value


def test_a_new_price_counts_from_its_day_and_the_old_one_until_then(owner: access.Actor) -> None:
    old = price_on(TODAY)
    selling.add_price(owner, PEC, TOMORROW, 1490, WHY)
    assert (price_on(TODAY), price_on(TOMORROW)) == (old, 1490)
    act = factories.the(tables.StaffAct, act="price_added")
    assert (act.subject, act.before["net_cents"], act.after["net_cents"]) == (f"product:{PEC}", old, 1490)


@pytest.mark.parametrize(
    ("since", "net", "field"),
    [
        (TODAY, 1490, "since"),
        (None, 1490, "since"),
        (date(2020, 1, 1), 1490, "since"),
        (TOMORROW, None, "net"),
        (TOMORROW, -1, "net"),
    ],
)
def test_a_price_that_cannot_be_is_refused(
    owner: access.Actor, since: date | None, net: int | None, field: str
) -> None:
    problem = refused(errors.Invalid, selling.add_price, owner, PEC, since, net, WHY)
    assert field in getattr(problem, "fields", {})


def test_an_empty_form_is_told_of_everything_that_is_missing(owner: access.Actor) -> None:
    day, price, reason = "DATA_MANCANTE", "PREZZO_ERRATO", "MOTIVO_MANCANTE"
    nothing = discount_codes.NewCode("", "percent", None, (), None, None)
    for act, given, wrong in (
        (selling.add_price, (PEC, None, None, ""), {"since": day, "net": price, "why": reason}),
        (
            selling.add_promotion,
            (PEC, None, None, None, ""),
            {"first": day, "last": day, "net": price, "why": reason},
        ),
        (
            discount_codes.add_code,
            (nothing, ""),
            {"code": "COD_FORMATO", "value": "COD_VALORE", "first": day, "last": day, "why": reason},
        ),
    ):
        assert getattr(refused(errors.Invalid, act, owner, *given), "fields", {}) == wrong


def test_what_is_not_sold_gets_no_price(owner: access.Actor) -> None:
    refused(errors.Invalid, selling.add_price, owner, "NIENTE", TOMORROW, 100, WHY)


def test_a_first_year_is_never_dearer_than_the_others(owner: access.Actor) -> None:
    known = next(row for row in factories.rows(tables.Price) if row.first_year_net_cents)
    selling.add_price(owner, known.product_code, TOMORROW, known.first_year_net_cents - 1, WHY)
    added = factories.the(tables.Price, product_code=known.product_code, valid_from=TOMORROW)
    assert added.first_year_net_cents is None


def test_one_price_from_one_day(owner: access.Actor) -> None:
    selling.add_price(owner, PEC, TOMORROW, 1490, WHY)
    refused(errors.Conflict, selling.add_price, owner, PEC, TOMORROW, 1500, WHY)


def test_a_price_to_come_can_be_taken_back_and_one_in_force_cannot(owner: access.Actor) -> None:
    selling.add_price(owner, PEC, TOMORROW, 1490, WHY)
    coming = factories.the(tables.Price, product_code=PEC, valid_from=TOMORROW)
    selling.withdraw_price(owner, coming.id or 0, WHY)
    assert price_on(TOMORROW) == price_on(TODAY)
    in_force = next(row for row in factories.rows(tables.Price, product_code=PEC) if row.valid_from <= TODAY)
    refused(errors.Conflict, selling.withdraw_price, owner, in_force.id or 0, WHY)
    refused(errors.NotFound, selling.withdraw_price, owner, 999_999, WHY)


# --- promotions -------------------------------------------------------------------------------------------------------


def test_a_promotion_runs_from_its_first_morning_to_the_end_of_its_last_day(
    owner: access.Actor, frozen_clock: Any
) -> None:
    selling.add_promotion(owner, PEC, TOMORROW, date(2027, 3, 20), 500, WHY)
    row = factories.the(tables.Promotion, product_code=PEC, net_cents=500)
    assert (row.starts_at.isoformat(), row.ends_at.isoformat()) == (
        "2027-03-10T23:00:00+00:00",
        "2027-03-20T23:00:00+00:00",
    )
    frozen_clock.advance(days=2)
    with db.reading() as s:
        running = catalog.current(s).price_list.promotion(PEC, clock.now())
    assert running is not None
    assert running.net_cents == 500


@pytest.mark.parametrize(
    ("product", "first", "last", "net", "field"),
    [
        (PEC, TODAY, date(2027, 3, 20), 500, "first"),
        (PEC, TOMORROW, TODAY, 500, "last"),
        (PEC, TOMORROW, date(2027, 3, 20), 990, "net"),
        (PEC, TOMORROW, date(2027, 3, 20), None, "net"),
        ("NIENTE", TOMORROW, date(2027, 3, 20), 500, "product"),
    ],
)
def test_a_promotion_that_cannot_be_is_refused(
    owner: access.Actor, product: str, first: date, last: date, net: int | None, field: str
) -> None:
    problem = refused(errors.Invalid, selling.add_promotion, owner, product, first, last, net, WHY)
    assert field in getattr(problem, "fields", {})


def test_a_promotion_from_today_is_told_the_rule_and_not_that_today_is_over(owner: access.Actor) -> None:
    problem = refused(errors.Invalid, selling.add_promotion, owner, PEC, TODAY, date(2027, 3, 20), 500, WHY)
    assert getattr(problem, "fields", {}) == {"first": "PROMO_NON_DA_OGGI"}
    assert "da domani" in i18n.text("PROMO_NON_DA_OGGI", "it")
    assert selling.shown(owner, "it").tomorrow == TOMORROW.isoformat()


def test_two_promotions_of_a_product_do_not_overlap(owner: access.Actor) -> None:
    selling.add_promotion(owner, PEC, TOMORROW, date(2027, 3, 20), 500, WHY)
    refused(errors.Conflict, selling.add_promotion, owner, PEC, date(2027, 3, 20), date(2027, 3, 30), 600, WHY)


def test_the_same_promotion_comes_back_after_thirty_days_or_with_a_reason_of_its_own(
    owner: access.Actor, frozen_clock: Any
) -> None:
    selling.add_promotion(owner, PEC, TOMORROW, date(2027, 3, 20), 500, WHY)
    again = (owner, PEC, date(2027, 4, 19), date(2027, 4, 30), 500, WHY)
    assert refused(errors.Invalid, selling.add_promotion, *again).code == "PROMO_RIPETUTA"
    selling.add_promotion(owner, PEC, date(2027, 4, 20), date(2027, 4, 25), 500, WHY)
    selling.add_promotion(owner, PEC, date(2027, 4, 26), date(2027, 4, 28), 500, WHY, again=True)
    acts = factories.rows(tables.StaffAct, act="promotion_added")
    assert [act.after["again"] for act in acts] == [False, False, True]


def test_a_promotion_that_runs_ends_now_and_one_to_come_never_begins(owner: access.Actor, frozen_clock: Any) -> None:
    selling.add_promotion(owner, PEC, TOMORROW, date(2027, 3, 20), 500, WHY)
    selling.add_promotion(owner, PEC, date(2027, 5, 1), date(2027, 5, 2), 400, WHY)
    running, coming = (factories.the(tables.Promotion, product_code=PEC, net_cents=net) for net in (500, 400))
    frozen_clock.advance(days=2)
    selling.end_promotion(owner, running.id, WHY)
    selling.end_promotion(owner, coming.id, WHY)
    assert factories.again(running).ends_at == clock.now()
    assert not factories.rows(tables.Promotion, id=coming.id)
    refused(errors.Conflict, selling.end_promotion, owner, running.id, WHY)


# --- codes ------------------------------------------------------------------------------------------------------------


def test_a_code_lowers_the_price_until_it_is_ended(owner: access.Actor) -> None:
    discount_codes.add_code(owner, code(), WHY)
    customer = persons.customer()
    factories.basket(customer)
    assert baskets.apply_code(customer, "amici-10", "it").totals.net != ""
    discount_codes.end_code(owner, "AMICI-10", WHY)
    with db.reading() as s:
        ended = next(one for one in catalog.current(s).codes if one.code == "AMICI-10")
    assert ended.ends_at == clock.now()
    refused(errors.Conflict, discount_codes.end_code, owner, "AMICI-10", WHY)
    refused(errors.Conflict, discount_codes.add_code, owner, code(), WHY)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"code": "ab"}, "code"),
        ({"code": "x" * 21}, "code"),
        ({"code": "A B C"}, "code"),
        ({"kind": "gift"}, "kind"),
        ({"value": 0}, "value"),
        ({"value": 101}, "value"),
        ({"value": None}, "value"),
        ({"kind": "fixed", "value": 0}, "value"),
        ({"first": date(2027, 3, 9)}, "first"),
        ({"first": None}, "first"),
        ({"last": date(2027, 3, 9)}, "last"),
        ({"product_codes": ("NIENTE",)}, "product"),
        ({"max_uses": 0}, "max_uses"),
        ({"max_uses_per_account": -1}, "max_uses_per_account"),
    ],
)
def test_a_code_that_cannot_be_is_refused(owner: access.Actor, wrong: dict[str, Any], field: str) -> None:
    problem = refused(errors.Invalid, discount_codes.add_code, owner, code(**wrong), WHY)
    assert field in getattr(problem, "fields", {})


def test_the_page_shows_what_was_is_and_comes(owner: access.Actor) -> None:
    selling.add_price(owner, PEC, TOMORROW, 1490, WHY)
    discount_codes.add_code(owner, code(max_uses=5), WHY)
    shown = selling.shown(persons.staff("support"), "it")
    pec = next(product for product in shown.products if product.code == PEC)
    assert [price.state for price in pec.prices][:2] == ["coming", "now"]
    assert [(one.code, one.uses, one.state) for one in shown.codes if one.code == "AMICI-10"] == [
        ("AMICI-10", "0 / 5", "now")
    ]


def test_an_offer_is_shown_with_its_last_day_and_the_names_of_its_products(
    owner: access.Actor, frozen_clock: Any
) -> None:
    discount_codes.add_code(owner, code(), WHY)
    discount_codes.add_code(owner, code(code="FINITO"), WHY)
    selling.add_promotion(owner, PEC, TOMORROW, date(2027, 3, 20), 500, WHY)
    frozen_clock.advance(days=2)
    discount_codes.end_code(owner, "FINITO", WHY)
    shown = selling.shown(owner, "it")
    pec = next(product for product in shown.products if product.code == PEC)
    codes = {one.code: one for one in shown.codes}
    assert (codes["AMICI-10"].products, codes["AMICI-10"].until) == (pec.name, "30 aprile 2027")
    assert codes["FINITO"].until == i18n.instant(clock.now(), "it")
    assert [(one.since, one.until) for one in pec.promotions if one.state == "now"] == [
        ("11 marzo 2027", "20 marzo 2027")
    ]


def test_a_price_is_shown_with_what_the_customer_pays(owner: access.Actor) -> None:
    assert selling.cost(990, "it") == f"{i18n.money(990, 'it')} + IVA = {i18n.money(1208, 'it')}"
    assert [selling.cost(none, "it") for none in (None, -1, 10**9)] == ["", "", ""]
    pec = next(product for product in selling.shown(owner, "it").products if product.code == PEC)
    assert selling.cost(price_on(TODAY), "it") in {pec.now, *(price.cost for price in pec.prices)}


def test_uses_are_counted_up_to_a_number_and_no_further(owner: access.Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discount_codes, "COUNTED", 2)
    shown = {}
    for name, uses in (("MAI", 0), ("DUE-VOLTE", 2), ("SPESSO", 3)):
        discount_codes.add_code(owner, code(code=name), WHY)
        for _ in range(uses):
            order = factories.order()
            factories.add(tables.CodeUse(order_id=order.id or 0, code=name, account_id=order.account_id))
    for lang in i18n.LANGS:
        shown[lang] = {one.code: one.uses for one in selling.shown(owner, lang).codes}
    assert [shown["it"][name] for name in ("MAI", "DUE-VOLTE", "SPESSO")] == ["0 / ∞", "2 / ∞", "più di 2 / ∞"]
    assert shown["en"]["SPESSO"] == "more than 2 / ∞"


@pytest.mark.parametrize("role", ["stranger", "customer", "support", "finance"])
def test_only_the_owner_sells(role: str) -> None:
    actor = persons.somebody(role)
    for act, given in (
        (selling.add_price, (PEC, TOMORROW, 1490, WHY)),
        (selling.withdraw_price, (1, WHY)),
        (selling.add_promotion, (PEC, TOMORROW, TOMORROW, 500, WHY)),
        (selling.end_promotion, ("x", WHY)),
        (discount_codes.add_code, (code(), WHY)),
        (discount_codes.end_code, ("AMICI-10", WHY)),
    ):
        refused(errors.Forbidden, act, actor, *given)
