"""What each mail tells its reader, in both languages."""

from typing import Any

import pytest
from sqlmodel import Session, col, select

from pecapp import db, i18n, tables
from pecapp.services import debit_mails, expiry_mails, letters, mails, outbox
from tests.support import factories, mailings, papers

pytestmark = pytest.mark.usefixtures("frozen_clock")


def written(template: str, lang: i18n.Lang, **params: object) -> letters.Written:
    """The mail about a paid order (m18, m19, m02, m06: an unpaid one) of a private customer."""
    factories.stock()
    with db.transaction() as s:
        account_id = papers.account(s, lang=lang)
        order_id = papers.order(s, account_id, lang=lang)
        if template not in {"m00", "m01", "m02", "m06", "m18", "m19", "m23", "s01"}:
            attempt_id = papers.paid(s, order_id)
            params = {**params, **_about(s, template, account_id, order_id, attempt_id)}
        if template == "m18":
            row = s.get_one(tables.Order, order_id)
            row.closed_at = papers.at(2027, 3, 10)
            s.add(row)
        about = order_id if template in {"m02", "m03", "m04", "m06", "m18", "m19", "m21"} else None
        outbox.post(
            s, template=template, dedup_key=template, account_id=account_id, order_id=about, lang=lang, params=params
        )
    with db.reading() as s:
        mail = s.exec(select(tables.OutboxMail)).one()
        return letters.write(mails.compose(s, mail).letter, lang)


WALLET = {"gateway": "paypal", "kind": "paypal", "brand": "paypal", "last4": "", "label": "m•••@d•••.it"}
CARD = {"exp_month": 1, "exp_year": 2028}
REMOVED = {"last4": "1881", "fingerprint": "old", "status": "removed", "token": ""}


def _about(s: Session, template: str, account_id: int, order_id: int, attempt_id: str) -> dict[str, object]:
    ids = list(s.exec(select(tables.Service.id).order_by(col(tables.Service.id))))
    match template:
        case "m04":
            return {"service_ids": ids, "method_id": papers.method(s, account_id, ceiling_cents=7000)}
        case "m05":
            return {"service_id": ids[0]}
        case "m09":
            return {"method_id": papers.method(s, account_id, **CARD), "ceiling_cents": 7000}
        case "m10":
            old = papers.method(s, account_id, **REMOVED)
            return {"old_id": old, "new_id": papers.method(s, account_id, **WALLET), "service_ids": ids}
        case "m11" | "m12" | "m14":
            means = CARD if template == "m14" else WALLET
            return {"service_ids": ids, "method_id": papers.method(s, account_id, **means)}
        case "m15":
            changed = {"ceiling_cents": 1000, "amount_cents": 1208}
            return {"service_id": ids[0], "method_id": papers.method(s, account_id, **CARD), **changed}
        case "m20" | "m21":
            back = template == "m21"
            made = _refund(s, order_id, attempt_id) if back else _withdrawal(s, account_id, order_id)
            return {"refund_id" if back else "withdrawal_id": made}
    return {}


def _withdrawal(s: Session, account_id: int, order_id: int) -> str:
    declared = tables.Withdrawal(
        id="w1",
        order_id=order_id,
        account_id=account_id,
        name="Mario Rossi",
        number="1234567897",
        email="Mario.Rossi@example.test",
        lang="it",
        channel="open",
        status="done",
        told=["Ti rimborsiamo 11,91 €."],
        received_at=papers.at(2027, 3, 10),
    )
    s.add(declared)
    s.flush()
    return declared.id


def _refund(s: Session, order_id: int, attempt_id: str) -> str:
    refund = tables.Refund(
        id="r1",
        order_id=order_id,
        attempt_id=attempt_id,
        amount_cents=6039,
        reason="surplus",
        idempotency_key="r1",
        created_at=papers.at(2027, 3, 10),
    )
    s.add(refund)
    s.flush()
    return refund.id


SAMPLES = {
    "m00": {"path": "/password?token=abc"},
    "m01": {"path": "/conferma-email?token=abc"},
    "m02": {},
    "m03": {},
    "m04": {},
    "m06": {"reason": "insufficient_funds"},
    "m05": {},
    "m09": {},
    "m10": {},
    "m11": {},
    "m12": {},
    "m14": {},
    "m15": {},
    "m18": {"by": "customer"},
    "m19": {"stage": "3"},
    "m20": {},
    "m21": {},
    "m23": {"what": "method", "at": "2027-03-10T11:00:00+00:00", "device": "Firefox, Windows, 203.0.113.•••"},
    "s01": {"path": "/password?token=abc", "role": "finance"},
}
SUBJECTS = {
    "m00": ("Recupero delle credenziali", "Getting back into your account"),
    "m01": ("Conferma iscrizione", "Confirm your registration"),
    "m02": ("Conferma ordine", "Order confirmation"),
    "m03": ("Conferma pagamento", "Payment confirmation"),
    "m04": (
        "Attivazione rinnovo automatico per il servizio mario@pec.example.test e altri 1",
        "Automatic renewal switched on for the service mario@pec.example.test and 1 more",
    ),
    "m06": ("Pagamento non riuscito", "Payment not completed"),
    "m05": (
        "Disattivazione rinnovo automatico per il servizio mario@pec.example.test",
        "Automatic renewal switched off for the service mario@pec.example.test",
    ),
    "m09": ("Conferma registrazione metodo di pagamento", "Payment method saved"),
    "m10": ("Metodo di pagamento sostituito", "Payment method replaced"),
    "m11": ("Metodo di pagamento rimosso", "Payment method removed"),
    "m12": ("Account PayPal non più collegato", "PayPal account no longer linked"),
    "m14": ("La tua carta sta per scadere", "Your card is about to expire"),
    "m15": ("Serve una nuova autorizzazione", "A new authorisation is needed"),
    "m18": ("Ordine annullato", "Order cancelled"),
    "m19": ("Ordine in attesa di pagamento", "Order waiting for payment"),
    "m20": ("Conferma ricezione recesso", "Withdrawal received"),
    "m21": ("Rimborso disposto", "Refund on its way"),
    "m23": ("Accesso o modifica dati", "Sign-in or change of details"),
    "s01": ("Invito nell'area del personale di Ceralacca", "Invitation to the staff area of Ceralacca"),
}
REPLACE = "http://localhost:8000/metodi-di-pagamento/nuovo"
SAID = {
    "m00": ("1000001@login.ceralacca.test", "http://localhost:8000/password?token=abc"),
    "m01": ("1000001@login.ceralacca.test", "http://localhost:8000/conferma-email?token=abc"),
    "m02": ("1234567897", "Mario Rossi", "Via Roma 1, 00100 Roma (RM)", "/paga?numero=1234567897", "Accetto (terms)"),
    "m03": ("1234567897", "2027/000123", "Visa •••• 4242", "mario@pec.example.test", "studio@pec.example.test"),
    "m04": ("Mario Rossi", "Visa •••• 4242", "mario@pec.example.test", "studio@pec.example.test", "/area-clienti"),
    "m06": ("1234567897", "/ordini/1234567897"),
    "m05": ("mario@pec.example.test", "/area-clienti"),
    "m09": ("Visa •••• 4242", "/metodi-di-pagamento"),
    "m10": (
        "Visa •••• 1881",
        "PayPal m•••@d•••.it",
        "mario@pec.example.test",
        "studio@pec.example.test",
        "/area-clienti",
    ),
    "m11": ("PayPal m•••@d•••.it", "mario@pec.example.test", "studio@pec.example.test", "/metodi-di-pagamento"),
    "m12": ("PayPal m•••@d•••.it", "mario@pec.example.test", "studio@pec.example.test", "/area-clienti"),
    "m14": ("Visa •••• 4242", "mario@pec.example.test", "studio@pec.example.test", f"{REPLACE}?sostituisce=1"),
    "m15": ("Visa •••• 4242", "mario@pec.example.test", f"{REPLACE}?sostituisce=1"),
    "m18": ("1234567897",),
    "m19": ("1234567897", "/ordini/1234567897", "/paga?numero=1234567897"),
    "m20": ("1234567897", "Mario Rossi", "Mario.Rossi@example.test", "Ti rimborsiamo 11,91 €."),
    "m21": ("1234567897", "Visa •••• 4242"),
    "m23": (
        "Firefox, Windows, 203.0.113.•••",
        "/recupera",
        "http://localhost:8000/metodi-di-pagamento",
        "assistenza@ceralacca.test",
    ),
    "s01": ("http://localhost:8000/password?token=abc",),
}
IN_ITALIAN = {
    "s01": ("Amministrazione", "app di autenticazione", "per tre giorni"),
    "m02": ("60,39 €", "10,89 €", "49,50 €", "In attesa pagamento", "24 marzo 2027", "60,40 €", "1 anno"),
    "m03": ("60,39 €", "10 marzo 2028", "10 marzo 2027", "non sono una fattura"),
    "m04": ("3 marzo 2028", "12,08 €", "70,00 €", "1 anno", "fino al 2 marzo 2028"),
    "m06": ("60,39 €", "disponibilità sufficiente"),
    "m05": ("10 marzo 2028", "alcun addebito"),
    "m09": ("31 gennaio 2028", "70,00 €", "0,00 €", "«Rimuovi»"),
    "m10": ("3 marzo 2028", "12,08 €", "«Rinnovo automatico» sia ATTIVO"),
    "m11": ("10 marzo 2028", "Rinnovo automatico disattivato"),
    "m12": ("10 marzo 2028", "Rinnovo automatico disattivato"),
    "m14": ("31 gennaio 2028", "addebito il 3 marzo 2028", "12,08 €", "Aggiorna i tuoi dati"),
    "m15": ("10,00 €", "12,08 €", "2 marzo 2028", "3 marzo 2028", "10 marzo 2028", "più di quanto hai autorizzato"),
    "m18": ("hai annullato", "10 marzo 2027, 12:00", "60,39 €"),
    "m19": ("60,39 €", "aspetta il pagamento", "fino al 9 aprile 2027", "Dopo il 9 aprile 2027", "carta di credito"),
    "m20": ("Con la presente recedo", "10 marzo 2027, 12:00", "entro 14 giorni", "stesso metodo"),
    "m21": ("60,39 €", "non era dovuto"),
    "m23": ("10 marzo 2027, 12:00", "Se non sei stato tu", "un metodo di pagamento"),
}
IN_ENGLISH = {
    "s01": ("Finance", "authenticator app", "for three days"),
    "m02": ("€60.39", "€10.89", "€49.50", "24 March 2027", "€60.40", "1 year", "PEC Standard mailbox"),
    "m03": ("€60.39", "10 March 2028", "not an invoice"),
    "m04": ("3 March 2028", "€12.08", "€70.00", "until 2 March 2028"),
    "m06": ("€60.39", "insufficient funds"),
    "m05": ("10 March 2028", "nothing will be debited"),
    "m09": ("31 January 2028", "€70.00", "€0.00", "“Remove”"),
    "m10": ("3 March 2028", "€12.08", "“Automatic renewal” is ON"),
    "m11": ("10 March 2028", "Automatic renewal switched off"),
    "m12": ("10 March 2028", "Automatic renewal switched off"),
    "m14": ("31 January 2028", "debit on 3 March 2028", "€12.08", "Update your details"),
    "m15": ("€10.00", "€12.08", "2 March 2028", "3 March 2028", "10 March 2028", "more than you have authorised"),
    "m18": ("you have cancelled", "€60.39"),
    "m19": ("€60.39", "waiting for payment", "until 9 April 2027", "After 9 April 2027", "by credit card"),
    "m20": ("I hereby withdraw", "10 March 2027, 12:00", "within 14 days", "same method"),
    "m21": ("€60.39", "not due"),
    "m23": ("10 March 2027, 12:00", "If it was not you", "a payment method"),
}


def test_every_mail_is_shown_here() -> None:
    assert (
        mails.TEMPLATES - debit_mails.COMPOSERS.keys() - expiry_mails.COMPOSERS.keys() == SAMPLES.keys() == SAID.keys()
    )


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize("lang", i18n.LANGS)
@pytest.mark.parametrize("template", sorted(SAMPLES))
def test_a_mail_says_what_it_must_in_words_and_html_alike(template: str, lang: i18n.Lang) -> None:
    mail = written(template, lang, **SAMPLES[template])

    assert mail.subject == SUBJECTS[template][i18n.LANGS.index(lang)]
    said = SAID[template] + (IN_ITALIAN if lang == "it" else IN_ENGLISH).get(template, ())
    assert [one for one in said if one not in mailings.text(mail)] == []
    assert [one for one in said if one not in mailings.html(mail)] == []


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize("lang", i18n.LANGS)
@pytest.mark.parametrize("template", sorted(SAMPLES))
def test_a_mail_keeps_the_common_rules(template: str, lang: i18n.Lang) -> None:
    mail = written(template, lang, **SAMPLES[template])
    mailings.keeps_the_rules(mail, lang)


@pytest.mark.usefixtures("sqlite_database")
def test_what_a_customer_typed_cannot_become_html() -> None:
    with db.transaction() as s:
        account_id = papers.account(s)
        order_id = papers.order(s, account_id, holder=papers.holder(first_name="<script>alert(1)</script>"))
        outbox.post(s, template="m02", dedup_key="x", account_id=account_id, order_id=order_id)
    with db.reading() as s:
        composed = mails.compose(s, s.exec(select(tables.OutboxMail)).one())
    html = letters.write(composed.letter, "it").html
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ({"auto_renew": False}, "rinnovare manualmente", "addebito automatico. 7"),
        ({"auto_renew": None, "family": "b", "years": None}, "rinnovo automatico non è disponibile", "manualmente"),
        ({"start_now": False}, "ti rimborsiamo tutto", "giorni già usati"),
        ({"holder": papers.holder(kind="company", company_name="Rossi S.r.l.")}, "Rossi S.r.l.", "Diritto di recesso"),
        ({"status": "cancelled"}, "Annullato", "Come pagare"),
        ({"discount_code": "SCONTO10", "discount_net_cents": 495}, "-4,95 €", "{"),
        ({"gateway": "paypal"}, "PayPal", "{"),
    ],
)
def test_the_order_confirmation_follows_the_order(changes: dict[str, Any], said: str, unsaid: str) -> None:
    with db.transaction() as s:
        account_id = papers.account(s)
        order_id = papers.order(s, account_id, **changes)
        outbox.post(s, template="m02", dedup_key="x", account_id=account_id, order_id=order_id)
    with db.reading() as s:
        composed = mails.compose(s, s.exec(select(tables.OutboxMail)).one())
    text = " ".join(letters.write(composed.letter, "it").text.split()).replace("\xa0", " ")
    assert said in text
    assert unsaid not in text


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize(
    ("stage", "said"), [("3", "aspetta il pagamento"), ("10", "ti ricordiamo"), ("last", "sta per decadere")]
)
def test_an_order_that_waits_is_reminded_more_firmly_each_time(stage: str, said: str) -> None:
    assert said in mailings.text(written("m19", "it", stage=stage))


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize("reason", [*SAMPLES["m06"].values(), None, "something new", "stolen_card"])
def test_a_refusal_is_told_without_accusing_anybody(reason: str | None) -> None:
    text = written("m06", "it", reason=reason).text
    assert "Nessun importo è stato addebitato" in " ".join(text.split())
    assert "rubata" not in text
    assert "stolen" not in text


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize(("kind", "enclosed"), [("private", ["terms-a", "withdrawal"]), ("professional", ["terms-a"])])
def test_the_accepted_terms_and_the_withdrawal_form_go_with_the_confirmation(kind: str, enclosed: list[str]) -> None:
    with db.transaction() as s:
        account_id = papers.account(s)
        order_id = papers.order(s, account_id, holder=papers.holder(kind=kind, company_name=""))
        outbox.post(s, template="m02", dedup_key="x", account_id=account_id, order_id=order_id)
    with db.reading() as s:
        composed = mails.compose(s, s.exec(select(tables.OutboxMail)).one())
    assert [document.id for document in composed.enclosed] == enclosed


@pytest.mark.usefixtures("sqlite_database")
def test_an_order_of_nothing_to_pay_is_confirmed_as_paid_without_a_card() -> None:
    with db.transaction() as s:
        account_id = papers.account(s)
        order_id = papers.order(s, account_id, net_cents=0, vat_cents=0, gross_cents=0, status="paid")
        s.add(tables.Receipt(order_id=order_id, year=2027, number=1, issued_at=papers.at(2027, 3, 10)))
        outbox.post(s, template="m03", dedup_key="x", account_id=account_id, order_id=order_id)
    with db.reading() as s:
        composed = mails.compose(s, s.exec(select(tables.OutboxMail)).one())
    text = " ".join(letters.write(composed.letter, "it").text.split()).replace("\xa0", " ")
    assert "0,00 €" in text
    assert "non c'era nulla da pagare" in text
    assert "••••" not in text
