"""The nightly look ahead: who is told what about coming debits, when, and how often."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

import pytest

from pecapp import clock, db, demo, i18n, tables
from pecapp.services import access, catalog, foresight, letters, mails
from tests.conftest import FrozenClock
from tests.support import factories, papers, race

EXPIRY = date(2027, 9, 30)
DEBIT = date(2027, 9, 23)
ENDS_BEFORE = {"exp_month": 8, "exp_year": 2027}
LASTS = {"exp_month": 12, "exp_year": 2030}
ENOUGH = 1208

pytestmark = pytest.mark.usefixtures("shop")


def on(frozen_clock: FrozenClock, day: date) -> None:
    """Five in the morning in Rome."""
    frozen_clock.set(datetime(day.year, day.month, day.day, 5, tzinfo=clock.ROME).astimezone(UTC))


def method(actor: access.Actor, **values: Any) -> int:
    with db.transaction() as s:
        facts = LASTS | {"ceiling_cents": ENOUGH, "token": "pm_1", "fingerprint": f"fp_{len(values)}"}
        return papers.method(s, actor.account_id or 0, **facts | values)


def service(actor: access.Actor, method_id: int | None, **values: Any) -> int:
    """A mailbox at 12,08 € a year that renews by itself, and expires on 30 September 2027."""
    order = factories.order(actor, status="paid", idempotency_key=f"k{len(factories.rows(tables.Order))}")
    facts = {
        "account_id": actor.account_id,
        "order_id": order.id,
        "product_code": "PEC-STD",
        "label": f"casella-{order.id:03}@pec.example.test",
        "status": "active",
        "activated_on": date(2026, 9, 30),
        "expires_on": EXPIRY,
        "years": 1,
        "renewal": "active",
        "method_id": method_id,
    }
    with db.transaction() as s:
        row = tables.Service(**facts | values)
        s.add(row)
        s.flush()
        return row.id or 0


def choose(service_id: int, method_id: int | None, expires_on: date = EXPIRY) -> None:
    with db.transaction() as s:
        s.add(
            tables.RenewalChoice(service_id=service_id, expires_on=expires_on, method_id=method_id, made_at=clock.now())
        )


def dearer(net_cents: int, since: date) -> None:
    """The list says that PEC Standard costs so much from a day on."""
    data = tomllib.loads(resources.files(demo).joinpath("catalog.toml").read_text("utf-8"))
    data["price"].append({"product_code": "PEC-STD", "valid_from": since, "net_cents": net_cents})
    catalog.load(data)


def night(limit: int = 200) -> list[str]:
    """Look ahead once, all accounts; the facts that were newly told."""
    before, last = set(factories.mails()), 0
    while last is not None:
        last = foresight.warn_due(last, limit)
    return [fact for fact in factories.mails() if fact not in before]


def params(fact: str) -> dict[str, Any]:
    return factories.the(tables.OutboxMail, dedup_key=fact).params


# --- a card that ends before the debit --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_left", "stage"),
    [(61, None), (60, 60), (59, 60), (31, 60), (30, 30), (29, 30), (1, 30), (0, None), (-1, None)],
)
def test_a_card_that_ends_before_the_debit_is_told_of_in_two_stages(
    frozen_clock: FrozenClock, actor: access.Actor, days_left: int, stage: int | None
) -> None:
    card = method(actor, **ENDS_BEFORE)
    box = service(actor, card)
    on(frozen_clock, DEBIT - timedelta(days=days_left))
    facts = night()
    assert facts == ([f"m14:{card}:2027-09-23:{stage}"] if stage else [])
    assert [params(fact) for fact in facts] == [{"method_id": card, "service_ids": [box]}] * len(facts)


def test_each_stage_is_told_once_however_often_the_night_comes(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    service(actor, method(actor, **ENDS_BEFORE))
    told = []
    for days_left in range(65, -8, -1):
        on(frozen_clock, DEBIT - timedelta(days=days_left))
        told += [(days_left, fact.rpartition(":")[2]) for fact in [*night(), *night()]]
    assert told == [(60, "60"), (30, "30")]


def test_nights_without_a_check_lose_no_warning(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    service(actor, method(actor, **ENDS_BEFORE))
    on(frozen_clock, DEBIT - timedelta(days=12))
    assert [fact.rpartition(":")[2] for fact in night()] == ["30"]
    on(frozen_clock, DEBIT - timedelta(days=11))
    assert night() == []


def test_several_looks_at_once_tell_once(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    card = method(actor, **ENDS_BEFORE)
    service(actor, card)
    on(frozen_clock, DEBIT - timedelta(days=40))
    assert race.repeated(foresight.warn_due, 4) == [None] * 4
    assert factories.mails() == [f"m14:{card}:2027-09-23:60"]


def test_all_that_one_card_renews_on_one_day_is_told_in_one_mail(
    frozen_clock: FrozenClock, actor: access.Actor
) -> None:
    card = method(actor, **ENDS_BEFORE)
    boxes = [service(actor, card) for _ in range(3)]
    later = service(actor, card, expires_on=EXPIRY + timedelta(days=1))
    on(frozen_clock, DEBIT - timedelta(days=20))
    first, second = sorted(night())
    assert params(first)["service_ids"] == boxes
    assert params(second)["service_ids"] == [later]


@pytest.mark.parametrize(
    ("ends", "told"),
    [({"exp_month": 9, "exp_year": 2027}, 0), (LASTS, 0), ({"exp_month": 0, "exp_year": 0}, 0), (ENDS_BEFORE, 1)],
)
def test_a_card_that_lasts_to_the_end_of_the_month_of_the_debit_and_an_account_are_not_told_of(
    frozen_clock: FrozenClock, actor: access.Actor, ends: dict[str, int], told: int
) -> None:
    service(actor, method(actor, **ends))
    on(frozen_clock, DEBIT - timedelta(days=20))
    assert len(night()) == told


def test_a_card_that_its_owner_has_replaced_between_the_stages_is_not_told_of_again(
    frozen_clock: FrozenClock, actor: access.Actor
) -> None:
    box = service(actor, method(actor, **ENDS_BEFORE))
    on(frozen_clock, DEBIT - timedelta(days=60))
    assert len(night()) == 1
    new = method(actor, fingerprint="new")
    with db.transaction() as s:
        row = s.get_one(tables.Service, box)
        row.method_id = new
        s.add(row)
    on(frozen_clock, DEBIT - timedelta(days=30))
    assert night() == []


# --- a mandate that is too low ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days_left", "told"), [(61, 0), (60, 1), (30, 1), (8, 1), (7, 0), (0, 0)])
def test_a_price_above_the_ceiling_is_told_of_from_sixty_days_before_the_expiry_to_the_eve_of_the_debit(
    frozen_clock: FrozenClock, actor: access.Actor, days_left: int, told: int
) -> None:
    card = method(actor)
    box = service(actor, card)
    dearer(1200, date(2027, 9, 1))
    on(frozen_clock, EXPIRY - timedelta(days=days_left))
    facts = night()
    assert facts == [f"m15:{box}:2027-09-30:1464"] * told
    asked = {"method_id": card, "service_id": box, "ceiling_cents": 1208, "amount_cents": 1464}
    assert [params(fact) for fact in facts] == [asked] * told
    assert night() == []


@pytest.mark.parametrize(("since", "told"), [(date(2027, 9, 23), 1), (date(2027, 9, 24), 0)])
def test_the_list_of_the_day_of_the_debit_counts(
    frozen_clock: FrozenClock, actor: access.Actor, since: date, told: int
) -> None:
    service(actor, method(actor))
    dearer(1200, since)
    on(frozen_clock, EXPIRY - timedelta(days=30))
    assert len(night()) == told


def test_a_second_rise_is_told_of_again_and_a_new_mandate_ends_it(
    frozen_clock: FrozenClock, actor: access.Actor
) -> None:
    card = method(actor)
    box = service(actor, card)
    dearer(1200, date(2027, 9, 1))
    on(frozen_clock, EXPIRY - timedelta(days=50))
    assert night() == [f"m15:{box}:2027-09-30:1464"]
    dearer(1300, date(2027, 9, 2))
    assert night() == [f"m15:{box}:2027-09-30:1586"]
    with db.transaction() as s:
        row = s.get_one(tables.PaymentMethod, card)
        row.ceiling_cents = 1586
        s.add(row)
    assert night() == []


def test_a_method_that_was_never_authorised_is_told_of(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    box = service(actor, method(actor, ceiling_cents=None))
    on(frozen_clock, EXPIRY - timedelta(days=50))
    (fact,) = night()
    assert params(fact)["ceiling_cents"] is None
    assert fact == f"m15:{box}:2027-09-30:1208"


def test_the_frequency_counts_for_the_amount(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    box = service(actor, method(actor), years=5)
    on(frozen_clock, EXPIRY - timedelta(days=50))
    assert night() == [f"m15:{box}:2027-09-30:6039"]


def test_a_card_that_ends_and_is_not_authorised_for_enough_is_told_of_for_both(
    frozen_clock: FrozenClock, actor: access.Actor
) -> None:
    card = method(actor, ceiling_cents=1000, **ENDS_BEFORE)
    box = service(actor, card)
    on(frozen_clock, EXPIRY - timedelta(days=50))
    assert sorted(night()) == [f"m14:{card}:2027-09-23:60", f"m15:{box}:2027-09-30:1208"]


# --- what nobody is told of -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"renewal": "disabled"},
        {"renewal": "inactive"},
        {"renewal": "incomplete"},
        {"renewal": None},
        {"expires_on": None},
        {"expires_on": EXPIRY - timedelta(days=60)},
        {"expires_on": EXPIRY + timedelta(days=60)},
    ],
    ids=lambda values: str(*values.items()),
)
def test_a_service_without_a_coming_debit_is_passed_over(
    frozen_clock: FrozenClock, actor: access.Actor, values: dict[str, Any]
) -> None:
    service(actor, method(actor, ceiling_cents=None, **ENDS_BEFORE), **values)
    on(frozen_clock, EXPIRY - timedelta(days=40))
    assert night() == []


@pytest.mark.parametrize("status", ["revoked", "removed"])
def test_a_method_that_is_gone_has_been_told_of_already(
    frozen_clock: FrozenClock, actor: access.Actor, status: str
) -> None:
    service(actor, method(actor, status=status, ceiling_cents=None, **ENDS_BEFORE))
    service(actor, None)
    on(frozen_clock, EXPIRY - timedelta(days=40))
    assert night() == []


def test_a_product_that_is_not_sold_any_more_asks_for_no_other_card(
    frozen_clock: FrozenClock, actor: access.Actor
) -> None:
    service(actor, method(actor, ceiling_cents=None, **ENDS_BEFORE))
    data = tomllib.loads(resources.files(demo).joinpath("catalog.toml").read_text("utf-8"))
    for product in data["product"]:
        product["sellable"] = product["code"] != "PEC-STD"
    catalog.load(data)
    on(frozen_clock, EXPIRY - timedelta(days=40))
    assert night() == []


# --- what was decided for this time only ------------------------------------------------------------------------------


def test_a_debit_that_was_skipped_is_passed_over_this_time_only(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    card = method(actor, ceiling_cents=1000, **ENDS_BEFORE)
    skipped, other = service(actor, card), service(actor, card)
    choose(skipped, None)
    choose(other, None, expires_on=EXPIRY - timedelta(days=365))  # that was last year
    on(frozen_clock, EXPIRY - timedelta(days=40))
    assert sorted(night()) == [f"m14:{card}:2027-09-23:60", f"m15:{other}:2027-09-30:1208"]
    assert params(f"m14:{card}:2027-09-23:60")["service_ids"] == [other]


def test_a_debit_that_goes_on_another_method_this_time_is_judged_by_that_one(
    frozen_clock: FrozenClock, actor: access.Actor
) -> None:
    ending, good = method(actor, **ENDS_BEFORE), method(actor, fingerprint="good")
    safe, exposed = service(actor, ending), service(actor, good)
    choose(safe, good)
    choose(exposed, ending)
    on(frozen_clock, EXPIRY - timedelta(days=40))
    (fact,) = night()
    assert params(fact) == {"method_id": ending, "service_ids": [exposed]}


# --- whose ------------------------------------------------------------------------------------------------------------


def test_everybody_is_told_of_their_own_only_however_small_the_pages(
    frozen_clock: FrozenClock, actor: access.Actor
) -> None:
    people = [actor, *(factories.customer(lang="en") for _ in range(4))]
    for one in people:
        card = method(one, **ENDS_BEFORE)
        service(one, card)
        service(one, card)
        service(one, method(one, fingerprint="good"))
    on(frozen_clock, EXPIRY - timedelta(days=40))
    assert len(night(limit=2)) == 5
    found = factories.rows(tables.OutboxMail)
    assert [mail.account_id for mail in found] == [one.account_id for one in people]
    for mail in found:
        mine = factories.rows(tables.Service, account_id=mail.account_id)
        with db.reading() as s:
            account = s.get_one(tables.Account, mail.account_id)
            text = letters.write(mails.compose(s, mail).letter, i18n.language(mail.lang)).text
        named = {label for label in (row.label for row in factories.rows(tables.Service)) if label in text}
        assert named == {row.label for row in mine[:2]}
        assert (mail.to_address, mail.lang) == (account.email, account.lang)


def test_a_method_of_another_customer_is_never_told_of(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    service(actor, method(factories.customer(), ceiling_cents=None, **ENDS_BEFORE))
    on(frozen_clock, EXPIRY - timedelta(days=40))
    assert night() == []


def test_pages_go_on_from_the_last_account_and_end(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    others = [factories.customer() for _ in range(2)]
    for one in (actor, *others):
        service(one, method(one, **ENDS_BEFORE))
    on(frozen_clock, EXPIRY - timedelta(days=40))
    assert foresight.warn_due(0, 2) == others[0].account_id
    assert len(factories.mails()) == 2
    assert foresight.warn_due(others[0].account_id or 0, 2) is None
    assert len(factories.mails()) == 3


def test_an_ordinary_night_writes_nothing(frozen_clock: FrozenClock, actor: access.Actor) -> None:
    service(actor, method(actor))
    on(frozen_clock, EXPIRY - timedelta(days=40))
    before = factories.dump()
    assert night() == []
    assert factories.dump() == before
