"""What the staff does for customers: with the right, with a reason, written down; refused means nothing has changed."""

from collections.abc import Callable
from typing import Any

import pytest

from pecapp import db, errors, tables
from pecapp.domain import money
from pecapp.services import access, accounts, subscriptions
from pecapp.services.admin import acts, board, keyset, lists, people, timeline
from tests.support import factories
from tests.support import people as persons
from tests.support.gateway import FakeGateway

KEY = "a" * 32
WHY = "lo ha chiesto al telefono"
WORDS = "il cliente preferisce essere chiamato di mattina"


def kept() -> tables.PaymentMethod:
    return factories.method(factories.customer())


def service(**values: Any) -> tables.Service:
    order = factories.order(**values)
    made = factories.rows(tables.Service)
    assert not made
    return factories.add(
        tables.Service(
            account_id=order.account_id,
            order_id=order.id or 0,
            product_code=order.configuration.get("product", "pec-standard"),
            label="anna@pec.esempio.test",
            status=subscriptions.ACTIVE,
            activated_on=order.created_at.date(),
            renewal=subscriptions.RENEWAL_ACTIVE,
            method_id=None,
        )
    )


def paid() -> tables.Order:
    attempt = factories.opened()
    factories.settle(attempt)
    return factories.the(tables.Order)


def mail() -> tables.OutboxMail:
    paid()
    return factories.rows(tables.OutboxMail, template="m03")[0]


DOING: dict[str, tuple[set[str], Callable[[], Callable[[access.Actor], object]]]] = {}


def doing(name: str, *roles: str) -> Callable[[Callable[[], Callable[[access.Actor], object]]], None]:
    def keep(prepare: Callable[[], Callable[[access.Actor], object]]) -> None:
        DOING[name] = (set(roles), prepare)

    return keep


@doing("remove a method", "support", "owner")
def _remove() -> Callable[[access.Actor], object]:
    method_id = kept().id or 0
    return lambda actor: acts.remove_method(actor, method_id, WHY)


@doing("switch a renewal off", "support", "owner")
def _off() -> Callable[[access.Actor], object]:
    service_id = service().id or 0
    return lambda actor: acts.switch_off(actor, service_id, WHY)


@doing("cancel an unpaid order", "support", "owner")
def _cancel() -> Callable[[access.Actor], object]:
    number = factories.order().number
    return lambda actor: acts.cancel_order(actor, number, WHY)


@doing("send a mail again", "support", "owner")
def _resend() -> Callable[[access.Actor], object]:
    mail_id = mail().id or 0
    return lambda actor: acts.resend(actor, mail_id, KEY, WHY)


@doing("note something", "support", "owner")
def _note() -> Callable[[access.Actor], object]:
    account_id = factories.order().account_id
    return lambda actor: acts.note(actor, account_id, WORDS)


@doing("give money back", "finance", "owner")
def _refund() -> Callable[[access.Actor], object]:
    number = paid().number
    return lambda actor: acts.refund(actor, number, KEY, WHY)


@doing("invite a member of staff", "owner")
def _invite() -> Callable[[access.Actor], object]:
    return lambda actor: people.invite(actor, "nuovo@esempio.test", "support", WHY)


@doing("invite somebody once more", "owner")
def _invite_again() -> Callable[[access.Actor], object]:
    people.invite(persons.staff("owner", "titolare2@esempio.test"), "nuovo@esempio.test", "support", WHY)
    member = factories.the(tables.Account, email_key="nuovo@esempio.test").id
    return lambda actor: people.invite_again(actor, member, WHY)


@doing("change a member's role", "owner")
def _role() -> Callable[[access.Actor], object]:
    member = persons.staff("support", "collega@esempio.test").account_id or 0
    return lambda actor: people.set_role(actor, member, "finance", WHY)


@doing("forget a member's app", "owner")
def _app() -> Callable[[access.Actor], object]:
    member = persons.staff("support", "collega@esempio.test").account_id or 0
    return lambda actor: people.forget_second_factor(actor, member, WHY)


@doing("close an alert", "support", "finance", "owner")
def _alert() -> Callable[[access.Actor], object]:
    alert_id = _open_alert()
    return lambda actor: board.resolve(actor, alert_id, WHY)


def _open_alert() -> int:
    order = factories.order()
    row = factories.add(
        tables.Alert(dedup_key="x", kind="refund_failed", order_id=order.id, created_at=order.created_at)
    )
    return row.id or 0


READING: dict[str, tuple[set[str], Callable[[access.Actor], object]]] = {
    "the board": ({"support", "finance", "owner"}, lambda actor: board.figures(actor, "it")),
    "the register": ({"owner"}, lambda actor: lists.page(actor, "registro", keyset.Asked(), "it")),
    "the staff": ({"owner"}, people.listing),
}


@pytest.mark.parametrize("role", ["stranger", "customer", "support", "finance", "owner"])
@pytest.mark.parametrize("act", DOING)
def test_an_act_is_for_those_who_have_its_right(counter: FakeGateway, role: str, act: str) -> None:
    allowed, prepare = DOING[act]
    do, actor = prepare(), persons.somebody(role)
    before = factories.dump()
    if role in allowed:
        do(actor)
        assert factories.dump() != before
    else:
        with pytest.raises(errors.Forbidden):
            do(actor)
        assert factories.dump() == before


@pytest.mark.parametrize("role", ["stranger", "customer", "support", "finance", "owner"])
@pytest.mark.parametrize("what", READING)
def test_nobody_reads_more_than_their_role_may(counter: FakeGateway, role: str, what: str) -> None:
    allowed, read = READING[what]
    actor = persons.somebody(role)
    if role in allowed:
        read(actor)
    else:
        with pytest.raises(errors.Forbidden):
            read(actor)


@pytest.mark.parametrize("why", ["", "  ", "ab", "x" * 501, None, 12, ["perché"]])
def test_no_act_without_a_reason(counter: FakeGateway, why: Any) -> None:
    owner, method, number = persons.staff(), kept(), paid().number
    before = factories.dump()
    for act in (
        lambda: acts.remove_method(owner, method.id or 0, why),
        lambda: acts.refund(owner, number, KEY, why),
        lambda: people.invite(owner, "nuovo@esempio.test", "support", why),
    ):
        with pytest.raises(errors.Invalid) as refusal:
            act()
        assert refusal.value.code == "MOTIVO_MANCANTE"
    assert factories.dump() == before


def test_a_removed_method_is_told_to_its_customer_and_written_down(shop: FakeGateway) -> None:
    method, actor = kept(), persons.staff("support")
    acts.remove_method(actor, method.id or 0, WHY)
    assert factories.again(method).status == "removed"
    assert factories.mails("m11")
    act = factories.the(tables.StaffAct, act="method_removed")
    assert (act.by_id, act.role, act.subject, act.account_id, act.why) == (
        actor.account_id,
        "support",
        f"method:{method.id}",
        method.account_id,
        WHY,
    )
    assert (act.before["status"], act.after["status"]) == ("valid", "removed")
    with pytest.raises(errors.Conflict) as refusal:
        acts.remove_method(actor, method.id or 0, WHY)
    assert refusal.value.code == "METODO_GIA_TOLTO"


def test_a_renewal_switched_off_by_support_says_so(shop: FakeGateway) -> None:
    row = service()
    acts.switch_off(persons.staff("support"), row.id or 0, WHY)
    off = factories.again(row)
    assert (off.renewal, off.renewal_reason) == (subscriptions.RENEWAL_DISABLED, "staff")
    assert factories.rows(tables.OutboxMail, template="m05")[0].params["by"] == "staff"
    with pytest.raises(errors.Conflict):
        acts.switch_off(persons.staff("owner"), row.id or 0, WHY)


def test_an_order_cancelled_by_support_says_so(shop: FakeGateway) -> None:
    order = factories.order()
    acts.cancel_order(persons.staff("support"), order.number, WHY)
    closed = factories.again(order)
    assert (closed.status, closed.closed_by) == ("cancelled", "staff")
    assert factories.rows(tables.OutboxMail, template="m18")[0].params == {"by": "staff"}


def test_a_paid_order_is_not_cancelled(shop: FakeGateway) -> None:
    number, actor = paid().number, persons.staff("support")
    before = factories.dump()
    with pytest.raises(errors.Conflict):
        acts.cancel_order(actor, number, WHY)
    assert factories.dump() == before


def test_a_mail_is_sent_again_once_however_often_the_button_is_pressed(shop: FakeGateway) -> None:
    first, actor = mail(), persons.staff("support")
    for _ in range(2):
        acts.resend(actor, first.id or 0, KEY, WHY)
    again = factories.rows(tables.OutboxMail, template="m03")
    assert [row.order_id for row in again] == [first.order_id] * 2
    assert len(factories.rows(tables.StaffAct, act="mail_sent_again")) == 1


def test_a_mail_with_a_link_that_opens_something_is_not_sent_again(shop: FakeGateway) -> None:
    customer, actor = persons.customer(), persons.staff("support")
    confirmation = factories.rows(tables.OutboxMail, template="m01", account_id=customer.account_id)[0]
    with pytest.raises(errors.Conflict):
        acts.resend(actor, confirmation.id or 0, KEY, WHY)


# --- refunds ----------------------------------------------------------------------------------------------------------


def refunds() -> list[int]:
    return [row.amount_cents for row in factories.rows(tables.Refund)]


def test_everything_is_given_back_and_the_order_says_so(shop: FakeGateway) -> None:
    order = paid()
    given = acts.refund(persons.staff("finance"), order.number, KEY, WHY)
    assert (given, refunds()) == (order.gross_cents, [order.gross_cents])
    assert factories.again(order).status == "refunded"


def test_a_refund_pressed_twice_is_one(shop: FakeGateway) -> None:
    order, actor = paid(), persons.staff("finance")
    for _ in range(2):
        assert acts.refund(actor, order.number, KEY, WHY, cents=100) == 100
    assert (refunds(), factories.again(order).status) == ([100], "paid")
    assert len(factories.rows(tables.StaffAct, act="refunded")) == 1


def test_never_more_goes_back_than_came(shop: FakeGateway) -> None:
    order, actor = paid(), persons.staff("finance")
    acts.refund(actor, order.number, KEY, WHY, cents=order.gross_cents - 1)
    before = factories.dump()
    for cents in (2, order.gross_cents, 0, -1):
        with pytest.raises(errors.Conflict) as refusal:
            acts.refund(actor, order.number, "b" * 32, WHY, cents=cents)
        assert refusal.value.code == "RIMBORSO_TROPPO"
    assert factories.dump() == before
    acts.refund(actor, order.number, "c" * 32, WHY)
    assert (sum(refunds()), factories.again(order).status) == (order.gross_cents, "refunded")
    with pytest.raises(errors.Conflict) as refusal:
        acts.refund(actor, order.number, "d" * 32, WHY)
    assert refusal.value.code == "RIMBORSO_NON_POSSIBILE"


def of_two_lines() -> tables.Order:
    """A paid order of two lines, of 8.54 and 3.54 with their VAT."""
    order = paid()
    for code, cents in (("PEC-STD", 700), ("PEC-SPACE", 290)):
        values = {"product_code": code, "name_it": code, "name_en": code, "quantity": 1}
        factories.add(tables.OrderLine(order_id=order.id or 0, net_cents=cents, list_net_cents=cents, **values))
    return order


def lines_of(actor: access.Actor, order: tables.Order) -> list[acts.RefundableLine]:
    offered = acts.refundable(actor, order.number, "it")
    assert offered is not None
    return offered.lines


def test_lines_go_back_with_their_vat(shop: FakeGateway) -> None:
    order, actor = of_two_lines(), persons.staff("finance")
    offered = acts.refundable(actor, order.number, "it")
    assert offered is not None
    assert [line.gross_cents for line in offered.lines] == [854, 354]
    assert offered.left_cents == order.gross_cents == 854 + 354
    line = offered.lines[0]
    assert acts.refund(actor, order.number, KEY, WHY, line_ids=[line.line_id]) == line.gross_cents


def test_lines_of_another_order_are_refused(shop: FakeGateway) -> None:
    order, actor = paid(), persons.staff("finance")
    with pytest.raises(errors.Conflict):
        acts.refund(actor, order.number, KEY, WHY, line_ids=[999_999])
    assert refunds() == []


def test_a_line_goes_back_once_whoever_presses(shop: FakeGateway) -> None:
    order, actor = of_two_lines(), persons.staff("finance")
    dear, cheap = (line.line_id for line in lines_of(actor, order))
    acts.refund(actor, order.number, KEY, WHY, line_ids=[cheap, cheap])
    before = factories.dump()
    for again in ([cheap], [dear, cheap]):
        with pytest.raises(errors.Conflict) as refusal:
            acts.refund(actor, order.number, "b" * 32, WHY, line_ids=again)
        assert refusal.value.code == "RIGA_GIA_RIMBORSATA"
    assert factories.dump() == before
    assert acts.refund(actor, order.number, KEY, WHY, line_ids=[cheap]) == 354
    assert acts.refund(actor, order.number, "c" * 32, WHY, line_ids=[dear]) == 854
    assert (sorted(refunds()), factories.again(order).status) == ([354, 854], "refunded")


def test_a_line_that_was_given_back_is_shown_as_such(shop: FakeGateway) -> None:
    order, actor = of_two_lines(), persons.staff("finance")
    assert [line.given for line in lines_of(actor, order)] == [False, False]
    acts.refund(actor, order.number, KEY, WHY, line_ids=[lines_of(actor, order)[1].line_id])
    assert [(line.gross_cents, line.given) for line in lines_of(actor, order)] == [(854, False), (354, True)]


def test_a_line_whose_refund_failed_can_be_given_back_again(shop: FakeGateway) -> None:
    order, actor = of_two_lines(), persons.staff("finance")
    line, _ = lines_of(actor, order)
    acts.refund(actor, order.number, KEY, WHY, line_ids=[line.line_id])
    factories.change(factories.the(tables.Refund), status="failed")
    assert acts.refund(actor, order.number, "b" * 32, WHY, line_ids=[line.line_id]) == line.gross_cents


def test_an_amount_and_everything_that_is_left_name_no_lines(shop: FakeGateway) -> None:
    order, actor = of_two_lines(), persons.staff("finance")
    acts.refund(actor, order.number, KEY, WHY, cents=500)
    acts.refund(actor, order.number, "b" * 32, WHY)
    assert [row.line_ids for row in factories.rows(tables.Refund)] == [[], []]


def test_an_order_says_whether_something_is_left_to_give_back(shop: FakeGateway) -> None:
    order, actor = paid(), persons.staff("finance")
    unpaid = factories.order()
    seen = [timeline.order(actor, unpaid.number, "it").refundable, timeline.order(actor, order.number, "it").refundable]
    acts.refund(actor, order.number, KEY, WHY, cents=100)
    seen.append(timeline.order(actor, order.number, "it").refundable)
    acts.refund(actor, order.number, "b" * 32, WHY)
    seen.append(timeline.order(actor, order.number, "it").refundable)
    assert seen == [False, True, True, False]


def test_a_refund_says_which_services_go_on_renewing(shop: FakeGateway) -> None:
    order, actor = paid(), persons.staff("finance")
    offered = acts.refundable(actor, order.number, "it")
    assert offered is not None
    assert (offered.renewing, offered.account_id) == ([], order.account_id)
    bought = factories.rows(tables.Service, order_id=order.id)[0]
    factories.change(bought, renewal=subscriptions.RENEWAL_ACTIVE)
    offered = acts.refundable(actor, order.number, "it")
    assert offered is not None
    assert offered.renewing == [bought.label]
    acts.refund(actor, order.number, KEY, WHY)
    assert factories.again(bought).renewal == subscriptions.RENEWAL_ACTIVE


def test_what_was_not_paid_is_not_given_back(shop: FakeGateway) -> None:
    order, actor = factories.order(), persons.staff("finance")
    assert acts.refundable(actor, order.number, "it") is None
    with pytest.raises(errors.Conflict):
        acts.refund(actor, order.number, KEY, WHY)
    with pytest.raises(errors.NotFound):
        acts.refund(actor, "0000000000", KEY, WHY)


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "../../../../etc", None, 1])
def test_a_refund_needs_the_name_of_its_intention(counter: FakeGateway, key: Any) -> None:
    number, actor = paid().number, persons.staff("finance")
    with pytest.raises(errors.Invalid):
        acts.refund(actor, number, key, WHY)
    assert refunds() == []


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [(100, [1, 1, 1], [34, 33, 33]), (1208, [990], [1208]), (0, [1, 2], [0, 0]), (5, [0, 0], [5, 0]), (0, [], [])],
)
def test_shares_add_up_to_the_total(total: int, weights: list[int], shares: list[int]) -> None:
    assert money.shares(total, weights) == shares


# --- the staff itself -------------------------------------------------------------------------------------------------


def test_who_is_invited_gets_a_link_and_no_password(shop: FakeGateway) -> None:
    people.invite(persons.staff(), " Nuova@esempio.test ", "finance", WHY)
    made = factories.the(tables.Account, email_key="nuova@esempio.test")
    mail = factories.the(tables.OutboxMail, template="s01", account_id=made.id)
    assert (made.role, mail.params["role"], mail.to_address) == ("finance", "finance", "Nuova@esempio.test")


@pytest.mark.parametrize("role", ["customer", "admin", "", None, "former", 3])
def test_nobody_is_invited_to_a_role_that_there_is_not(counter: FakeGateway, role: Any) -> None:
    owner = persons.staff()
    before = factories.dump()
    with pytest.raises(errors.Invalid):
        people.invite(owner, "nuova@esempio.test", role, WHY)
    assert factories.dump() == before


def test_a_customer_does_not_become_staff(shop: FakeGateway) -> None:
    persons.customer("mario@esempio.test")
    owner = persons.staff()
    with pytest.raises(errors.Invalid) as refusal:
        people.invite(owner, "MARIO@esempio.test", "owner", WHY)
    assert refusal.value.fields == {"email": "PERSONALE_CLIENTE"}


def test_who_leaves_the_staff_is_out_at_once_and_stays_out(shop: FakeGateway) -> None:
    cookie = persons.staff_cookie("support", "collega@esempio.test")
    member = access.actor(cookie).account_id or 0
    people.set_role(persons.staff(), member, access.FORMER, WHY)
    assert not access.actor(cookie).signed_in
    with pytest.raises(errors.Invalid) as refusal:
        access.sign_in(persons.browser(), "collega@esempio.test", persons.PASSWORD)
    assert refusal.value.code == "CREDENZIALI_ERRATE"


def test_nobody_changes_their_own_access_nor_a_customers(shop: FakeGateway) -> None:
    owner, customer = persons.staff(), persons.customer()
    before = factories.dump()
    with pytest.raises(errors.Conflict):
        people.set_role(owner, owner.account_id or 0, "support", WHY)
    with pytest.raises(errors.NotFound):
        people.set_role(owner, customer.account_id or 0, "owner", WHY)
    assert factories.dump() == before


def test_nobody_of_the_staff_takes_another_name(shop: FakeGateway) -> None:
    finance = persons.staff("finance")
    before = factories.dump()
    with pytest.raises(errors.Forbidden):
        accounts.update_holder(finance, persons.private_person(email="owner@esempio.test"))
    assert factories.dump() == before


def test_the_register_tells_who_did_what_and_why(shop: FakeGateway) -> None:
    owner, order = persons.staff(), paid()
    acts.refund(owner, order.number, KEY, WHY, cents=100)
    (told,) = [act for act in lists.page(owner, "registro", keyset.Asked(), "it").rows if act.why == WHY]
    assert (told.by, told.act, told.url) == ("owner@esempio.test", "Rimborso disposto", f"/admin/ordini/{order.number}")
    assert "Rimborsato: 0,00\xa0€ → 1,00\xa0€" in told.changed
    with db.reading() as s:
        assert s.get(tables.StaffAct, told.act_id) is not None
