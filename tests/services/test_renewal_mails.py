"""What the mails about renewals and unknown browsers say when things are not as usual."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session, select

from pecapp import db, i18n, tables
from pecapp.services import letters, mails, outbox
from tests.support import factories, papers

pytestmark = pytest.mark.usefixtures("sqlite_database", "frozen_clock")
EXPIRY = date(2028, 3, 10)


def said(template: str, account_id: int, *, lang: i18n.Lang = "it", order_id: int | None = None, **params: Any) -> str:
    """The words of a mail to this account, on one line."""
    with db.transaction() as s:
        outbox.post(
            s, template=template, dedup_key="x", account_id=account_id, order_id=order_id, lang=lang, params=params
        )
    with db.reading() as s:
        letter = mails.compose(s, s.exec(select(tables.OutboxMail)).one()).letter
    return " ".join(letters.write(letter, lang).text.split()).replace("\xa0", " ")


def shop(number: int = 1, **service: Any) -> tuple[int, list[int]]:
    """A customer with two mailboxes that expire on 10 March 2028; account and services."""
    factories.stock()
    with db.transaction() as s:
        account_id = papers.account(s, number)
        papers.paid(s, papers.order(s, account_id, number=f"123456789{number}"), number=number)
        return account_id, _services(s, account_id, service)


def _services(s: Session, account_id: int, values: dict[str, Any]) -> list[int]:
    found = s.exec(select(tables.Service).where(tables.Service.account_id == account_id)).all()
    for row in found:
        for name, value in values.items():
            setattr(row, name, value)
        s.add(row)
    return [row.id or 0 for row in found]


def card(account_id: int, **values: Any) -> int:
    with db.transaction() as s:
        return papers.method(s, account_id, **values)


@pytest.mark.parametrize("lang", i18n.LANGS)
def test_a_renewal_switched_on_in_the_area_is_confirmed_to_the_account_holder(lang: i18n.Lang) -> None:
    account_id, ids = shop()
    text = said("m04", account_id, lang=lang, service_ids=ids[:1], method_id=card(account_id, ceiling_cents=1208))
    assert "Mario Rossi" in text
    assert text.count("12,08" if lang == "it" else "12.08") == 2
    assert ("3 marzo 2028" if lang == "it" else "3 March 2028") in text
    assert "studio@pec.example.test" not in text


def test_every_service_is_confirmed_with_its_own_frequency_amount_and_day() -> None:
    account_id, ids = shop()
    with db.transaction() as s:
        other = s.get_one(tables.Service, ids[1])
        other.years, other.expires_on = 3, date(2027, 9, 30)
        s.add(other)
    text = said("m04", account_id, service_ids=ids, method_id=card(account_id, ceiling_cents=3623))
    mario, studio = text.split("mario@pec.example.test (")[1].split("studio@pec.example.test (")
    assert "3 marzo 2028, frequenza 1 anno, scadenza 10 marzo 2028" in mario
    assert "12,08 €" in mario
    assert "23 settembre 2027, frequenza 3 anni, scadenza 30 settembre 2027" in studio
    assert "fino al 22 settembre 2027" in studio
    assert "36,23 €" in studio


@pytest.mark.parametrize("days", [0, 3, 7])
def test_a_renewal_switched_on_in_the_last_days_says_that_it_is_debited_within_a_day(days: int) -> None:
    account_id, ids = shop(expires_on=date(2027, 3, 10) + timedelta(days=days))
    text = said("m04", account_id, service_ids=ids, method_id=card(account_id, ceiling_cents=1208))
    assert "addebito entro 24 ore" in text
    assert "puoi disattivarlo fino" not in text


def test_on_the_eve_of_the_debit_it_can_still_be_switched_off() -> None:
    account_id, ids = shop(expires_on=date(2027, 3, 18))
    text = said("m04", account_id, service_ids=ids, method_id=card(account_id, ceiling_cents=1208))
    assert "addebito il 11 marzo 2027" in text
    assert "fino al 10 marzo 2027" in text


def test_a_debit_that_was_skipped_is_not_announced() -> None:
    account_id, ids = shop()
    old, new = card(account_id, status="removed"), card(account_id, last4="1881", fingerprint="g")
    with db.transaction() as s:
        s.add(tables.RenewalChoice(service_id=ids[0], expires_on=EXPIRY, made_at=papers.at(2027, 3, 1)))
    text = said("m10", account_id, old_id=old, new_id=new, service_ids=ids)
    assert "nessun addebito per la scadenza del 10 marzo 2028, come hai chiesto): 0,00 €" in text
    assert text.count("addebito il 3 marzo 2028") == 1


def test_a_service_that_has_expired_meanwhile_has_no_debit() -> None:
    account_id, ids = shop(expires_on=date(2027, 3, 9))
    old, new = card(account_id, status="removed"), card(account_id, last4="1881", fingerprint="g")
    assert "nessun addebito previsto): 0,00 €" in said("m10", account_id, old_id=old, new_id=new, service_ids=ids)


def test_a_replaced_method_that_nothing_used_changes_nothing_else() -> None:
    account_id, _ = shop()
    old, new = card(account_id, status="removed"), card(account_id, last4="1881", fingerprint="g")
    text = said("m10", account_id, old_id=old, new_id=new, service_ids=[])
    assert "Visa •••• 1881 ha preso il posto di Visa •••• 4242" in text
    assert "Nessun rinnovo automatico usava questo metodo" in text
    assert "ATTIVO" not in text


def test_a_method_kept_without_a_renewal_authorises_no_debit() -> None:
    account_id, _ = shop()
    text = said("m09", account_id, method_id=card(account_id), ceiling_cents=None)
    assert "Non hai autorizzato addebiti automatici" in text
    assert "Importo massimo" not in text
    assert "Ultimo giorno" not in text


def test_a_debit_that_was_never_authorised_is_told_as_such() -> None:
    account_id, ids = shop()
    method = {"service_id": ids[0], "method_id": card(account_id), "ceiling_cents": None, "amount_cents": 1208}
    text = said("m15", account_id, **method)
    assert "non hai ancora autorizzato addebiti automatici" in text
    assert "0,00 €" in text
    assert "più di quanto" not in text


@pytest.mark.parametrize("template", ["m04", "m09", "m14"])
def test_a_mail_never_names_the_method_of_another_customer(template: str) -> None:
    account_id, ids = shop()
    other, _ = shop(2)
    with pytest.raises(NoResultFound):
        said(template, account_id, service_ids=ids, method_id=card(other), ceiling_cents=None)


def test_a_mail_never_names_the_services_of_another_customer() -> None:
    account_id, ids = shop()
    other, others = shop(2, label="segreta@pec.example.test")
    text = said("m14", account_id, service_ids=ids + others, method_id=card(account_id, exp_month=1, exp_year=2028))
    assert "mario@pec.example.test" in text
    assert "segreta" not in text
    assert other != account_id


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("access", "da un dispositivo che non avevi mai usato"),
        ("password", "la password del tuo account è stata cambiata"),
        ("email", "l'email di riferimento del tuo account è stata cambiata"),
        ("method", "un metodo di pagamento del tuo account"),
    ],
)
def test_what_happened_in_a_new_browser_is_told_with_what_to_do(what: str, words: str) -> None:
    account_id, _ = shop()
    text = said("m23", account_id, what=what, at="2027-03-10T11:00:00+00:00", device="")
    assert words in text
    assert "assistenza@ceralacca.test" in text
    assert "/metodi-di-pagamento" in text
    assert "Dispositivo" not in text


def test_who_lost_the_address_is_not_sent_to_a_form_that_writes_to_it() -> None:
    account_id, _ = shop()
    text = said("m23", account_id, what="email", at="2027-03-10T11:00:00+00:00", device="Chrome, Linux")
    assert "/recupera" not in text
