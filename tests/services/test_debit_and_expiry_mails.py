"""What the mails around an expiry tell: figures, days, ways out, in both languages."""

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy.exc import NoResultFound
from sqlmodel import select

from pecapp import db, i18n, tables
from pecapp.domain import payments, renewals
from pecapp.services import correspondence, debit_mails, expiry_mails, letters, mails, outbox
from tests.conftest import FrozenClock
from tests.support import factories, mailings, papers

pytestmark = pytest.mark.usefixtures("sqlite_database", "frozen_clock")

E = date(2027, 3, 31)
SITE = "http://localhost:8000"
SERVICE = f"{SITE}/area-clienti/servizi/1"
BOX = "mario@pec.example.test"


@pytest.fixture
def account_id() -> int:
    """A customer with a mailbox until 31 March 2027, that renews by itself on a card up to 50.00; service 1."""
    factories.stock()
    with db.transaction() as s:
        account_id = papers.account(s)
        bought = papers.order(
            s, account_id, gross_cents=1208, net_cents=990, vat_cents=218, created_at=papers.at(2026, 3, 31)
        )
        papers.paid(s, bought)
        keep, other = s.exec(select(tables.Service).order_by("id")).all()
        s.delete(other)
        keep.expires_on, keep.status = E, "active"
        keep.renewal, keep.method_id = "active", papers.method(s, account_id, ceiling_cents=5000)
        s.add(keep)
    return account_id


def change(**values: Any) -> None:
    """Change the service."""
    factories.change(factories.the(tables.Service), **values)


def renewal(account_id: int, status: str = "open", expires_on: date = E, **values: Any) -> int:
    """A renewal order of the service; its id."""
    with db.transaction() as s:
        figures: dict[str, Any] = {"gross_cents": 1208, "net_cents": 990, "vat_cents": 218}
        about = {"kind": "renewal", "configuration": {"product": "PEC-STD", "service": 1}}
        number = f"98765432{expires_on.year % 100:02d}"
        order_id = papers.order(s, account_id, number=number, **figures | about | values)
        s.add(tables.Renewal(order_id=order_id, service_id=1, expires_on=expires_on, status=status, automatic=True))
    return order_id


def pay(order_id: int) -> None:
    """Register the payment of a renewal order, its receipt 2027/000124."""
    with db.transaction() as s:
        papers.paid(s, order_id, number=124)
        for made in s.exec(select(tables.Service).where(tables.Service.order_id == order_id)).all():
            s.delete(made)


def written(
    template: str, account_id: int, lang: i18n.Lang = "it", order_id: int | None = None, **params: Any
) -> letters.Written:
    """The mail with these parameters; those that every mail but M07 and M17 has are added."""
    term = {"service_id": 1, "expires_on": E.isoformat()}
    with db.transaction() as s:
        outbox.post(
            s,
            template=template,
            dedup_key=template,
            account_id=account_id,
            order_id=order_id,
            lang=lang,
            params=params if template == "m07" else term | params,
        )
    return again(lang)


def again(lang: i18n.Lang = "it") -> letters.Written:
    with db.reading() as s:
        return letters.write(mails.compose(s, s.exec(select(tables.OutboxMail)).one()).letter, lang)


def said(template: str, account_id: int, lang: i18n.Lang = "it", order_id: int | None = None, **params: Any) -> str:
    mail = written(template, account_id, lang, order_id, **params)
    return mailings.text(mail)


SOFT = {"why": "insufficient_funds", "remedy": "soft", "retry_on": "2027-03-26", "method_id": 1}
SAMPLES: dict[str, dict[str, Any]] = {
    "m07": {},
    "m08": SOFT,
    "m13": {},
    "dearer": {"amount_cents": 6039, "years": 5, "announced_cents": 1208},
    "m16": {},
    "m17": {"label": BOX},
    "not_sold": {},
    **{f"r{number}": {} for number in range(1, 8)},
}
_REMINDER = (f"Rinnova il servizio {BOX} in scadenza", f"Renew the service {BOX}, which is about to expire")
_LAPSED = ("Servizio scaduto", "Service expired")
SUBJECTS = {
    "m07": ("Rinnovo effettuato", "Service renewed"),
    "m08": ("Rinnovo automatico non riuscito", "Automatic renewal not completed"),
    "m13": ("Il tuo servizio si rinnoverà il 24 marzo 2027", "Your service will renew on 24 March 2027"),
    "dearer": (f"L'importo del rinnovo di {BOX} è cambiato", f"The amount of the renewal of {BOX} has changed"),
    "m16": _LAPSED,
    "m17": ("Servizio cancellato", "Service deleted"),
    "not_sold": (f"Il servizio {BOX} non si rinnova più", f"The service {BOX} will not renew any more"),
    **dict.fromkeys(("r1", "r2", "r3", "r4"), _REMINDER),
    **dict.fromkeys(("r5", "r6", "r7"), _LAPSED),
}
_RENEW, _GONE = f"{SERVICE}/rinnova", f"{SITE}/servizi"
SAID = {
    "m07": ("9876543227", "2027/000124", "Visa •••• 4242", f"{SITE}/ordini/9876543227"),
    "m08": ("9876543227", "Visa •••• 4242", f"{SITE}/ordini/9876543227", f"{SITE}/metodi-di-pagamento"),
    "m13": ("Visa •••• 4242", SERVICE),
    "dearer": ("Visa •••• 4242", SERVICE),
    "m17": (_GONE,),
    "not_sold": (_GONE,),
    **dict.fromkeys(("m16", "r1", "r2", "r3", "r4", "r5", "r6", "r7"), (_RENEW,)),
}
_ITALIAN = ("31 marzo 2027", "12,08 €", "1 anno", "Dal 1 aprile 2027 la casella è sospesa", "Fino al 29 giugno 2027")
_ENGLISH = ("31 March 2027", "€12.08", "1 year", "From 1 April 2027 the mailbox is suspended", "Until 29 June 2027")
_DELETED = ("Dal 30 giugno 2027 la casella è cancellata", "From 30 June 2027 the mailbox is deleted")
IN_ITALIAN = {
    "m07": (
        "12,08 €",
        "31 marzo 2028",
        "24 marzo 2028",
        "10 marzo 2027",
        "fino al 23 marzo 2028",
        "non sono una fattura",
    ),
    "m08": (
        *_ITALIAN[3:],
        "12,08 €",
        "31 marzo 2027",
        "26 marzo 2027",
        "disponibilità sufficiente",
        "Aggiorna i tuoi dati",
    ),
    "m13": (*_ITALIAN[:3], "24 marzo 2027", "fino al 23 marzo 2027", "31 marzo 2028", "50,00 €", "Gestisci rinnovo"),
    "dearer": ("60,39 €", "12,08 €", "24 marzo 2027", "fino al 23 marzo 2027", "5 anni", "31 marzo 2032", "50,00 €"),
    "m17": ("31 marzo 2027", "tutti i suoi messaggi", "30 mesi", "lo stesso codice fiscale", "sarà vuota"),
    "not_sold": ("31 marzo 2027", "PEC Standard non è più in vendita", _ITALIAN[3], _DELETED[0]),
    **dict.fromkeys(("r1", "r2", "r3", "r4"), (*_ITALIAN, _DELETED[0], "fino al 31 marzo 2028", "Rinnova:")),
    **dict.fromkeys(("m16", "r5", "r6", "r7"), (*_ITALIAN, _DELETED[0], "dopo il 29 giugno 2027", "Riattiva:")),
    "m16": (*_ITALIAN, _DELETED[0], "Dopo il 29 giugno 2027 sarà cancellato", "Riattiva:"),
}
IN_ENGLISH = {
    "m07": ("€12.08", "31 March 2028", "24 March 2028", "10 March 2027", "until 23 March 2028", "not an invoice"),
    "m08": (*_ENGLISH[3:], "€12.08", "31 March 2027", "26 March 2027", "insufficient funds", "Update your details"),
    "m13": (*_ENGLISH[:3], "24 March 2027", "until 23 March 2027", "31 March 2028", "€50.00", "Manage renewal"),
    "dearer": ("€60.39", "€12.08", "24 March 2027", "until 23 March 2027", "5 years", "31 March 2032", "€50.00"),
    "m17": ("31 March 2027", "all its messages", "30 months", "the same codice fiscale", "will be empty"),
    "not_sold": ("31 March 2027", "PEC Standard is no longer sold", _ENGLISH[3], _DELETED[1]),
    **dict.fromkeys(("r1", "r2", "r3", "r4"), (*_ENGLISH, _DELETED[1], "until 31 March 2028", "Renew:")),
    **dict.fromkeys(("r5", "r6", "r7"), (*_ENGLISH, _DELETED[1], "after 29 June 2027", "Reactivate:")),
    "m16": (*_ENGLISH, _DELETED[1], "After 29 June 2027 it will be deleted", "Reactivate:"),
}


def sample(template: str, account_id: int, lang: i18n.Lang) -> letters.Written:
    if template not in {"m07", "m08"}:
        return written(template, account_id, lang, **SAMPLES[template])
    order_id = renewal(account_id, "done" if template == "m07" else "open")
    if template == "m07":
        pay(order_id)
        change(expires_on=date(2028, 3, 31))
    return written(template, account_id, lang, order_id, **SAMPLES[template])


def test_every_mail_of_the_engine_is_shown_here() -> None:
    of_the_engine = {*debit_mails.COMPOSERS, *expiry_mails.COMPOSERS}
    assert of_the_engine == SAMPLES.keys() == SUBJECTS.keys() == SAID.keys() == IN_ITALIAN.keys() == IN_ENGLISH.keys()


@pytest.mark.parametrize("lang", i18n.LANGS)
@pytest.mark.parametrize("template", sorted(SAMPLES))
def test_a_mail_says_what_it_must_and_keeps_the_common_rules(account_id: int, template: str, lang: i18n.Lang) -> None:
    mail = sample(template, account_id, lang)
    assert mail.subject == SUBJECTS[template][i18n.LANGS.index(lang)]
    wanted = (BOX, *SAID[template], *(IN_ITALIAN if lang == "it" else IN_ENGLISH)[template])
    assert [one for one in wanted if one not in mailings.text(mail)] == []
    assert [one for one in wanted if not one.endswith(":") and one not in mailings.html(mail)] == []
    assert "Mario Rossi" in mail.text
    mailings.keeps_the_rules(mail, lang)


# --- M07 --------------------------------------------------------------------------------------------------------------


def renewed(account_id: int, **service: Any) -> str:
    order_id = renewal(account_id, "done")
    pay(order_id)
    change(**{"expires_on": date(2028, 3, 31)} | service)
    return said("m07", account_id, order_id=order_id)


def test_a_renewal_that_was_switched_off_meanwhile_has_no_next_debit(account_id: int) -> None:
    text = renewed(account_id, renewal="disabled")
    assert "non faremo altri addebiti" in text
    assert "24 marzo 2028" not in text


def test_the_next_debit_is_at_the_list_of_its_own_day(account_id: int) -> None:
    factories.price("PEC-STD", date(2028, 1, 1), 1200)
    text = renewed(account_id)
    assert "14,64 €" in text
    assert "12,08 €" in text


def test_who_was_told_too_late_reads_until_when_to_leave_without_cost(account_id: int) -> None:
    assert "fino al 31 marzo 2028 puoi recedere" in renewed(account_id, free_exit_until_on=date(2028, 3, 31))


def test_a_right_to_leave_that_is_over_is_not_told(account_id: int) -> None:
    assert "recedere" not in renewed(account_id, free_exit_until_on=date(2027, 3, 9))


def test_a_renewal_without_a_receipt_is_no_proof(account_id: int) -> None:
    with pytest.raises(ValueError, match="no receipt"):
        said("m07", account_id, order_id=renewal(account_id, "done"))


# --- M08 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", i18n.LANGS)
@pytest.mark.parametrize("why", [*payments.Reason, *renewals.Doubt, "notice", "amount", "stolen_card"])
def test_a_debit_that_came_to_nothing_is_told_without_accusing_anybody(
    account_id: int, why: str, lang: i18n.Lang
) -> None:
    order_id = renewal(account_id)
    params = {"why": str(why), "remedy": "", "retry_on": None, "method_id": None}
    text = said("m08", account_id, lang, order_id, **params)
    assert ("Non abbiamo addebitato nulla" if lang == "it" else "Nothing has been debited") in text
    assert "stolen" not in text
    assert "rubata" not in text


def test_a_payment_to_confirm_leads_to_the_bank_by_its_own_link(account_id: int) -> None:
    confirm = {"why": "authentication", "remedy": "confirm", "retry_on": None, "method_id": 1, "path": "/conferma/abc"}
    text = said("m08", account_id, order_id=renewal(account_id), **confirm)
    assert f"Conferma il pagamento: {SITE}/conferma/abc" in text
    assert text.index("/conferma/abc") < text.index("/ordini/")
    assert "Da soli non riproviamo" in text
    assert "riproviamo subito" not in text


def test_a_payment_to_confirm_can_be_read_again_without_its_link(account_id: int) -> None:
    confirm = {"why": "authentication", "remedy": "confirm", "retry_on": None, "method_id": 1, "path": "/conferma/abc"}
    written("m08", account_id, order_id=renewal(account_id), **confirm)
    mail = factories.the(tables.OutboxMail)
    factories.change(mail, params={name: value for name, value in mail.params.items() if name != "path"}, status="sent")
    assert "/conferma/" not in again().text
    assert correspondence.mail(mail.id).enclosed == []


@pytest.mark.parametrize("why", ["ceiling", "not_authorised"])
def test_an_amount_that_was_not_authorised_can_be(account_id: int, why: str) -> None:
    text = said("m08", account_id, order_id=renewal(account_id), why=why, remedy="", retry_on=None, method_id=1)
    assert f"Autorizza il nuovo importo: {SERVICE}/rinnovo" in text
    assert f"Paga: {SITE}/ordini/9876543227" in text
    assert "Non riproviamo da soli" in text


def test_a_fault_of_ours_asks_nothing_of_the_customer(account_id: int) -> None:
    ours = {"why": "declined", "remedy": "ours", "retry_on": "2027-03-26", "method_id": 1}
    text = said("m08", account_id, order_id=renewal(account_id), **ours)
    assert "problema tecnico nostro" in text
    assert "26 marzo 2027" in text
    assert f"{SITE}/metodi-di-pagamento" not in text
    assert "sostituisci" not in text


def test_what_is_not_sold_any_more_has_no_order_and_leads_to_what_is(account_id: int) -> None:
    text = said("m08", account_id, why="not_sold", remedy="", retry_on=None, method_id=1)
    assert f"{SITE}/servizi" in text
    assert "Numero d'ordine" not in text
    assert "/rinnova" not in text


def test_an_order_that_was_paid_meanwhile_is_not_to_be_paid(account_id: int) -> None:
    order_id = renewal(account_id, "done")
    pay(order_id)
    assert "/ordini/" not in said("m08", account_id, order_id=order_id, **SOFT)


def test_an_identity_is_revoked_and_cannot_be_reactivated(account_id: int) -> None:
    change(product_code="SPID-PRO", label="SPID Professionale")
    text = said("m08", account_id, order_id=renewal(account_id), **SOFT)
    assert "Dal 1 aprile 2027 l'identità è revocata e non si può riattivare" in text
    assert "puoi ancora riattivarlo" not in text


# --- M13 --------------------------------------------------------------------------------------------------------------


def test_an_amount_that_has_changed_is_shown_beside_what_was_paid_last(account_id: int) -> None:
    factories.price("PEC-STD", date(2027, 3, 20), 1200)
    text = said("m13", account_id)
    assert "14,64 €" in text
    assert "12,08 € (1 anno)" in text


def test_the_last_renewal_counts_and_not_the_purchase(account_id: int) -> None:
    renewal(account_id, "done", date(2025, 3, 31), gross_cents=964, net_cents=790, vat_cents=174)
    renewal(account_id, "done", date(2026, 3, 31), gross_cents=1098, net_cents=900, vat_cents=198)
    assert "10,98 € (1 anno)" in said("m13", account_id)


def test_the_same_amount_is_not_told_twice(account_id: int) -> None:
    assert "pagato l'ultima volta" not in said("m13", account_id)


def test_a_purchase_of_several_services_says_nothing_of_one(account_id: int) -> None:
    factories.price("PEC-STD", date(2027, 3, 20), 1200)
    service = factories.the(tables.Service)
    factories.add(tables.Service(**service.model_dump(exclude={"id", "label"}), label="studio@pec.example.test"))
    assert "pagato l'ultima volta" not in said("m13", account_id)


def test_a_purchase_with_something_paid_once_says_nothing_of_the_service(account_id: int) -> None:
    factories.price("PEC-STD", date(2027, 3, 20), 1200)
    line = factories.the(tables.OrderLine)
    factories.add(tables.OrderLine(**line.model_dump(exclude={"id", "years"}), years=None))
    assert "pagato l'ultima volta" not in said("m13", account_id)


def test_a_frequency_that_is_not_offered_any_more_is_lowered_and_said(account_id: int) -> None:
    change(years=7)
    text = said("m13", account_id)
    assert "lo rinnoviamo per 5 anni" in text
    assert "60,39 €" in text
    assert "31 marzo 2032" in text


def test_an_order_that_is_open_already_gives_the_amount(account_id: int) -> None:
    renewal(account_id, gross_cents=2416, net_cents=1980, vat_cents=436, years=2)
    text = said("m13", account_id)
    assert "24,16 €" in text
    assert "2 anni" in text


def test_an_amount_above_what_was_authorised_is_not_debited(account_id: int) -> None:
    change(years=5)
    text = said("m13", account_id)
    assert "L'importo supera 50,00 €" in text
    assert "60,39 €" in text


def test_the_method_chosen_for_this_time_is_named(account_id: int) -> None:
    with db.transaction() as s:
        other = papers.method(s, account_id, last4="1881", fingerprint="g")
        s.add(tables.RenewalChoice(service_id=1, expires_on=E, method_id=other, made_at=papers.at(2027, 3, 1)))
    text = said("m13", account_id)
    assert "Visa •••• 1881" in text
    assert "Non risulta un metodo di pagamento su cui hai autorizzato" in text


@pytest.mark.parametrize("late", [{"late": True}, {}])
@pytest.mark.parametrize(
    ("lang", "words"),
    [("it", "fino al 31 marzo 2028 puoi recedere in ogni momento"), ("en", "at any time until 31 March 2028")],
)
def test_a_consumer_who_is_told_too_late_may_leave_at_any_time(
    account_id: int, frozen_clock: FrozenClock, lang: i18n.Lang, words: str, late: dict[str, bool]
) -> None:
    frozen_clock.set(papers.at(2027, 3, 2))
    assert words in said("m13", account_id, lang, **late)


@pytest.mark.parametrize("day", [papers.at(2027, 2, 24), papers.at(2027, 3, 1)])
def test_a_consumer_who_is_told_in_time_has_no_right_to_leave_later(
    account_id: int, frozen_clock: FrozenClock, day: datetime
) -> None:
    frozen_clock.set(day)
    assert "recedere" not in said("m13", account_id)


def test_who_is_no_consumer_has_no_such_right(account_id: int) -> None:
    factories.change(factories.the(tables.Account), holder=papers.holder(kind="professional", company_name="Rossi"))
    assert "recedere" not in said("m13", account_id, late=True)


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("r1", "da ora puoi già rinnovarlo"),
        ("r2", "senza interruzioni"),
        ("r3", "non risulta ancora rinnovato"),
        ("r4", "sono gli ultimi giorni"),
        ("r5", "non è stato rinnovato"),
        ("r6", "non aspettare"),
        ("r7", "questo è l'ultimo avviso"),
    ],
)
def test_each_reminder_is_firmer_than_the_one_before(account_id: int, template: str, words: str) -> None:
    assert words in said(template, account_id)


@pytest.mark.parametrize("template", ["r3", "m16"])
def test_an_order_that_waits_is_to_be_paid_and_not_made_again(account_id: int, template: str) -> None:
    renewal(account_id)
    text = said(template, account_id)
    assert "9876543227, di 12,08 €" in text
    assert f"Paga: {SITE}/ordini/9876543227" in text
    assert "/rinnova" not in text


def test_who_has_left_this_debit_out_is_reminded_of_it(account_id: int) -> None:
    assert "Hai chiesto di non fare l'addebito" in said("r2", account_id)


def test_who_renews_by_hand_is_not_told_of_a_debit(account_id: int) -> None:
    change(renewal="inactive")
    assert "addebito" not in said("r2", account_id)


@pytest.mark.parametrize(
    ("product", "words"),
    [
        ("PEC-DOM", ("la casella è sospesa", "30 aprile 2027", "Dal 1 maggio 2027")),
        ("FE", ("quelle in arrivo vengono ancora ricevute", "tutte le fatture", "Dal 30 giugno 2027")),
        ("DOC", ("quelli conservati restano consultabili", "tutti i documenti", "Dal 30 giugno 2027")),
    ],
)
def test_what_is_lost_depends_on_the_service(account_id: int, product: str, words: tuple[str, ...]) -> None:
    change(product_code=product)
    text = said("m16", account_id)
    assert [one for one in words if one not in text] == []


def test_what_is_not_sold_any_more_cannot_be_reactivated(account_id: int) -> None:
    with db.transaction() as s:
        product = s.exec(select(tables.Product).where(tables.Product.code == "PEC-STD")).one()
        product.sellable = False
        s.add(product)
    text = said("m16", account_id)
    assert "non si può più rinnovare" in text
    assert "riattiv" not in text.lower()
    assert "/rinnova" not in text


@pytest.mark.parametrize(
    ("product", "words"),
    [
        ("FE", "Le fatture e i dati del servizio sono cancellati"),
        ("DOC", "I documenti conservati sono cancellati"),
        ("SPID-PRO", "L'identità è revocata"),
    ],
)
def test_what_is_no_mailbox_can_be_bought_again_by_anybody(account_id: int, product: str, words: str) -> None:
    change(product_code=product)
    text = said("m17", account_id, label="Il servizio")
    assert words in text
    assert "sarà un servizio nuovo e vuoto" in text
    assert "30 mesi" not in text
    assert "codice fiscale" not in text


def test_a_service_whose_last_day_nobody_knows_is_told_without_it(account_id: int) -> None:
    assert "Scaduto il" not in said("m17", account_id, label=BOX, expires_on="")


@pytest.mark.parametrize("template", ["m08", "m13", "r1", "m16", "m17", "not_sold"])
def test_a_mail_never_tells_of_the_service_of_another_customer(account_id: int, template: str) -> None:
    with db.transaction() as s:
        other = papers.account(s, 2)
    with pytest.raises(NoResultFound):
        said(template, other, **SAMPLES[template])


def test_the_price_is_that_of_the_day_on_which_the_reminder_leaves(account_id: int, frozen_clock: FrozenClock) -> None:
    factories.price("PEC-STD", date(2027, 3, 20), 1200)
    assert "12,08 €" in said("r2", account_id)
    frozen_clock.set(papers.at(2027, 3, 21))
    assert "14,64 €" in mailings.text(again())
