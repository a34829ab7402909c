"""The handlers of the staff's pages: each role sees and does what it may; nobody else learns that there is anything."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, i18n, tables
from pecapp.domain import payments
from pecapp.domain import staff as rules
from pecapp.services import access, live
from pecapp.ui.components import admin_acts
from pecapp.ui.states.admin import acts as states
from tests.support import factories, gateway, people
from tests.ui import conftest as site

S = site.STATE
ADMIN = f"{S}.pecapp___ui___states___admin___"
ACTS = f"{ADMIN}acts____acts"
REFUNDS = f"{ADMIN}acts____refunds"
NOTES = f"{ADMIN}acts____notes"
BOARD = f"{ADMIN}board____board"
PEOPLE = f"{ADMIN}people____people"
REGISTER = f"{ADMIN}lists____register"
SELLING = f"{ADMIN}selling____selling"
WHY = "lo ha chiesto al telefono"
NOTHING = ["", "abc", "0", "-1", "9" * 30, None, True, [], {"$gt": 1}, "x" * 20_000]


@pytest.fixture
def bank() -> Iterator[gateway.FakeGateway]:
    with gateway.installed() as fake:
        yield fake


class Shop:
    """A customer with a kept card and an order that it has paid."""

    def __init__(self) -> None:
        self.customer = access.actor(site.registered("cliente@esempio.test"))
        card = payments.Card("visa", "4242", 12, 2030, "IT", "fp_visa", "pm_visa", "cus_1")
        order = factories.order(self.customer, auto_renew=True, save_method=True, renewal_gross_cents=1208)
        factories.settle(factories.attempt(order), card=card)
        self.number = order.number
        self.method = factories.the(tables.PaymentMethod)
        factories.add(tables.Alert(dedup_key="x", kind="refund_failed", created_at=clock.now()))


@pytest.fixture
def shop(bank: gateway.FakeGateway, client: TestClient) -> Shop:
    return Shop()


def member(client: TestClient, role: str) -> site.Browser:
    return site.Browser(client, people.staff_cookie(role))


def anybody(client: TestClient, role: str) -> site.Browser:
    if role == "stranger":
        return site.Browser(client, access.new_cookie())
    return site.Browser(client, site.registered("altro@esempio.test")) if role == "customer" else member(client, role)


def stored() -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored but for the visits themselves."""
    kept = factories.dump()
    kept.pop("web_session")
    return kept


def act(tab: site.Tab, kind: object, subject: object, why: object = WHY) -> None:
    tab.emit(f"{ACTS}.ask", {"kind": kind, "subject": subject, "name": "x"})
    tab.emit(f"{ACTS}.confirm", {"data": {"why": why}})


def give_back(tab: site.Tab, number: object, how: object, **typed: object) -> None:
    tab.emit(f"{REFUNDS}.ask", {"number": number})
    tab.emit(f"{REFUNDS}.choose", {"how": how})
    tab.emit(f"{REFUNDS}.confirm", {"data": {"refund_why": WHY, **typed}})


def test_support_removes_a_method_and_the_customers_open_page_shows_it(client: TestClient, shop: Shop) -> None:
    owner = site.Browser(client, site.registered("terzo@esempio.test"))
    with member(client, "support").connect() as socket, owner.connect() as theirs:
        site.arrive(theirs, "/metodi-di-pagamento")
        tab = site.arrive(socket, "/admin")
        act(tab, "remove_method", str(shop.method.id))
        tab.settle()
    assert factories.again(shop.method).status == "removed"
    assert "metodo tolto" in tab.seen


@pytest.mark.parametrize("role", ["stranger", "customer"])
def test_nobody_else_sees_or_does_anything(client: TestClient, shop: Shop, role: str) -> None:
    with anybody(client, role).connect() as socket:
        tab = site.arrive(socket, "/admin")
        before = stored()
        for kind in ("remove_method", "switch_off", "cancel_order", "resend", "dismiss", "resolve"):
            act(tab, kind, "1")
        give_back(tab, shop.number, "all")
        tab.emit(f"{NOTES}.write", {"data": {"account": "1", "note": "una nota"}})
        tab.emit(f"{PEOPLE}.invite", {"data": {"email": "x@esempio.test", "role": "owner", "invite_why": WHY}})
        tab.emit(f"{PEOPLE}.change", {"data": {"member": "1", "role": "owner", "change_why": WHY}})
        for handler in (BOARD, PEOPLE, REGISTER):
            tab.emit(f"{handler}.load")
        tab.settle()
    assert stored() == before
    assert "refund_failed" not in tab.seen
    assert "rimborso non riuscito" not in tab.seen


def test_support_gives_no_money_back_and_changes_no_role(client: TestClient, shop: Shop) -> None:
    with member(client, "support").connect() as socket:
        tab = site.arrive(socket, "/admin")
        before = stored()
        give_back(tab, shop.number, "all")
        act(tab, "dismiss", "1")
        tab.emit(f"{PEOPLE}.load")
        tab.emit(f"{REGISTER}.load")
        tab.emit(f"{PEOPLE}.invite", {"data": {"email": "x@esempio.test", "role": "owner", "invite_why": WHY}})
        tab.settle()
    assert stored() == before


def test_finance_gives_back_what_it_chose_once_however_often_it_is_pressed(client: TestClient, shop: Shop) -> None:
    with member(client, "finance").connect() as socket:
        tab = site.arrive(socket, "/admin")
        give_back(tab, shop.number, "amount", amount="5,08")
        tab.emit(f"{REFUNDS}.confirm", {"data": {"refund_why": WHY, "amount": "5,08"}})
        tab.settle()
    assert [row.amount_cents for row in factories.rows(tables.Refund)] == [508]
    assert "rimborso di 5,08" in tab.seen


def test_a_line_that_was_given_back_is_shown_as_such_and_refused(client: TestClient, shop: Shop) -> None:
    order = factories.the(tables.Order)
    words = {"product_code": "PEC-STD", "name_it": "Casella", "name_en": "Mailbox", "quantity": 1}
    lines = [
        factories.add(tables.OrderLine(order_id=order.id or 0, net_cents=cents, list_net_cents=cents, **words))
        for cents in (700, 290)
    ]
    with member(client, "finance").connect() as socket:
        tab = site.arrive(socket, "/admin")
        for _ in range(2):
            give_back(tab, shop.number, "lines", **{f"line_{lines[1].id}": "yes"})
        tab.settle()
    assert [row.amount_cents for row in factories.rows(tables.Refund)] == [354]
    assert '"given":true' in tab.seen
    assert "già stata rimborsata" in tab.seen


@pytest.mark.parametrize("amount", ["", "abc", "0", "-1", "12,081", "99999", "1e3", None, ["5"]])
def test_an_amount_that_is_none_gives_nothing_back(client: TestClient, shop: Shop, amount: object) -> None:
    with member(client, "finance").connect() as socket:
        tab = site.arrive(socket, "/admin")
        before = stored()
        give_back(tab, shop.number, "amount", amount=amount)
        give_back(tab, shop.number, "lines", line_999="yes")
        give_back(tab, shop.number, "lines")
        tab.settle()
    assert stored() == before


def test_what_was_typed_for_a_question_is_forgotten_as_it_closes() -> None:
    for dialog in (admin_acts.dialog(), admin_acts.refund_dialog()):
        assert "querySelector('form')?.reset()" in str(dialog)


def test_what_went_well_is_said_no_more_when_another_act_begins(client: TestClient, shop: Shop) -> None:
    note = {"account": str(shop.method.account_id), "note": "chiamare di mattina"}
    with member(client, "owner").connect() as socket:
        tab = site.arrive(socket, "/admin")
        tab.emit(f"{NOTES}.write", {"data": note})
        tab.until("Nota aggiunta")
        tab.emit(f"{NOTES}.write", {"data": {**note, "note": ""}})
        tab.until("Scrivi la nota")
        assert '"message_rx_state_":""' in tab.seen.rpartition("nota aggiunta")[2]


def test_the_words_say_who_can_release_what_anybody_can_hold() -> None:
    releasing = [role for role in rules.Role if rules.may(role, rules.Right.RELEASE)]
    for lang in i18n.LANGS:
        for kind in ("hold", "hold_all"):
            words = i18n.text(f"staff.means.{kind}", lang)
            assert [role for role in rules.Role if i18n.text(f"staff.role.{role}", lang) in words] == releasing


def test_each_act_is_confirmed_by_its_own_name() -> None:
    for lang in i18n.LANGS:
        assert not [kind for kind in states.DOING if f"staff.do.{kind}" not in i18n.words(lang)]
    assert states.DOING.keys() > states.DESTROYING


@pytest.mark.parametrize(
    ("how", "typed", "fields"),
    [
        ("amount", {"amount": "99999"}, {"amount": "restano da rendere"}),
        ("amount", {"amount": "abc"}, {"amount": "come 5,00"}),
        ("amount", {"amount": "abc", "refund_why": ""}, {"amount": "come 5,00", "refund_why": "scrivi il motivo"}),
        ("lines", {}, {"lines": "almeno una riga"}),
        ("all", {"refund_why": ""}, {"refund_why": "scrivi il motivo"}),
    ],
)
def test_a_refused_refund_points_at_what_is_wrong(
    client: TestClient, shop: Shop, how: str, typed: dict[str, str], fields: dict[str, str]
) -> None:
    with member(client, "finance").connect() as socket:
        tab = site.arrive(socket, "/admin")
        give_back(tab, shop.number, how, **typed)
        tab.settle()
    last = tab.seen.rpartition('"errors_rx_state_":{"')[2]
    for name, words in fields.items():
        assert f'{name}":"' in last
        assert words in last
    assert f'"ref":"ref_{next(iter(fields))}"' in last
    assert factories.rows(tables.Refund) == []


def test_an_empty_invitation_is_told_of_all_that_is_missing(client: TestClient, shop: Shop) -> None:
    with member(client, "owner").connect() as socket:
        tab = site.arrive(socket, "/admin/personale")
        tab.emit(f"{PEOPLE}.invite", {"data": {"email": "", "role": "support", "invite_why": ""}})
        tab.settle()
    last = tab.seen.rpartition('"errors_rx_state_":{"')[2]
    assert 'email":"compila questo campo' in last.lower()
    assert 'invite_why":"' in last
    assert '"ref":"ref_email"' in last


def test_a_price_form_says_what_is_wrong_beside_each_field(client: TestClient, shop: Shop) -> None:
    with member(client, "owner").connect() as socket:
        tab = site.arrive(socket, "/admin/listino")
        tab.emit(f"{SELLING}.add_price", {"data": {"price_product": "PEC-STD", "price_since": "", "price_net": "abc"}})
        tab.settle()
        last = tab.seen.rpartition('"errors_rx_state_":{"')[2]
        assert all(f'price_{name}":"' in last for name in ("since", "net", "why"))
        tab.emit(f"{SELLING}.reckon", {"form": "price", "typed": "14,90"})
        tab.until("18,18")
        added = {"price_product": "PEC-STD", "price_since": "2040-01-01", "price_net": "14,90", "price_why": WHY}
        tab.emit(f"{SELLING}.add_price", {"data": added})
        tab.until("Prezzo aggiunto: 14,90")


def test_what_names_nothing_changes_nothing(client: TestClient, shop: Shop) -> None:
    with member(client, "owner").connect() as socket:
        tab = site.arrive(socket, "/admin")
        before = stored()
        for value in NOTHING:
            for kind in ("remove_method", "switch_off", "cancel_order", "resend", "dismiss", "resolve"):
                act(tab, kind, value)
            act(tab, value, "1")
        for why in ("", "  ", "ab", None, [], {"$gt": 1}, "x" * 20_000):
            act(tab, "remove_method", str(shop.method.id), why)
        for value in NOTHING:
            give_back(tab, value, value)
            tab.emit(f"{NOTES}.write", {"data": value})
            tab.emit(f"{PEOPLE}.invite", {"data": value})
            tab.emit(f"{PEOPLE}.change", {"data": value})
        tab.settle()
    kept = stored()
    assert [row for row in kept["staff_act"] if row not in before["staff_act"]] == []
    assert kept == before


def test_the_board_shows_what_wants_somebody_until_somebody_has_seen_to_it(client: TestClient, shop: Shop) -> None:
    with member(client, "support").connect() as socket:
        tab = site.arrive(socket, "/admin")
        tab.settle()
        assert "rimborso non riuscito" in tab.seen
        act(tab, "resolve", str(factories.the(tables.Alert).id))
        tab.until('"alerts":[]')
    assert factories.the(tables.Alert).resolved_at is not None


def test_the_owner_invites_and_reads_who_did_what(client: TestClient, shop: Shop) -> None:
    with member(client, "owner").connect() as socket:
        tab = site.arrive(socket, "/admin/personale")
        tab.emit(f"{PEOPLE}.invite", {"data": {"email": "n@esempio.test", "role": "support", "invite_why": WHY}})
        tab.until("n@esempio.test")
        tab.emit(f"{REGISTER}.load")
        tab.until("Persona invitata")


def test_half_way_in_the_staff_sees_nothing(client: TestClient, shop: Shop) -> None:
    people.staff("support")
    cookie = access.sign_in(people.browser(), "support@esempio.test", people.PASSWORD)
    with site.Browser(client, cookie).connect() as socket:
        tab = site.arrive(socket, "/admin")
        before = stored()
        act(tab, "remove_method", str(shop.method.id))
        tab.emit(f"{BOARD}.load")
        tab.settle()
    assert stored() == before
    assert "rimborso non riuscito" not in tab.seen


def test_news_that_reach_an_open_board_keep_nobody_signed_in(client: TestClient, shop: Shop, frozen_clock: Any) -> None:
    cookie = people.staff_cookie("support")
    with site.Browser(client, cookie).connect() as socket:
        tab = site.arrive(socket, "/admin")
        tab.settle()
        frozen_clock.advance(minutes=40)
        live.announce({live.ADMINS})
        tab.until('"board')
        frozen_clock.advance(minutes=30)
        assert not access.actor(cookie).signed_in
