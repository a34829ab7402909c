"""«Perché questo addebito?»: every charge with what led to it and came of it, for its customer and for nobody else."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import payments, renewals
from pecapp.services import access, dunning, history
from tests.support import days, factories, renewing

E = date(2027, 3, 31)
PAID, AWAITING = "paid", "awaiting_payment"
AMOUNT = "12,08\xa0€"
pytestmark = pytest.mark.usefixtures("shop")


def at(before: int, hour: int = 6, minute: int = 0) -> datetime:
    """An instant so many days before the expiry."""
    return days.at(E - timedelta(days=before), hour, minute)


DEBITED = at(7)
"""When automatic renewal debits."""


@pytest.fixture
def visa(actor) -> tables.PaymentMethod:
    return renewing.card(actor, last4="4242")


@pytest.fixture
def mailbox(actor, visa) -> tables.Service:
    return renewing.service(actor, visa, E, label="anna.verdi@pec-ceralacca.test")


def ordered(
    actor: access.Actor,
    service: tables.Service,
    created_at: datetime = DEBITED,
    renewal: Mapping[str, Any] = {},
    **values: Any,
) -> tables.Order:
    """A renewal order of a service; by automatic renewal, unless told otherwise."""
    configuration = {"product": "PEC-STD", "service": service.id, "labels": [service.label], "names": []}
    made: dict[str, Any] = {"kind": "renewal", "created_at": created_at, "configuration": configuration}
    order = factories.order(actor, **made | values)
    facts: dict[str, Any] = {"expires_on": E, "automatic": True, "debits": 1, **renewal}
    factories.add(tables.Renewal(order_id=order.id or 0, service_id=service.id or 0, **facts))
    return order


def tried(order: tables.Order, method: tables.PaymentMethod | None, status: str, when: datetime, **values: Any) -> Any:
    """A try to pay an order that has ended."""
    made: dict[str, Any] = {
        "channel": "renewal" if method else "order",
        "method_id": method.id if method else None,
        "status": status,
        "created_at": when,
        "finished_at": when + timedelta(seconds=2),
    }
    return factories.attempt(order, **made | values)


def written(template: str, dedup_key: str, order: tables.Order | None, when: datetime, **values: Any) -> Any:
    """A mail that has left."""
    made: dict[str, Any] = {
        "to_address": "anna.verdi@example.test",
        "lang": "it",
        "status": "sent",
        "created_at": when,
        "ready_at": when,
        "sent_at": when + timedelta(seconds=5),
        "message_id": f"<{template}@ceralacca.test>",
        "subject": f"Oggetto {template}",
    }
    mail = {"template": template, "dedup_key": dedup_key, "order_id": order.id if order else None}
    return factories.add(tables.OutboxMail(**mail | made | values))


def notified(attempt: tables.PaymentAttempt, **values: Any) -> None:
    """The gateway has notified of an attempt."""
    made: dict[str, Any] = {
        "gateway": "stripe",
        "event_id": uuid4().hex,
        "type": "payment_intent.succeeded",
        "attempt_id": attempt.id,
        "status": "done",
        "received_at": attempt.created_at + timedelta(seconds=3),
    }
    factories.add(tables.InboxEvent(**made | values))


def accepted(actor: access.Actor, kind: str, when: datetime, label: str, order_id: int | None = None) -> None:
    factories.add(
        tables.Acceptance(
            order_id=order_id,
            account_id=actor.account_id or 0,
            kind=kind,
            document_id="terms-a",
            version="2026-06",
            sha256="0",
            label=label,
            lang="it",
            accepted_at=when,
        )
    )


def authorised(method: tables.PaymentMethod, when: datetime, cents: int = 1208) -> None:
    factories.add(
        tables.Mandate(
            account_id=method.account_id,
            method_id=method.id or 0,
            source=f"saving:{uuid4().hex}",
            ceiling_cents=cents,
            terms_version="2026-06",
            authorised_at=when,
        )
    )


def told_of(actor: access.Actor, service: tables.Service, method: tables.PaymentMethod, before: int = 35) -> None:
    """Automatic renewal was asked for, authorised and switched on; the legal notice has left."""
    account = actor.account_id
    accepted(actor, "auto_renew", at(200), f"Rinnovo: Sì. {service.label}")
    authorised(method, at(200, 6, 2))
    params = {"service_ids": [service.id], "method_id": method.id}
    written("m04", f"m04:services:{service.id}", None, at(200, 6, 3), account_id=account, params=params)
    written("m13", dunning.notice_key(service.id or 0, E), None, at(before), account_id=account)


@pytest.fixture
def paid(actor, visa, mailbox) -> tables.Order:
    """Debited and renewed on its day."""
    told_of(actor, mailbox, visa)
    order = ordered(actor, mailbox, renewal={"status": "done"}, status=PAID, paid_at=at(7, 6, 1))
    attempt = tried(order, visa, "succeeded", at(7), card_brand="visa", card_last4="4242")
    notified(attempt)
    factories.add(
        tables.Receipt(order_id=order.id or 0, attempt_id=attempt.id, year=2027, number=12, issued_at=at(7, 6, 1))
    )
    written("m07", f"m07:order:{order.id}", order, at(7, 6, 2), account_id=actor.account_id)
    factories.change(mailbox, expires_on=date(2028, 3, 31))
    return order


def kinds(actor: access.Actor, order: tables.Order) -> list[str]:
    return [step.kind for step in history.chain(actor, order.number, "it").steps]


def step(actor: access.Actor, order: tables.Order, kind: str, lang: i18n.Lang = "it", nth: int = 0) -> Any:
    return [one for one in history.chain(actor, order.number, lang).steps if one.kind == kind][nth]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection, _cursor, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            sent.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    yield sent
    event.remove(db.engine(), "before_cursor_execute", note)


# --- the chain --------------------------------------------------------------------------------------------------------


def test_a_paid_debit_is_told_from_the_consent_to_the_mail(actor, paid):
    shown = history.chain(actor, paid.number, "it")
    assert [(one.kind, one.at) for one in shown.steps] == [
        ("consent", "12 settembre 2026, 06:00"),
        ("mandate", "12 settembre 2026, 06:02"),
        ("activation", "12 settembre 2026, 06:03"),
        ("notice", "24 febbraio 2027, 06:00"),
        ("order", "24 marzo 2027, 06:00"),
        ("attempt", "24 marzo 2027, 06:00"),
        ("answer", "24 marzo 2027, 06:00"),
        ("event", "24 marzo 2027, 06:00"),
        ("receipt", "24 marzo 2027, 06:01"),
        ("expiry", "24 marzo 2027, 06:01"),
        ("mail", "24 marzo 2027, 06:02"),
    ]
    assert (shown.service, shown.amount, shown.on, shown.means, shown.automatic) == (
        "anna.verdi@pec-ceralacca.test", AMOUNT, "24 marzo 2027", "Visa •••• 4242", True,
    )  # fmt: skip
    assert (shown.status, shown.why, shown.can_pay) == (PAID, "", False)
    assert (shown.coming, shown.coming_href) == (
        "Il prossimo addebito automatico è previsto il 24 marzo 2028.", "/prossimi-addebiti",
    )  # fmt: skip


def test_each_step_says_what_it_proves(actor, paid):
    assert "Rinnovo: Sì." in step(actor, paid, "consent").text
    said = {kind: {fact.name: fact.value for fact in step(actor, paid, kind).facts} for kind in ("mandate", "notice")}
    assert said["mandate"] == {
        "Importo massimo": AMOUNT, "Metodo": "Visa •••• 4242", "Versione del testo": "2026-06",
    }  # fmt: skip
    assert said["notice"]["Prova d'invio (Message-ID)"] == "<m13@ceralacca.test>"
    assert "35 giorni prima" in step(actor, paid, "notice").text
    assert step(actor, paid, "answer").text == f"{AMOUNT} addebitati su Visa •••• 4242."
    receipt = step(actor, paid, "receipt")
    assert (receipt.title, receipt.href, receipt.document) == (
        "Ricevuta n. 2027/000012", f"/ricevute/{paid.number}.pdf", True,
    )  # fmt: skip
    assert step(actor, paid, "expiry").title == "Nuova scadenza: 31 marzo 2028"
    assert step(actor, paid, "mail").text == "«Oggetto m07»"


def test_in_english(actor, paid):
    shown = history.chain(actor, paid.number, "en")
    assert (shown.amount, shown.on) == ("€12.08", "24 March 2027")
    assert [one.title for one in shown.steps][:4] == [
        "You asked for automatic renewal",
        "You authorised the charges",
        "Automatic renewal switched on",
        "We told you before the charge",
    ]
    assert step(actor, paid, "answer", "en").title == "The bank authorised the payment"


def test_only_what_is_there_is_told(actor, mailbox):
    order = ordered(actor, mailbox)
    assert kinds(actor, order) == ["order"]
    assert history.chain(actor, order.number, "it").coming.startswith("Non riproviamo l'addebito da soli.")


def test_another_services_consent_and_activation_are_not_this_ones(actor, visa, mailbox):
    told_of(actor, renewing.service(actor, visa, E), visa)
    assert kinds(actor, ordered(actor, mailbox)) == ["order"]


def test_the_consent_that_was_given_with_another_order_is_found_by_what_it_switched_on(actor, visa, mailbox):
    other = factories.order(actor, created_at=at(300), status=PAID)
    accepted(actor, "auto_renew", at(300), "Rinnovo con addebito automatico: Sì, attiva", other.id)
    params = {"service_ids": [mailbox.id], "method_id": visa.id}
    written("m04", f"m04:order:{other.id}", other, at(300), account_id=actor.account_id, params=params)
    assert kinds(actor, ordered(actor, mailbox)) == ["consent", "activation", "order"]


def test_a_refused_debit_says_why_in_plain_words_and_when_the_next_try_is(actor, visa, mailbox):
    trouble = {"trouble": "insufficient_funds", "remedy": "soft", "next_debit_on": E - timedelta(days=3)}
    order = ordered(actor, mailbox, renewal=trouble)
    tried(order, visa, "declined", at(7), reason="insufficient_funds")
    tried(order, visa, "declined", at(5), reason="insufficient_funds")
    written("m08", "m08:attempt:1", order, at(7, 6, 1), account_id=actor.account_id)
    days.go_to(E - timedelta(days=4))
    shown = history.chain(actor, order.number, "it")
    assert [one.kind for one in shown.steps] == [
        "order", "attempt", "answer", "mail", "attempt", "answer",
    ]  # fmt: skip
    assert shown.why == "Sul metodo non c'era disponibilità sufficiente. Nessun importo è stato addebitato."
    assert (shown.coming, shown.coming_href, shown.can_pay) == (
        "Riproviamo l'addebito il 28 marzo 2027. Se preferisci, puoi pagare prima tu.",
        f"/ordini/{order.number}",
        True,
    )
    assert [one.title for one in shown.steps if one.kind == "attempt"] == [
        "Tentativo di pagamento n. 1",
        "Tentativo di pagamento n. 2",
    ]


def test_a_debit_that_must_be_confirmed_is_not_tried_again(actor, visa, mailbox):
    order = ordered(actor, mailbox, renewal={"trouble": "authentication", "remedy": "confirm"})
    tried(order, visa, "declined", at(7), reason="authentication", gateway="paypal")
    assert "serve la tua conferma" in history.chain(actor, order.number, "it").coming
    assert step(actor, order, "answer").title == "PayPal non ha autorizzato il pagamento"


def test_every_reason_has_words_and_an_unknown_one_is_a_plain_refusal(actor, visa, mailbox):
    order = ordered(actor, mailbox, renewal={"trouble": "stolen_card"})
    assert history.chain(actor, order.number, "it").why == i18n.text("history.why.declined", "it")
    reasons = {*payments.Reason, *renewals.Doubt, *payments.FAILED, dunning.NOTICE, "given_up"}
    for lang in i18n.LANGS:
        assert [one for one in reasons if f"history.why.{one}" not in i18n.words(lang)] == []
        words = [said for key, said in i18n.words(lang).items() if key.startswith("history.")]
        assert not [said for said in words for bad in ("rubat", "frod", "stolen", "fraud") if bad in said.lower()]


def test_a_debit_that_was_held_back_says_so_on_its_day(actor, visa, mailbox):
    authorised(visa, at(100), 1000)
    order = ordered(actor, mailbox, renewal={"trouble": "ceiling"})
    params = {"why": "ceiling", "method_id": visa.id}
    written("m08", f"m08:order:{order.id}:1", order, at(7), account_id=actor.account_id, params=params)
    assert kinds(actor, order) == ["mandate", "order", "held_back", "mail"]
    assert step(actor, order, "held_back").text == i18n.text("history.why.ceiling", "it")


def test_a_mandate_given_after_the_debit_is_not_its_ground(actor, visa, mailbox):
    order = ordered(actor, mailbox, status=PAID, paid_at=at(7), renewal={"status": "done"})
    tried(order, visa, "succeeded", at(7))
    authorised(visa, at(100), 1300)
    authorised(visa, at(90), 1200)
    authorised(visa, at(1), 9900)
    assert step(actor, order, "mandate").facts[0].value == "13,00\xa0€"


def test_a_renewal_by_hand_has_the_acceptance_of_its_order_and_no_mandate(actor, visa, mailbox):
    order = ordered(actor, mailbox, status=PAID, paid_at=at(7), renewal={"automatic": False, "status": "done"})
    told_of(actor, mailbox, visa)
    accepted(actor, "terms", at(7), "Accetto le condizioni.", order.id)
    tried(order, None, "succeeded", at(7), card_brand="visa", card_last4="1881")
    found = [one for one in history.chain(actor, order.number, "it").steps if one.kind in {"consent", "order"}]
    assert [one.title for one in found] == ["Hai accettato le condizioni", "Hai ordinato il rinnovo"]
    assert {"mandate", "activation"} & set(kinds(actor, order)) == set()
    assert "pagato da te dalla pagina dell'ordine" in step(actor, order, "attempt").text


def test_a_late_notice_says_until_when_one_may_leave_and_what_the_second_channel_was(actor, visa, mailbox):
    told_of(actor, mailbox, visa, before=20)
    factories.change(mailbox, free_exit_until_on=date(2028, 3, 31))
    factories.add(
        tables.OutboxSms(
            dedup_key=dunning.notice_key(mailbox.id or 0, E),
            account_id=actor.account_id or 0,
            to_number="+393471234567",
            text="",
            status="sent",
            created_at=at(20),
            ready_at=at(20),
            sent_at=at(20),
        )
    )
    order = ordered(actor, mailbox)
    assert "senza costi fino al 31 marzo 2028" in step(actor, order, "notice").text
    assert step(actor, order, "notice").tone == "warning"
    assert "567" in step(actor, order, "sms").text
    assert "+39" not in step(actor, order, "sms").text


def test_a_notice_that_no_server_has_taken_proves_nothing(actor, mailbox):
    key = dunning.notice_key(mailbox.id or 0, E)
    written("m13", key, None, at(35), account_id=actor.account_id, status="waiting", sent_at=None)
    assert "notice" not in kinds(actor, ordered(actor, mailbox))


def test_only_notifications_that_count_are_counted(actor, visa, mailbox):
    order = ordered(actor, mailbox)
    attempt = tried(order, visa, "succeeded", at(7))
    for status in ("done", "waiting", "ignored", "quarantined"):
        notified(attempt, status=status)
    assert "2 notifiche firmate" in step(actor, order, "event").text


def test_an_answer_that_is_awaited_forbids_to_pay_again(actor, visa, mailbox):
    order = ordered(actor, mailbox)
    tried(order, visa, "unknown", at(7), finished_at=None, unknown_since_at=at(7))
    shown = history.chain(actor, order.number, "it")
    assert (shown.status, shown.can_pay) == ("verifying", False)
    assert "Non pagare di nuovo" in shown.coming
    assert shown.steps[-1].title == "La banca non ha risposto subito"


def test_money_that_goes_back_is_told_with_its_end(actor, visa, paid):
    (attempt,) = factories.rows(tables.PaymentAttempt)
    factories.add(
        tables.Refund(
            id="r",
            order_id=paid.id or 0,
            attempt_id=attempt.id,
            amount_cents=1208,
            reason="withdrawal",
            status="succeeded",
            idempotency_key="r",
            created_at=at(5),
            finished_at=at(4),
        )
    )
    factories.change(paid, status="refunded")
    assert [one.title for one in history.chain(actor, paid.number, "it").steps][-2:] == [
        f"Rimborso di {AMOUNT} disposto",
        f"Rimborso di {AMOUNT} completato",
    ]
    assert "recesso" in step(actor, paid, "refund").text
    assert history.listing(actor, "it")[0].status == "refunded"


def test_money_that_went_back_at_the_gateway_itself_says_so(actor, visa, paid):
    (attempt,) = factories.rows(tables.PaymentAttempt)
    factories.add(
        tables.Refund(
            id="r",
            order_id=paid.id or 0,
            attempt_id=attempt.id,
            amount_cents=1208,
            reason="gateway:re_x",
            status="succeeded",
            idempotency_key="r",
            created_at=at(5),
            finished_at=at(4),
        )
    )
    assert step(actor, paid, "refund").text.startswith("Disposto direttamente presso il gestore dei pagamenti.")


def test_a_cancelled_order_says_by_whom(actor, mailbox):
    closed = {"status": "cancelled", "closed_at": at(6), "closed_by": "customer"}
    order = ordered(actor, mailbox, renewal={"status": "void", "trouble": "given_up"}, **closed)
    shown = history.chain(actor, order.number, "it")
    assert shown.why == i18n.text("history.why.given_up", "it")
    assert (shown.steps[-1].title, shown.coming) == ("Ordine annullato", "")


def test_another_method_for_this_time_only_is_a_step(actor, mailbox):
    renewing.choice(mailbox, renewing.card(actor, last4="1111"))
    assert step(actor, ordered(actor, mailbox), "choice").facts[0].value == "Visa •••• 1111"


def test_a_service_that_does_not_renew_any_more_ends(actor, mailbox, paid):
    factories.change(mailbox, renewal="disabled", method_id=None)
    shown = history.chain(actor, paid.number, "it")
    assert shown.coming.startswith("Il servizio è valido fino al 31 marzo 2028.")
    factories.change(mailbox, expires_on=date(2029, 3, 31))
    assert history.chain(actor, paid.number, "it").coming == ""


# --- as the engine itself writes it -----------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_debit_of_the_engine_is_told(actor, mailbox):
    await days.live(E - timedelta(days=35))
    await days.live(E - timedelta(days=7))
    (row,) = history.listing(actor, "it")
    assert (row.status, row.automatic, row.on) == (PAID, True, "24 marzo 2027")
    told = [one.kind for one in history.chain(actor, row.number, "it").steps]
    assert told == ["notice", "order", "attempt", "answer", "receipt", "expiry", "mail"]


@pytest.mark.anyio
async def test_a_debit_that_the_engine_holds_back_is_told(actor, visa, mailbox):
    await days.live(E - timedelta(days=35))
    authorised(visa, clock.now(), 1207)
    factories.change(visa, ceiling_cents=1207)
    await days.live(E - timedelta(days=7))
    (row,) = history.listing(actor, "it")
    assert (row.status, row.why) == (AWAITING, i18n.text("history.why.ceiling", "it"))
    told = [one.kind for one in history.chain(actor, row.number, "it").steps]
    assert told == ["mandate", "notice", "order", "held_back", "mail"]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_tells_each_renewal_and_how_it_ended(actor, visa, mailbox, paid):
    failed = ordered(actor, mailbox, at(3), renewal={"expires_on": date(2028, 3, 31), "trouble": "declined"})
    tried(failed, visa, "declined", at(3), reason="declined")
    factories.order(actor, created_at=at(1))
    rows = history.listing(actor, "it")
    assert [(row.number, row.status, row.on, row.means) for row in rows] == [
        (failed.number, AWAITING, "28 marzo 2027", "Visa •••• 4242"),
        (paid.number, PAID, "24 marzo 2027", "Visa •••• 4242"),
    ]
    assert [row.why for row in rows] == [i18n.text("history.why.declined", "it"), ""]
    assert [row.amount for row in history.listing(actor, "en")] == ["€12.08", "€12.08"]


def test_pages_follow_each_other_without_gap_or_double_also_within_one_instant(actor, mailbox):
    terms = itertools.count(1)
    made = [
        ordered(actor, mailbox, at(7), renewal={"status": "void", "expires_on": E + timedelta(days=next(terms))}).number
        for _ in range(history.PAGE + 5)
    ]
    first = history.listing(actor, "it")
    second = history.listing(actor, "it", first[-1].number)
    assert [row.number for row in first + second] == made[::-1]
    assert len(first) == history.PAGE
    assert history.listing(actor, "it", second[-1].number) == []
    assert len(history.listing(actor, "it", limit=22)) == 22


@pytest.mark.parametrize("before", ["0000", "' OR 1=1 --", "x" * 400])
def test_a_cursor_that_is_no_order_begins_at_the_top(actor, mailbox, before):
    order = ordered(actor, mailbox)
    assert [row.number for row in history.listing(actor, "it", before)] == [order.number]


# --- whose it is, and what it costs -----------------------------------------------------------------------------------


def test_nobody_else_sees_anything(actor, paid):
    other = factories.customer()
    with pytest.raises(errors.NotFound, match="ORD_NON_TROVATO"):
        history.chain(other, paid.number, "it")
    assert history.listing(other, "it") == history.listing(other, "it", paid.number) == []
    for ask in (
        lambda: history.listing(access.Actor(), "it"),
        lambda: history.chain(access.Actor(), paid.number, "it"),
    ):
        with pytest.raises(errors.Forbidden):
            ask()


def test_what_is_no_renewal_is_not_found(actor):
    for number in (factories.order(actor).number, "", "0000"):
        with pytest.raises(errors.NotFound):
            history.chain(actor, number, "it")


def test_as_many_queries_for_many_as_for_one(actor, visa, mailbox, paid):
    with counted() as one:
        history.listing(actor, "it")
    with counted() as alone:
        history.chain(actor, paid.number, "it")
    for number in range(12):
        expires_on = date(2030 + number, 3, 31)
        tried(
            ordered(actor, renewing.service(actor, visa, E), renewal={"expires_on": expires_on}),
            visa,
            "declined",
            at(7),
        )
        notified(tried(paid, renewing.card(actor), "declined", at(6)))
        written("m08", f"m08:attempt:{number}", paid, at(6), account_id=actor.account_id)
    with counted() as many:
        history.listing(actor, "it")
    with counted() as crowded:
        history.chain(actor, paid.number, "it")
    assert len(many) == len(one) <= 3
    assert len(crowded) == len(alone) <= 13
