"""The staff's lists as files: whole, safe to open, and written down in the register."""

import csv
import io
import re
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from pecapp import clock, db, errors, tables
from pecapp.services import access, audit
from pecapp.services.admin import exports, keyset, lists
from pecapp.web import exports as routes
from tests.support import factories, people
from tests.support.factories import VISA
from tests.support.visitor import Visitor, visiting

pytestmark = pytest.mark.usefixtures("counter")


@pytest.fixture
def counter(sqlite_database: str, frozen_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    people.quick_passwords(monkeypatch)
    factories.stock()


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    return visiting(monkeypatch, routes.routes)


def read(said: str) -> list[list[str]]:
    assert said.startswith("\ufeff"), "Excel takes a file without this mark for another alphabet"
    return list(csv.reader(io.StringIO(said.removeprefix("\ufeff")), delimiter=";"))


@pytest.mark.parametrize("role", ["support", "finance", "owner"])
def test_the_staff_takes_a_list_away_and_the_register_knows(visitor, monkeypatch, role):
    monkeypatch.setattr(lists, "EXPORT_SIZE", 2)
    visitor.who = people.staff(role)
    made = [factories.order().number for _ in range(5)]
    other = factories.order(gateway="paypal").number
    answer = visitor.get("/admin/esporta/ordini.csv?gateway=stripe&stato=awaiting_payment&ordina=oldest&pagina=x")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="ordini-2027-03-10.csv"'
    heading, *rows = read(answer.content.decode())
    assert heading[0] == "Numero"
    assert [row[0] for row in rows] == made
    assert rows[0][-1] == "12,08"
    assert other not in answer.text
    begun, act = factories.rows(tables.StaffAct, subject="list:ordini")
    assert begun.after == {"gateway": "stripe", "status": "awaiting_payment"}
    for one, name in ((begun, "list_export_begun"), (act, "list_exported")):
        assert (one.act, one.by_id, one.role) == (name, visitor.who.account_id, role)
    assert act.after == {"rows": 5, "complete": True, "gateway": "stripe", "status": "awaiting_payment"}


@pytest.mark.parametrize("name", [*lists.LISTS])
def test_every_list_can_be_taken_away_in_both_languages(visitor, name):
    visitor.who = people.staff("owner")
    factories.method(factories.customer())
    factories.settle(factories.opened(), card=VISA)
    for lang in ("it", "en"):
        heading, *rows = read(visitor.get(f"/admin/esporta/{name}.csv?lang={lang}").content.decode())
        assert rows
        assert {len(row) for row in rows} == {len(heading)}


def test_instants_are_on_the_clocks_of_rome_and_days_stay_as_they_are(visitor, frozen_clock):
    visitor.who = people.staff()
    frozen_clock.set(datetime(2026, 12, 27, 5, 5, 59, 123456, tzinfo=UTC))
    attempt = factories.opened()
    factories.add(
        tables.Service(
            account_id=visitor.who.account_id or 0, order_id=attempt.order_id, product_code="PEC-STD",
            label="x@pec.test", status="active", activated_on=date(2026, 12, 27), expires_on=date(2027, 12, 27),
        )
    )  # fmt: skip
    for name, heading, cell in (
        ("ordini", "Data", "2026-12-27 06:05"),
        ("pagamenti", "Data", "2026-12-27 06:05"),
        ("servizi", "Scadenza", "2027-12-27"),
        ("pagamenti", "Tentativo", str(attempt.number)),
    ):
        headings, row = read(visitor.get(f"/admin/esporta/{name}.csv").content.decode())
        assert row[headings.index(heading)] == cell


def test_a_mail_that_waits_has_the_name_of_its_kind(visitor):
    visitor.who = people.staff()
    factories.add(
        tables.OutboxMail(
            dedup_key="a", template="m21", to_address="anna@example.test", lang="it", status="waiting",
            created_at=clock.now(), ready_at=clock.now(),
        )
    )  # fmt: skip
    for lang, name in (("it", "Rimborso disposto"), ("en", "Refund on its way")):
        _, row = read(visitor.get(f"/admin/esporta/posta.csv?lang={lang}").content.decode())
        assert name in row


def test_no_cell_is_a_formula_whoever_typed_it(visitor):
    visitor.who = people.staff()
    for first in ("=1+1", "+39", "-2", "@SUM(A1)", "\tx"):
        factories.customer(first_name=first, last_name='"; DROP\nTABLE')
    _, *rows = read(visitor.get("/admin/esporta/clienti.csv").content.decode())
    assert len(rows) == 5
    assert len([row for row in rows if row[1].startswith("'")]) == 4, "a blank in front is left out"
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]


HARMLESS = ("", "Anna", "D'Angelo", "a - b", "a=b", "1-2", "x@y.test", "Via Roma 1, scala B", "12,08", 'il "Faro"')
FORMULAS = ("=1+1", "+39 347 1234567", "-12,08", "@SUM(A1)", "=cmd|' /C calc'!A0", "＝1+1")
BEFORE = ("", " ", "\n", "a;", "a,", "a\t", "a\r\n", "a|", "a; ", 'a,"', 'a;""', '"', "; ; ")


@pytest.mark.parametrize("cell", HARMLESS)
def test_a_harmless_cell_stays_as_it_was_typed(cell):
    assert exports._safe(cell) == cell


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("before", BEFORE)
def test_no_part_of_a_cell_is_a_formula_by_whatever_sign_it_is_cut(before, formula):
    cell = exports._safe(before + formula)
    assert cell.endswith(f"'{formula}"), "it still reads as it did"
    (line,) = csv.reader([f"x;{exports._safe(formula)};{exports._safe(formula)}"], delimiter=";")
    assert not [part for part in line if part.startswith(("=", "+", "-", "@"))]
    for part in re.split(r"[;,|\t\r\n]", cell):
        assert not part.strip(' "').startswith(("=", "+", "-", "@", "＝"))


@pytest.mark.parametrize(("cents", "shown"), [(1208, "12,08"), (-1208, "-12,08"), (-5, "-0,05"), (0, "0,00")])
def test_an_amount_reads_as_it_is_below_zero_too(cents, shown):
    made = exports.Export(people.staff(), "ordini", keyset.Asked(), "it")
    assert made._cell(SimpleNamespace(cents=cents), "cents") == shown


def test_the_register_knows_of_a_download_before_its_first_byte():
    made = exports.Export(people.staff(), "ordini", keyset.Asked(), "it")
    made.close()
    assert factories.rows(tables.StaffAct, subject="list:ordini") == []
    next(made.pieces())
    assert factories.the(tables.StaffAct, subject="list:ordini").act == "list_export_begun"


@pytest.mark.parametrize("role", [access.FORMER, "customer"])
def test_a_download_ends_where_its_member_loses_the_right_to_it(monkeypatch, role):
    monkeypatch.setattr(lists, "EXPORT_SIZE", 2)
    for _ in range(5):
        factories.order()
    member = people.staff("support")
    made = exports.Export(member, "ordini", keyset.Asked(), "it")
    pieces = made.pieces()
    assert len([next(pieces), next(pieces)]) == 2
    factories.change(factories.the(tables.Account, id=member.account_id), role=role)
    assert list(pieces) == []
    made.close()
    assert factories.the(tables.StaffAct, act="list_exported").after == {"rows": 2, "complete": False}


def test_who_asks_for_the_headers_alone_takes_nothing_away(visitor):
    visitor.who = people.staff()
    factories.order()
    answer = visitor._send("HEAD", "/admin/esporta/ordini.csv")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-disposition"] == 'attachment; filename="ordini-2027-03-10.csv"'
    assert factories.rows(tables.StaffAct, subject="list:ordini") == []
    visitor.who = access.Actor()
    with pytest.raises(errors.Forbidden):
        visitor._send("HEAD", "/admin/esporta/ordini.csv")


def test_a_download_that_breaks_off_is_written_down_with_what_went_out(monkeypatch):
    monkeypatch.setattr(lists, "EXPORT_SIZE", 2)
    for _ in range(5):
        factories.order()
    made = exports.Export(people.staff(), "ordini", keyset.Asked(), "it")
    pieces = made.pieces()
    assert len([next(pieces), next(pieces)]) == 2
    made.close()
    made.close()
    assert factories.the(tables.StaffAct, act="list_exported").after == {"rows": 2, "complete": False}


def test_nobody_else_takes_anything(visitor):
    factories.order()
    customer = factories.customer()
    for who in (access.Actor(), customer, access.Actor("s", customer.account_id, "former")):
        visitor.who = who
        with pytest.raises(errors.Forbidden):
            visitor.get("/admin/esporta/ordini.csv")
    assert factories.rows(tables.StaffAct, act="list_exported") == []


def test_the_register_names_no_filter_that_the_list_does_not_have(visitor):
    visitor.who = people.staff()
    factories.customer()
    visitor.get("/admin/esporta/clienti.csv?su=1&chi=x&stato=paid&cliente=7&atto=refunded")
    assert factories.the(tables.StaffAct, act="list_export_begun").after == {}
    visitor.get("/admin/esporta/ordini.csv?stato=nonsense&cliente=7")
    assert factories.the(tables.StaffAct, act="list_export_begun", subject="list:ordini").after == {"account_id": 7}


@pytest.mark.parametrize("role", ["support", "finance"])
def test_the_register_itself_is_taken_away_by_an_owner_alone(visitor, role):
    visitor.who = people.staff(role)
    with pytest.raises(errors.Forbidden):
        visitor.get("/admin/esporta/registro.csv")
    assert factories.rows(tables.StaffAct, subject="list:registro") == []


def test_a_download_of_the_register_stands_in_it_with_what_was_asked(visitor):
    visitor.who = people.staff("owner")
    order = factories.order()
    with db.transaction() as s:
        audit.record(s, visitor.who, "order_cancelled", f"order:{order.number}", before={}, after={}, why="=1+1")
    address = f"/admin/esporta/registro.csv?chi=owner@esempio.test&atto=order_cancelled&su={order.number}"
    heading, row = read(visitor.get(address).content.decode())
    assert heading == ["Id", "Data", "Chi", "Ruolo", "Che cosa", "Su che cosa", "Che cosa è cambiato", "Motivo"]
    assert row[2:] == ["owner@esempio.test", "Titolare", "Ordine annullato", f"Ordine {order.number}", "", "'=1+1"]
    told = lists.page(visitor.who, "registro", keyset.Asked(), "it").rows[0]
    assert (told.act, told.subject, told.url) == ("Elenco esportato", "Elenco «Registro»", "/admin/registro")
    for said in ("Righe: 1", "Chi: owner@esempio.test", "Che cosa: Ordine annullato", f"Su che cosa: {order.number}"):
        assert said in told.changed


def test_a_download_of_the_register_ends_where_its_owner_is_one_no_more(monkeypatch):
    monkeypatch.setattr(lists, "EXPORT_SIZE", 2)
    owner = people.staff("owner")
    for _ in range(5):
        with db.transaction() as s:
            audit.record(s, owner, "refunded", "order:1", before={}, after={}, why="perché sì")
    pieces = exports.Export(owner, "registro", keyset.Asked(), "it").pieces()
    assert len([next(pieces), next(pieces)]) == 2
    factories.change(factories.the(tables.Account, id=owner.account_id), role="finance")
    assert list(pieces) == []


@pytest.mark.parametrize("name", ["account", "web_session", "ordini.csv"])
def test_there_is_no_other_list(visitor, name):
    visitor.who = people.staff()
    with pytest.raises(errors.NotFound):
        visitor.get(f"/admin/esporta/{name}.csv")
