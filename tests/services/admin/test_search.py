"""One box that finds what a customer would say on the phone."""

import importlib

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlmodel import col, delete, select

from pecapp import clock, db, errors, tables
from pecapp.domain import words
from pecapp.services import access, accounts
from pecapp.services.admin import search, views
from tests.support import factories
from tests.support import people as support_people
from tests.support.factories import VISA

COMPANY = {
    "kind": "company",
    "company_name": "Caffè D'Angelo & Figli S.r.l.",
    "vat_number": "01533030480",
    "tax_code": "01533030480",
    "first_name": "",
    "last_name": "",
    "legal_first_name": "Niccolò",
    "legal_last_name": "Dell'Orto",
}


def known(email: str, **holder: object) -> access.Actor:
    """A customer as the product itself registers them."""
    with db.transaction() as s:
        data = support_people.private_person(email=email) | holder
        account = accounts.add(s, email=email, password="a good long password", holder=data, role="customer", lang="it")
        return access.Actor("s", account.id, "customer")


@pytest.fixture
def support(shop, monkeypatch) -> access.Actor:
    support_people.quick_passwords(monkeypatch)
    with db.transaction() as s:
        account = tables.Account(
            login="x@login.test", email="x@staff.test", email_key="x@staff.test", password_hash="!", role="support",
            created_at=clock.now(),
        )  # fmt: skip
        s.add(account)
        s.flush()
        return access.Actor("s", account.id, "support")


def found(actor: access.Actor, said: str) -> views.FoundView:
    return search.find(actor, said, "it")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("niccolo", "Nome"),
        ("DELLORTO", "Nome"),
        ("dell'or", "Nome"),
        ("orto nic", "Nome"),
        ("caffe d'ang", "Nome"),
        ("figli", "Nome"),
        ("srl caffè", "Nome"),
        ("info@dan", "Indirizzo"),
        ("INFO@dangelo.test", "Indirizzo"),
        ("01533030480", "Codice fiscale"),
        ("caffe 01533030480", "Nome"),
        ("01533030480 dell'orto", "Nome"),
        ("347 555", "Telefono"),
        ("+39 347 555", "Telefono"),
    ],
)
def test_a_customer_is_found_by_what_they_say(support, said, why):
    known("altro@altro.test", first_name="Ugo", last_name="Bo", phone="+390612345678", tax_code="")
    wanted = known("info@dangelo.test", **COMPANY, phone="+393475551234")
    (hit,) = found(support, said).customers
    assert hit.href == f"/admin/clienti/{wanted.account_id}"
    assert hit.why.startswith(why)


TAX_CODE, VAT_NUMBER = "RSSMRA80A01H501U", "IT 0153.3030.480"


@pytest.mark.parametrize("said", ["RSSMRA80A01H501U", "rssmra80a01h501u", "it01533030480"])
def test_who_says_all_of_a_masked_number_finds_its_customer(support, said):
    wanted = known("a@a.test", first_name="Ada", last_name="Neri", tax_code=TAX_CODE, vat_number=VAT_NUMBER, phone="")
    (hit,) = found(support, said).customers
    assert hit.href == f"/admin/clienti/{wanted.account_id}"
    assert hit.why in {"Codice fiscale", "Partita IVA"}


@pytest.mark.parametrize("number", ["RSSMRA80A01H501U", "IT01533030480"])
def test_nobody_guesses_a_masked_number_piece_by_piece(support, number):
    known("a@a.test", first_name="Ada", last_name="Neri", tax_code=TAX_CODE, vat_number=VAT_NUMBER, phone="")
    for length in range(2, len(number)):
        for said in (number[:length], f"ada {number[:length]}", f"{number[:length]} neri", f"={number[:length]}"):
            assert found(support, said).customers == [], said


def test_a_name_that_begins_as_a_masked_number_does_is_not_said_to_be_the_number(support):
    known("a@a.test", first_name="Ada", last_name="Rssmro", tax_code=TAX_CODE, phone="")
    (hit,) = found(support, "rssmr").customers
    assert hit.why.startswith("Nome")


def test_every_word_must_be_known_of_the_same_customer(support):
    known("a@a.test", first_name="Ada", last_name="Neri")
    known("b@b.test", first_name="Bea", last_name="Rossi")
    assert found(support, "ada rossi").customers == []
    assert [hit.title for hit in found(support, "ros bea").customers] == ["Bea Rossi"]


def test_a_login_and_a_changed_address(support):
    actor = known("prima@a.test")
    account = factories.the(tables.Account, id=actor.account_id)
    assert found(support, account.login.partition("@")[0]).customers[0].why == "Login"
    accounts.update_holder(actor, {"email": "dopo@a.test", "last_name": "Zeta"})
    assert found(support, "prima@").customers == []
    assert [hit.title for hit in found(support, "zeta").customers] == [found(support, "dopo@a").customers[0].title]


def test_orders_payments_methods_and_services_by_their_own_names(support):
    owner = factories.customer()
    method = factories.method(owner)
    attempt = factories.opened(owner, configuration={"product": "PEC-STD", "labels": ["studio@pec.test"], "names": []})
    factories.add(tables.MailboxName(address="studio@pec.test", order_id=attempt.order_id, status="held"))
    factories.settle(attempt, card=VISA)
    receipt = factories.the(tables.Receipt)
    refund = factories.add(
        tables.Refund(
            id="r1", order_id=attempt.order_id, attempt_id=attempt.id, amount_cents=1, reason="staff:1",
            status="succeeded", idempotency_key="r1", gateway_ref="re_12345678", created_at=clock.now(),
        )
    )  # fmt: skip
    factories.add(
        tables.Dispute(
            gateway="stripe", dispute_ref="dp_12345678", attempt_id=attempt.id, order_id=attempt.order_id,
            amount_cents=1, status="to_answer", opened_at=clock.now(), noted_at=clock.now(),
        )
    )  # fmt: skip
    order = factories.the(tables.Order)
    page, customer = f"/admin/ordini/{order.number}", f"/admin/clienti/{owner.account_id}"
    for said, why in (
        (order.number, "Numero d'ordine"),
        (f"{receipt.year}/{receipt.number:06d}", "Numero di ricevuta"),
        ("STUDIO@pec", "Casella"),
        (f"pi_{attempt.id}", "Identificativo del pagamento"),
        (str(attempt.gateway_ref), "Identificativo della pagina"),
        (str(refund.gateway_ref), "Identificativo del rimborso"),
        ("dp_12345678", "Identificativo della contestazione"),
    ):
        (hit,) = found(support, said).orders
        assert (hit.href, hit.why.startswith(why)) == (page, True), said
    digits = found(support, "•••• 4242")
    assert [hit.href for hit in digits.payments] == [page]
    assert [(hit.href, hit.why) for hit in digits.methods] == [(customer, "Ultime quattro cifre")]
    assert [hit.title for hit in found(support, "studio@p").services] == ["studio@pec.test"]
    factories.change(method, customer_ref="cus_12345678", token="pm_12345678")
    assert found(support, "pm_12345678").methods[0].href == customer
    both = found(support, "cus_12345678")
    assert (both.methods[0].href, both.customers[0].href) == (customer, customer)
    assert "pm_12345678" not in repr(both)


def test_a_mailbox_leads_to_its_renewals_too_the_newest_first(support):
    owner = factories.customer()
    bought = factories.order(owner, configuration={"product": "PEC-STD", "labels": ["studio@pec.test"], "names": []})
    factories.add(tables.MailboxName(address="studio@pec.test", order_id=bought.id, status="held"))
    service = factories.add(
        tables.Service(
            account_id=owner.account_id or 0, order_id=bought.id or 0, product_code="PEC-STD",
            label="studio@pec.test", status="active", activated_on=clock.today(), expires_on=clock.today(),
        )
    )  # fmt: skip
    renewed = []
    for year in range(1, 8):
        order = factories.order(owner, kind="renewal", configuration={"product": "PEC-STD", "service": service.id})
        term = clock.today().replace(year=clock.today().year + year)
        renewal = tables.Renewal(order_id=order.id or 0, service_id=service.id, expires_on=term, status="done")
        factories.add(renewal)
        renewed.append(order.number)
    hits = found(support, "Studio@pec").orders
    assert [hit.href.rpartition("/")[2] for hit in hits] == [bought.number, *reversed(renewed)][: search.FEW]
    assert hits[1].why == "Rinnovo della casella o del servizio"


NONSENSE = ("", " ", "a", "\x00\x00", "x\ny", "%", "__________", "' OR 1=1 --", "z" * 5000, "🙂🙂", "\ud800\ud800")


@pytest.mark.parametrize("said", NONSENSE)
def test_what_means_nothing_finds_nothing(support, said):
    factories.settle(factories.opened(), card=VISA)
    assert found(support, said) == views.FoundView()


def test_only_a_few_are_shown(support):
    for number in range(search.FEW + 3):
        known(f"c{number}@a.test", first_name="Mario", last_name=f"Rossi{number}")
    assert len(found(support, "mario").customers) == search.FEW


def test_members_of_staff_are_no_customers(support):
    with db.transaction() as s:
        accounts.add(s, email="capo@a.test", password="a good long password", holder={}, role="owner", lang="it")
    assert found(support, "capo@a.test") == views.FoundView()


def test_the_migration_finds_the_accounts_that_were_there(support):
    known("info@dangelo.test", **COMPANY, phone="+393475551234")
    known("b@b.test", first_name="Bea", last_name="Rossi")

    def stored() -> list[tuple[int, str]]:
        with db.reading() as s:
            return sorted((row.account_id, row.word) for row in s.exec(select(tables.AccountWord)))

    before = stored()
    assert before
    first, whole = (
        importlib.import_module(f"pecapp.migrations.versions.{name}")
        for name in ("0008_admin_search", "0011_whole_numbers")
    )
    with db.engine().begin() as connection:
        connection.execute(delete(tables.AccountWord))
        connection.execute(delete(tables.Account).where(col(tables.Account.id) == support.account_id))
        with Operations.context(MigrationContext.configure(connection)):
            first._fill()
            whole._make_whole()
    assert stored() == before


@pytest.mark.parametrize("role", ["stranger", "customer", "former"])
def test_only_the_staff_searches(support, role):
    with pytest.raises(errors.Forbidden):
        search.find(access.Actor("s", None if role == "stranger" else support.account_id, role), "mario", "it")


@pytest.mark.parametrize("role", ["support", "finance", "owner"])
def test_all_of_the_staff_searches(support, role):
    known("a@a.test")
    assert search.find(access.Actor("s", support.account_id, role), "a@a", "en").customers


def test_words_are_folded_alike_however_they_are_written():
    assert words.fold("  ÀÈÌ Straße ") == "aei strasse"
    assert words.of_name("D'Angelo-Rossi") == {"dangelorossi", "angelo", "rossi"}
    assert words.of_account("1@l.it", "A@B.it", {"first_name": None}) == {"1@l.it", "a@b.it"}
