"""The pages of a customer and of an order: everything that happened, nothing that the staff must not see."""

from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import payments
from pecapp.services import access, audit, mails, outbox
from pecapp.services.admin import customer, keyset, lists, register, timeline
from tests.support import factories
from tests.support.factories import VISA


@pytest.fixture
def support(shop) -> access.Actor:
    return member("support")


def member(role: str) -> access.Actor:
    with db.transaction() as s:
        account = tables.Account(
            login=f"{role}@login.test", email=f"{role}@staff.test", email_key=f"{role}@staff.test", password_hash="!",
            role=role, created_at=clock.now(),
        )  # fmt: skip
        s.add(account)
        s.flush()
        return access.Actor("s", account.id, role)


def event_of(attempt: tables.PaymentAttempt, **values: Any) -> tables.InboxEvent:
    return factories.add(
        tables.InboxEvent(
            **{
                "gateway": "stripe",
                "event_id": f"evt_{attempt.id}",
                "type": "checkout.session.completed",
                "attempt_id": attempt.id,
                "body": "SECRET BODY",
                "status": "done",
                "received_at": clock.now(),
            }
            | values
        )
    )


def test_an_order_tells_its_whole_chain_in_order(support, frozen_clock):
    owner = factories.customer()
    number = factories.placed(owner)
    order = factories.the(tables.Order, number=number)
    frozen_clock.advance(minutes=1)
    first = factories.attempt(order)
    frozen_clock.advance(minutes=1)
    factories.settle(first, payments.Verdict.DECLINED, reason=payments.Reason.INSUFFICIENT_FUNDS)
    frozen_clock.advance(minutes=1)
    second = factories.attempt(order)
    frozen_clock.advance(minutes=1)
    event = event_of(second)
    odd = event_of(second, event_id="evt_odd", status="quarantined")
    frozen_clock.advance(seconds=1)
    factories.settle(second, card=VISA)
    frozen_clock.advance(minutes=1)
    with db.transaction() as s:
        audit.record(s, support, "refunded", f"order:{number}", before={"left": 1}, after={"left": 0}, why="doppio")
    contested: dict[str, Any] = {
        "gateway": "stripe",
        "attempt_id": second.id,
        "order_id": order.id,
        "amount_cents": 1208,
    }
    dates: dict[str, Any] = {
        "opened_at": clock.now(),
        "noted_at": clock.now(),
        "decided_at": clock.now() + timedelta(days=9),
    }
    factories.add(tables.Dispute(dispute_ref="dp_1", status="won", **contested, **dates))
    shown = timeline.order(support, number, "it")
    assert (shown.number, shown.status, shown.customer) == (number, "paid", "Anna Verdi")
    assert [one.iso for one in shown.timeline] == sorted(one.iso for one in shown.timeline)
    kinds = [one.kind for one in shown.timeline]
    for cause, effect in (("consent", "attempt"), ("order", "attempt"), ("event", "receipt"), ("receipt", "act")):
        assert kinds.index(cause) < kinds.index(effect), (cause, effect)
    assert [one.href for one in shown.timeline if one.kind == "event"] == [
        f"/admin/notifiche/{event.id}",
        f"/admin/notifiche/{odd.id}",
    ]
    opened, over = [one for one in shown.timeline if one.kind == "dispute"]
    assert (opened.tone, over.tone, over.title) == ("problem", "success", "Contestazione chiusa: Vinta")
    (act,) = [one for one in shown.timeline if one.kind == "act"]
    assert "doppio" in act.text
    assert [one.status for one in shown.attempts] == ["declined", "succeeded"]
    assert shown.receipt_href == f"/ricevute/{number}.pdf"
    assert shown.mails
    assert all(not one.href.startswith("/ordini") for one in shown.timeline)
    assert "SECRET BODY" not in repr(shown)


def test_what_a_lost_dispute_took_is_not_offered_for_a_refund(support, frozen_clock):
    attempt = factories.opened()
    factories.settle(attempt, card=VISA)
    number = factories.the(tables.Order).number
    assert timeline.order(support, number, "it").refundable
    factories.add(
        tables.Dispute(
            gateway="stripe", dispute_ref="dp_1", attempt_id=attempt.id, order_id=attempt.order_id, status="lost",
            amount_cents=attempt.amount_cents, opened_at=clock.now(), noted_at=clock.now(),
        )
    )  # fmt: skip
    assert not timeline.order(support, number, "it").refundable


def test_a_customer_is_shown_whole_and_masked(support, frozen_clock):
    owner = factories.customer()
    method = factories.method(owner)
    frozen_clock.advance(minutes=1)
    attempt = factories.opened(owner)
    factories.settle(attempt, card=VISA)
    frozen_clock.advance(minutes=1)
    account_id = owner.account_id or 0
    with db.transaction() as s:
        s.add(tables.StaffNote(account_id=account_id, by_id=support.account_id, text="vip", created_at=clock.now()))
        outbox.post(s, template="m00", dedup_key="k", account_id=account_id, params={"path": "/password?token=SECRET"})
    shown = customer.page(support, account_id, "it")
    assert shown.name == "Anna Verdi"
    assert shown.tax_code == "VRD••••••••••••H"
    assert [one.title for one in shown.methods] == ["Visa •••• 4242"]
    assert len(shown.services) == 1
    assert [one.status for one in shown.orders] == ["paid"]
    assert shown.notes[0].text == "vip"
    assert [one.iso for one in shown.timeline] == sorted((one.iso for one in shown.timeline), reverse=True)
    assert {one.kind for one in shown.timeline} == {"order", "payment", "mail", "note"}
    secrets = (method.token, method.customer_ref, "SECRET", "VRDNNA80A41H501H")
    assert not [secret for secret in secrets if secret in repr(shown)]


@pytest.mark.parametrize("role", ["stranger", "customer", "former"])
def test_nobody_else_sees_a_page(support, frozen_clock, role):
    order = factories.order()
    nobody = access.Actor("s", None if role == "stranger" else order.account_id, role)
    for look in (
        lambda: timeline.order(nobody, order.number, "it"),
        lambda: timeline.topics(nobody, order.number),
        lambda: customer.page(nobody, order.account_id, "it"),
        lambda: customer.known(nobody, order.account_id),
    ):
        with pytest.raises(errors.Forbidden):
            look()


@pytest.mark.parametrize("role", ["support", "finance", "owner"])
def test_each_of_the_staff_sees_them(shop, role):
    order, actor = factories.order(), member(role)
    assert timeline.order(actor, order.number, "en").number == order.number
    assert timeline.topics(actor, order.number).account_id == order.account_id
    assert customer.page(actor, order.account_id, "en").id == order.account_id


def test_what_is_not_there_is_not_found(support, frozen_clock):
    for look in (
        lambda: timeline.order(support, "0000000000", "it"),
        lambda: timeline.topics(support, "x"),
        lambda: customer.page(support, 999_999, "it"),
        lambda: customer.page(support, support.account_id or 0, "it"),
    ):
        with pytest.raises(errors.NotFound):
            look()


def told(
    by: access.Actor, subject: str, before: dict[str, Any], after: dict[str, Any], lang: i18n.Lang
) -> register.Act:
    """How an act reads in the register."""
    with db.transaction() as s:
        audit.record(s, by, "refunded", subject, before=before, after=after, why="perché sì")
    return lists.page(by, "registro", keyset.Asked(), lang).rows[0]


@pytest.mark.parametrize(
    ("subject", "before", "after", "italian", "english"),
    [
        (
            "order:1",
            {"status": "paid", "left_cents": 1208, "refunded_cents": 0},
            {"status": "paid", "left_cents": 708, "refunded_cents": 500},
            "Da rendere: 12,08\u00a0€ → 7,08\u00a0€, Rimborsato: 0,00\u00a0€ → 5,00\u00a0€",
            "Left to refund: €12.08 → €7.08, Refunded: €0.00 → €5.00",
        ),
        (
            "order:1",
            {"status": "awaiting_payment"},
            {"status": "cancelled"},
            "Stato: In attesa pagamento → Annullato",
            "Status: Awaiting payment → Cancelled",
        ),
        (
            "product:NONE",
            {"net_cents": 990},
            {"net_cents": 1190, "since": "2027-04-01"},
            "Prezzo, IVA esclusa: 9,90\u00a0€ → 11,90\u00a0€, Dal: 1 aprile 2027",
            "Price without VAT: €9.90 → €11.90, From: 1 April 2027",
        ),
        (
            "list:pagamenti",
            {},
            {"rows": 1200, "complete": True, "status": "declined", "gateway": "paypal", "period": "2027-03-01/"},
            "Righe: 1.200, Completo: Sì, Stato: Non autorizzato, Gateway: PayPal, Periodo: 1 marzo 2027 – …",
            "Rows: 1,200, Complete: Yes, Status: Not authorised, Gateway: PayPal, Period: 1 March 2027 – …",
        ),
        ("method:9", {"status": "valid", "renews": []}, {"status": "removed"}, "Stato: Valido → Rimosso", None),
        ("method:9", {"renews": [3, 4]}, {}, "Servizi che rinnovava: 2", "Services that it renewed: 2"),
        ("service:9", {"renewal": "active"}, {"renewal": "inactive"}, "Rinnovo automatico: Attivo → Non attivo", None),
        ("account:9", {"email": "x@y.test", "role": "support"}, {"role": "owner"}, None, "Role: Support → Owner"),
        ("code:A", {}, {"kind": "percent", "value": 20, "uses": None}, "Tipo: Percentuale, Sconto: 20 %", None),
        ("code:A", {}, {"kind": "fixed", "value": 500}, "Tipo: Importo fisso, Sconto: 5,00\u00a0€", None),
        (
            "product:NONE",
            {"ends_at": "2027-04-01T22:00:00+00:00"},
            {"ends_at": "2027-03-10T09:00:00+00:00"},
            "Fine: 2 aprile 2027, 00:00 → 10 marzo 2027, 10:00",
            None,
        ),
        (
            "order:1",
            {"new_thing": "a"},
            {"new_thing": "b", "odd": "2027-13-45"},
            "New thing: a → b, Odd: 2027-13-45",
            None,
        ),
    ],
)
def test_what_an_act_changed_reads_in_plain_words(shop, subject, before, after, italian, english):
    owner = member("owner")
    shown = {lang: told(owner, subject, before, after, lang).changed for lang in i18n.LANGS}
    assert italian in {None, shown["it"]}
    assert english in {None, shown["en"]}
    assert "None" not in shown["en"]


def test_what_an_act_was_done_to_has_a_name_and_a_way_to_it(shop):
    owner = member("owner")
    attempt = factories.opened()
    number = factories.the(tables.Order).number
    service = factories.add(
        tables.Service(
            account_id=owner.account_id or 0, order_id=attempt.order_id, product_code="PEC-STD",
            label="studio@pec.test", status="active", activated_on=clock.today(), expires_on=clock.today(),
        )
    )  # fmt: skip
    event = event_of(attempt)
    for subject, facts, name, url in (
        ("debit:all", {}, "Tutti gli addebiti", "/admin/addebiti"),
        (f"debit:{service.id}:2027-03-31", {}, "Addebito di studio@pec.test, scadenza 31 marzo 2027", ""),
        (f"service:{service.id}", {}, "Servizio studio@pec.test", ""),
        (f"account:{owner.account_id}", {}, "Account owner@staff.test", ""),
        ("account:999", {}, "Account 999", ""),
        ("list:pagamenti", {}, "Elenco «Pagamenti»", "/admin/pagamenti"),
        (f"payment:{attempt.id}", {}, f"Pagamento dell'ordine {number}", f"/admin/ordini/{number}"),
        ("payment:pi_elsewhere", {}, "Pagamento pi_elsewhere", ""),
        ("refund:re_elsewhere", {}, "Rimborso re_elsewhere", ""),
        (f"event:{event.id}", {}, "Notifica checkout.session.completed", f"/admin/notifiche/{event.id}"),
        ("alert:1", {"kind": "refund_failed"}, "Avviso «Rimborso non riuscito»", ""),
        ("mail:1", {"template": "m21"}, "Messaggio «Rimborso disposto»", ""),
        ("gateway:stripe", {}, "Gateway Stripe", ""),
        (f"order:{number}", {}, f"Ordine {number}", f"/admin/ordini/{number}"),
        ("code:ESTATE", {}, "Codice ESTATE", ""),
    ):
        act = told(owner, subject, facts, facts, "it")
        assert (act.subject, act.url) == (name, url)
    assert told(owner, "list:ordini", {}, {}, "en").subject == "List “Orders”"
    assert (
        told(owner, "list:ordini", {}, {"account_id": owner.account_id}, "en").changed == "Customer: owner@staff.test"
    )


@pytest.mark.parametrize("lang", i18n.LANGS)
def test_every_mail_has_a_name_before_it_is_written(lang):
    assert {name for name in mails.TEMPLATES if f"adm.template.{name}" not in i18n.words(lang)} == set()
