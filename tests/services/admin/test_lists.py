"""The staff's lists: whole, in order, a page at a time, for the staff alone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event

from pecapp import clock, db, errors, tables
from pecapp.domain import payments
from pecapp.services import access
from pecapp.services.admin import keyset, lists
from tests.support import factories
from tests.support.factories import VISA

STAFF = ("support", "finance", "owner")


def staff(role: str = "support") -> access.Actor:
    with db.transaction() as s:
        account = tables.Account(
            login=f"{role}@login.test",
            email=f"{role}@staff.test",
            email_key=f"{role}@staff.test",
            password_hash="!",
            role=role,
            created_at=clock.now(),
        )
        s.add(account)
        s.flush()
        return access.Actor("s", account.id, role)


@pytest.fixture
def support(database: str) -> access.Actor:
    factories.stock()
    return staff()


def asked(sort: str = "", at: str = "", since: date | None = None, until: date | None = None, **filters: str):
    return keyset.Asked(sort, filters, since, until, at)


def walked(actor: access.Actor, name: str, wanted: keyset.Asked, key: str = "number") -> list[object]:
    """Every row, forwards; each page is the one before the next one as well."""
    found, at, pages = [], "", []
    while True:
        page = lists.page(actor, name, keyset.replace(wanted, at=at), "it")
        pages.append(page.rows)
        found += [getattr(row, key) for row in page.rows]
        if len(pages) > 1:
            back = lists.page(actor, name, keyset.replace(wanted, at=page.before), "it")
            assert back.rows == pages[-2]
        if not page.after:
            return found
        at = page.after


def many_orders(count: int, **values: object) -> list[str]:
    owner, at = factories.customer(), clock.now()
    return [
        factories.order(owner, **{"created_at": at + timedelta(minutes=number // 2), **values}).number
        for number in range(count)
    ]


@pytest.mark.parametrize("size", [1, 3, 25])
def test_pages_hold_each_row_once_in_order_forwards_and_backwards(support, frozen_clock, monkeypatch, size):
    monkeypatch.setattr(keyset.cut, "__defaults__", (size,))
    made = many_orders(9)
    assert walked(support, "ordini", asked()) == made[::-1]
    assert walked(support, "ordini", asked("oldest")) == made


def test_sorting_by_amount_and_by_address(support, frozen_clock):
    owner = factories.customer()
    for gross in (1220, 122, 2440):
        factories.order(owner, net_cents=gross * 100 // 122, vat_cents=gross - gross * 100 // 122, gross_cents=gross)
    assert [row.cents for row in lists.page(support, "ordini", asked("amount"), "it").rows] == [2440, 1220, 122]
    other = factories.customer()
    emails = [row.email for row in lists.page(support, "clienti", asked("email"), "it").rows]
    assert emails == sorted(emails)
    assert len(emails) == 2
    newest = lists.page(support, "clienti", asked(), "it").rows
    assert {row.id for row in newest} == {owner.account_id, other.account_id}, "no member of staff among the customers"


def test_filters_and_period(support, frozen_clock):
    frozen_clock.set(datetime(2027, 3, 9, 23, 30, tzinfo=UTC))  # the 10th in Rome
    night = factories.order(gateway="paypal").number
    frozen_clock.advance(days=1)
    paid = factories.opened()
    factories.settle(paid, card=VISA)
    day = date(2027, 3, 10)

    def numbers(**wanted):
        return [row.number for row in lists.page(support, "ordini", asked(**wanted), "it").rows]

    assert numbers(gateway="paypal") == [night]
    assert numbers(status="paid", gateway="paypal") == []
    assert numbers(since=day, until=day) == [night]
    assert numbers(until=day - timedelta(days=1)) == []
    assert len(numbers(since=day)) == 2
    assert numbers(status="awaiting_payment", since=day, until=day) == [night]
    assert numbers(sort="amount", since=day, until=day) == [night]
    assert len(numbers(status="nonsense", gateway="'; drop table", number="1")) == 2, "what makes no sense is not asked"


def test_the_rows_of_one_customer(support, frozen_clock):
    mine, other = factories.customer(), factories.customer()
    wanted = factories.order(mine, gateway="paypal").number
    factories.order(other)
    factories.method(mine)
    for said, found in ((str(mine.account_id), [wanted]), ("999999", [])):
        by_one = lists.asked({"cliente": said, "stato": "awaiting_payment"})
        assert [row.number for row in lists.page(support, "ordini", by_one, "it").rows] == found
        kept = lists.page(support, "metodi", lists.asked({"cliente": said}), "it").rows
        assert len(kept) == len(found)
    for nobody in ("x", "-1", "9" * 30, "²", ""):
        assert len(lists.page(support, "ordini", lists.asked({"cliente": nobody}), "it").rows) == 2
    assert len(lists.page(support, "clienti", lists.asked({"cliente": "1"}), "it").rows) == 2, "there is no such column"


def test_a_filter_without_an_index_looks_at_so_many_rows_and_says_where_it_stopped(support, frozen_clock, monkeypatch):
    monkeypatch.setattr(keyset, "LOOK", 4)
    wanted = factories.order(gateway="paypal").number
    frozen_clock.advance(minutes=1)
    many_orders(9)
    first = lists.page(support, "ordini", asked(gateway="paypal"), "it")
    assert first.rows == []
    assert first.partial
    assert walked_loosely(support, asked(gateway="paypal")) == [wanted]


def walked_loosely(actor: access.Actor, wanted: keyset.Asked) -> list[str]:
    found, at = [], ""
    for _ in range(20):
        page = lists.page(actor, "ordini", keyset.replace(wanted, at=at), "it")
        found += [row.number for row in page.rows]
        at = page.after
        if not at:
            return found
    raise AssertionError("there is no end")


@pytest.mark.parametrize(
    "at",
    ["x", "dopo", "dopo~", "dopo~1", "dopo~x~1", "dopo~2027-01-01~x", "prima~0001-01-01T00:00:00+14:00~1", "dopo~~",
     "dopo~2027-01-01T00:00:00+00:00~" + "9" * 40, "dopo~2027-01-01\x00~1"],
)  # fmt: skip
def test_an_edge_that_is_none_is_the_first_page(support, frozen_clock, at):
    made = many_orders(2)
    assert [row.number for row in lists.page(support, "ordini", asked(at=at), "it").rows] == made[::-1]


def test_payments_services_and_methods_say_what_the_staff_needs_and_no_more(support, shop):
    owner = factories.customer()
    card = factories.method(owner)
    attempt = factories.opened(owner)
    factories.settle(attempt, payments.Verdict.DECLINED, reason=payments.Reason.INSUFFICIENT_FUNDS)
    (payment,) = lists.page(support, "pagamenti", asked(status="declined"), "it").rows
    assert (payment.amount, payment.customer) == ("12,08\u00a0€", "Anna Verdi")
    assert payment.why == "disponibilità insufficiente"
    factories.settle(factories.opened(owner), card=VISA)
    (service,) = lists.page(support, "servizi", asked(status="activating"), "it").rows
    assert (service.customer, service.expires) == ("Anna Verdi", "10 marzo 2028")
    (method,) = lists.page(support, "metodi", asked(), "it").rows
    assert (method.title, method.expires, method.ceiling) == ("Visa •••• 4242", "12/30", "100,00\u00a0€")
    assert card.token not in repr(method)
    assert card.customer_ref not in repr(method)
    assert [row.id for row in lists.page(support, "metodi", asked("ends"), "it").rows] == [card.id]
    assert [row.id for row in lists.page(support, "servizi", asked("expiry"), "it").rows] == [service.id]


def test_an_export_holds_everything(support, frozen_clock, monkeypatch):
    monkeypatch.setattr(lists, "EXPORT_SIZE", 2)
    made = many_orders(5)
    pieces = list(lists.everything(support, "ordini", asked(at="dopo~nonsense"), "it"))
    assert [row.number for piece in pieces for row in piece] == made[::-1]
    assert max(map(len, pieces)) == 2


@pytest.mark.parametrize("name", [*lists.LISTS])
def test_only_the_staff_sees_lists(support, frozen_clock, name):
    many_orders(1)
    former = access.Actor("s", support.account_id, "former")
    for nobody in (access.Actor(), access.Actor("s"), factories.customer(), former):
        with pytest.raises(errors.Forbidden):
            lists.page(nobody, name, asked(), "it")
        with pytest.raises(errors.Forbidden):
            lists.everything(nobody, name, asked(), "it")
    for role in STAFF:
        member = access.Actor("s", support.account_id, role)
        if role == "owner" or name != "registro":
            assert lists.page(member, name, asked(), "en") is not None
        else:
            with pytest.raises(errors.Forbidden):
                lists.page(member, name, asked(), "en")
            with pytest.raises(errors.Forbidden):
                lists.everything(member, name, asked(), "en")


def test_there_is_no_other_list(support):
    with pytest.raises(errors.NotFound):
        lists.page(support, "account", asked(), "it")


@pytest.mark.parametrize("name", [*lists.LISTS])
def test_a_page_takes_as_many_queries_for_many_rows_as_for_few(support, frozen_clock, name):
    owner = access.Actor("s", support.account_id, "owner")

    def count() -> int:
        said: list[str] = []
        listener = lambda *call: said.append(call[2])  # noqa: E731
        event.listen(db.engine(), "before_cursor_execute", listener)
        lists.page(owner, name, asked(), "it")
        event.remove(db.engine(), "before_cursor_execute", listener)
        assert not [one for one in said if "count(*)" in one.lower()]
        return len(said)

    fill()
    few = count()
    for _ in range(3):
        fill()
    assert count() == few


def fill() -> None:
    owner = factories.customer()
    factories.method(owner)
    factories.settle(factories.opened(owner), card=VISA)
