"""One service, its renewal and its orders: what their customer sees and does there, and that nobody else can."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, db, i18n, tables
from pecapp.gateways import registry
from pecapp.services import access, portfolio, renewals
from pecapp.ui import guard
from pecapp.ui.pages import area
from tests.support import factories, renewing
from tests.support import gateway as gateways
from tests.ui import conftest as site

S = site.STATE
PAGE = f"{S}.pecapp___ui___states___service____service_page"
ACTIVATION = f"{S}.pecapp___ui___states___activation____activation"
RENEWAL = f"{S}.pecapp___ui___states___renew____renewal_order"
LABEL = "canarini@pec-ceralacca.test"
AMOUNT = "12,08\xa0€"
NOT_YOURS = "questo servizio tra i tuoi"
ANSWERS = factories.ACCEPTED | {"auto_renew": "no", "amount": AMOUNT}
NONSENSE = [{"$gt": 1}, {"amount": {}, 1: []}, "x" * 20_000, "", None, [], [[[{}]]], "a\0b", -1, 10**30, 1.5, True]
PAGES = pytest.mark.parametrize("page", ["", "/rinnovo", "/rinnova"])


@pytest.fixture(autouse=True)
def bank(client: TestClient) -> Iterator[gateways.FakeGateway]:
    """The shop's card gateway, beside its PayPal."""
    fake = gateways.FakeGateway()
    registry.use({"stripe": fake, "paypal": gateways.FakeGateway("paypal")})
    yield fake
    registry.use(None)


class Owner:
    """A customer with a card that is kept and a mailbox that renews by itself on it."""

    def __init__(self, client: TestClient, email: str = "anna@esempio.test", label: str = LABEL) -> None:
        self.cookie = site.registered(email)
        self.actor = access.actor(self.cookie)
        self.browser = site.Browser(client, self.cookie)
        self.card = renewing.card(self.actor)
        self.service = renewing.service(self.actor, self.card, clock.today() + timedelta(days=200), label=label)
        self.means = f"m{self.card.id}"

    def address(self, page: str = "") -> str:
        return f"/area-clienti/servizi/{self.service.id}{page}"

    def off(self) -> None:
        """The renewal was switched off."""
        factories.change(self.service, renewal="disabled", renewal_reason="customer", method_id=None)

    def other(self, label: str = "altra@pec-ceralacca.test", days: int = 300, **values: Any) -> tables.Service:
        """Another mailbox, whose renewal is off."""
        off: dict[str, Any] = {"label": label, "renewal": "inactive"} | values
        return renewing.service(self.actor, None, clock.today() + timedelta(days=days), **off)

    def renewal_order(self) -> str:
        """A renewal order of the mailbox that waits to be paid; its number."""
        return renewals.place(self.actor, self.service.id, ANSWERS | {"gateway": "stripe"}, "it")

    @property
    def stored(self) -> tables.Service:
        """The mailbox as it is stored now."""
        return factories.again(self.service)


@pytest.fixture
def owner(client: TestClient) -> Owner:
    return Owner(client)


def possessions() -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored but for the visits themselves."""
    stored = factories.dump()
    del stored["web_session"], stored["draft"]
    return stored


def handlers() -> list[tuple[str, frozenset[str]]]:
    """What the pages of a service may call."""
    states = {PAGE, ACTIVATION, RENEWAL}
    return [(name, arguments) for name, (arguments, _) in guard.calls().items() if name.rpartition(".")[0] in states]


def at(socket: Any, address: str) -> site.Tab:
    """A tab that has opened a page."""
    tab = site.arrive(socket, address)
    tab.settle()
    return tab


def note(tab: site.Tab, state: str, **chosen: object) -> None:
    """Choose or tick in the form of a State."""
    for field, value in chosen.items():
        tab.emit(f"{state}.note", {"field": field, "value": value})
    tab.settle()


def confirm(tab: site.Tab, form: Mapping[str, object], until: str) -> None:
    """«Attiva», answered by what holds the words `until`."""
    tab.emit(f"{ACTIVATION}.confirm", {"data": form})
    tab.until(until)


# --- whose it is ------------------------------------------------------------------------------------------------------


@PAGES
@pytest.mark.parametrize("who", ["stranger", "other customer"])
def test_nobody_else_sees_or_changes_a_service(client: TestClient, owner: Owner, who: str, page: str) -> None:
    number = owner.renewal_order()
    cookie = site.registered("altra@esempio.test") if who == "other customer" else access.new_cookie()
    form = ANSWERS | {"means": owner.means, "gateway": owner.means, "consent": "yes", "confirm_now": "yes"}
    values = {"field": "means", "value": owner.means, "years": 3, "data": form, "order_number": number}
    before = possessions()
    with site.Browser(client, cookie).connect() as socket:
        tab = at(socket, owner.address(page))
        for name, arguments in handlers():
            tab.emit(name, {argument: values[argument] for argument in arguments})
            tab.settle()
        if who == "other customer":
            confirm(tab, form, NOT_YOURS)
    assert "canarini" not in tab.seen
    assert possessions() == before


def test_a_page_of_ones_own_does_nothing_to_anothers_service(client: TestClient, owner: Owner) -> None:
    victim = Owner(client, "altra@esempio.test", "altra@pec-ceralacca.test")
    number = victim.renewal_order()
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
        tab.place = {"pathname": victim.address(), "asPath": victim.address(), "query": {"servizio": "1"}}
        tab.emit(f"{PAGE}.choose", {"order_number": number})
        tab.emit(f"{PAGE}.cancel")
        tab.settle()
        tab.place = {"pathname": owner.address("/rinnovo"), "asPath": owner.address("/rinnovo"), "query": {}}
        tab.emit(f"{ACTIVATION}.load")
        note(tab, ACTIVATION, means=victim.means, extend=True, **{f"extend_{victim.service.id}": True})
        form = {"means": victim.means, f"extend_{victim.service.id}": "on", "extend": "on", "amount": AMOUNT}
        confirm(tab, form, "Scegli come pagare")
    assert "altra@pec" not in tab.seen
    assert possessions() == before


@PAGES
@pytest.mark.parametrize("asked", ["0", "999999", "abc", "-1", "1e3", "9" * 40])
def test_an_address_without_a_service_shows_none(owner: Owner, asked: str, page: str) -> None:
    with owner.browser.connect() as socket:
        tab = at(socket, f"/area-clienti/servizi/{asked}{page}")
    assert "canarini" not in tab.seen


@PAGES
def test_nonsense_changes_nothing_and_breaks_nothing(owner: Owner, page: str) -> None:
    owner.off()
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address(page))
        for name, arguments in handlers():
            for value in NONSENSE if arguments else []:
                tab.emit(name, dict.fromkeys(arguments, value))
                tab.settle()
        tab.frames.clear()
        tab.emit(f"{PAGE}.load")
        tab.settle()
    assert possessions() == before
    assert "canarini" in tab.seen


# --- «Gestisci» -------------------------------------------------------------------------------------------------------


def test_the_owner_sees_the_next_debit_and_switches_it_off(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
        assert "canarini" in tab.seen
        assert AMOUNT in "".join(tab.frames)
        tab.emit(f"{PAGE}.disable")
        tab.until("Rinnovo automatico disattivato.")
        tab.emit(f"{PAGE}.disable")
        tab.settle()
    assert (owner.stored.renewal, owner.stored.renewal_reason) == ("disabled", "customer")
    assert len(factories.mails("m05")) == 1


def test_who_switches_off_while_a_debit_runs_is_told(owner: Owner) -> None:
    order = factories.the(tables.Order, number=owner.renewal_order())
    factories.attempt(order, channel="renewal")
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
        tab.emit(f"{PAGE}.disable")
        tab.until("Un addebito era già partito")
    assert owner.stored.renewal == "disabled"


def test_the_owner_gives_an_unpaid_renewal_up(owner: Owner) -> None:
    number = owner.renewal_order()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
        tab.emit(f"{PAGE}.choose", {"order_number": "0000000000"})
        tab.emit(f"{PAGE}.cancel")
        tab.settle()
        assert factories.the(tables.Order, number=number).status == "awaiting_payment"
        tab.emit(f"{PAGE}.choose", {"order_number": number})
        tab.emit(f"{PAGE}.cancel")
        tab.until(f"Ordine {number} annullato.")
    assert factories.the(tables.Order, number=number).status == "cancelled"
    assert owner.stored.expires_on == owner.service.expires_on


def test_the_owner_gives_the_renewal_up_with_its_order_once(owner: Owner) -> None:
    number = owner.renewal_order()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
        tab.emit(f"{PAGE}.cancel_and_disable")
        tab.until("Non troviamo questo ordine")
        assert owner.stored.renewal == "active"
        tab.emit(f"{PAGE}.choose", {"order_number": number})
        for _ in range(2):
            tab.emit(f"{PAGE}.cancel_and_disable")
            tab.until(f"Ordine {number} annullato, rinnovo automatico disattivato.")
            tab.settle()
    assert (factories.the(tables.Order, number=number).status, owner.stored.renewal) == ("cancelled", "disabled")
    assert (len(factories.mails("m05")), len(factories.mails("m18"))) == (1, 1)


def test_while_the_order_is_being_paid_order_and_renewal_stay(owner: Owner) -> None:
    number = owner.renewal_order()
    factories.attempt(factories.the(tables.Order, number=number))
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
        tab.emit(f"{PAGE}.choose", {"order_number": number})
        tab.settle()
        before = possessions()
        tab.emit(f"{PAGE}.cancel_and_disable")
        tab.until("non si può più annullare")
        tab.settle()
    assert possessions() == before


def test_an_order_that_is_being_paid_is_not_cancelled(owner: Owner) -> None:
    number = owner.renewal_order()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
        tab.emit(f"{PAGE}.choose", {"order_number": number})
        tab.settle()
        factories.attempt(factories.the(tables.Order, number=number))
        tab.emit(f"{PAGE}.cancel")
        tab.until("non si può più annullare")
    assert factories.the(tables.Order, number=number).status == "verifying"


def saving(owner: Owner) -> str:
    """A visit to the bank's page of which nobody has told yet how it ended."""
    at = clock.now()
    wished = {"gateway": "stripe", "purpose": "activate", "activates": [owner.service.id], "status": "open"}
    row = tables.MethodSaving(
        id=uuid.uuid4().hex,
        account_id=owner.actor.account_id or 0,
        idempotency_key=uuid.uuid4().hex,
        created_at=at,
        expires_at=at + timedelta(hours=3),
        **wished,
    )
    return factories.add(row).id


def test_who_comes_back_from_the_bank_is_told_how_it_stands_and_nobody_else(client: TestClient, owner: Owner) -> None:
    other = Owner(client, "altra@esempio.test", "altra@pec-ceralacca.test")
    mine = saving(owner)
    with owner.browser.connect() as one, other.browser.connect() as two:
        tab = at(one, f"{owner.address()}?salvataggio={mine}")
        assert "stiamo verificando la registrazione" in tab.seen
        elsewhere = at(two, f"{other.address()}?salvataggio={mine}")
        factories.change(factories.the(tables.MethodSaving), status="cancelled")
        tab.emit(f"{PAGE}.refresh")
        tab.until("Registrazione annullata")
    assert "altra@pec" in elsewhere.seen
    assert "stiamo verificando la registrazione" not in elsewhere.seen


def test_how_the_saving_ended_is_not_said_any_more_once_the_renewal_is_off(owner: Owner) -> None:
    mine = saving(owner)
    factories.change(factories.the(tables.MethodSaving), status="cancelled")
    with owner.browser.connect() as socket:
        tab = at(socket, f"{owner.address()}?salvataggio={mine}")
        assert "registrazione annullata" in tab.seen
        tab.frames.clear()
        tab.emit(f"{PAGE}.disable")
        tab.until('"ref":"ref_main"')
    assert '"saving_rx_state_":{"id":""' in tab.seen


def test_who_skips_the_next_debit_is_not_promised_one(owner: Owner) -> None:
    renewing.choice(owner.service, None)
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address())
    assert "saltato per tua scelta" in tab.seen
    assert '"debit_on":"","amount":"","frequency":"1 anno"' in tab.seen


@pytest.mark.parametrize(("days", "renewal", "first"), [
    (61, "disabled", False), (60, "disabled", True), (60, "active", False), (-3, "active", True),
])  # fmt: skip
def test_to_renew_by_hand_comes_first_only_when_the_expiry_is_near(
    owner: Owner, days: int, renewal: str, *, first: bool
) -> None:
    factories.change(owner.service, expires_on=clock.today() + timedelta(days=days), renewal=renewal)
    assert portfolio.page(owner.actor, owner.service.id, "it").renew_first is first


def test_the_area_warns_of_a_debit_that_will_not_go_well_and_of_no_other(owner: Owner) -> None:
    low = renewing.card(owner.actor, ceiling_cents=500)
    on = clock.today() + timedelta(days=250)
    dear, skipped, moved = (renewing.service(owner.actor, low, on) for _ in range(3))
    renewing.choice(skipped, None)
    renewing.choice(moved, owner.card)
    owner.other()
    found = {one.id: one.warning for one in portfolio.listing(owner.actor, "it") if one.warning}
    assert list(found) == [dear.id]
    assert "più di quanto hai autorizzato" in found[dear.id]


def test_the_area_leads_out_of_a_refused_debit_and_on_from_what_is_over(owner: Owner) -> None:
    factories.change(owner.service, expires_on=clock.today() + timedelta(days=6))
    number = owner.renewal_order()
    with db.transaction() as s:
        renewal = s.get_one(tables.Renewal, factories.the(tables.Order, number=number).id)
        renewal.debits, renewal.trouble = 1, "insufficient_funds"
    over, gone = owner.other("finita@x.test", days=-3), owner.other("via@x.test", days=-200, status="cancelled")
    with owner.browser.connect() as socket:
        seen = at(socket, "/area-clienti").seen
    for part in (
        f'"status":"refused","order_number":"{number}"',
        f'"fix_url":"/metodi-di-pagamento/nuovo?sostituisce={owner.card.id}"',
        "puoi riattivarlo fino al",
        '"buy_url":"/ordine?prodotto=pec-std"',
    ):
        assert part in seen
    assert {over.label, gone.label} <= {one.label for one in portfolio.listing(owner.actor, "it") if one.end.text}


def test_the_area_is_drawn_with_every_way_out_in_both_languages() -> None:
    drawn = str(area.page().render())
    keys = ("debit.status.refused", "debit.status.by_hand", "svc.reactivate", "svc.buy_again", "svc.renew_now")
    assert [said for key in keys for lang in i18n.LANGS if (said := i18n.text(key, lang)) not in drawn] == []


@pytest.mark.parametrize("named", ["0" * 32, "x", "..", "%00", ""])
def test_a_return_that_never_was_is_passed_over(owner: Owner, named: str) -> None:
    with owner.browser.connect() as socket:
        tab = at(socket, f"{owner.address()}?salvataggio={named}")
    assert "canarini" in tab.seen


def test_another_tab_sees_what_was_done_in_the_first(owner: Owner) -> None:
    with owner.browser.connect() as one, owner.browser.connect() as two:
        tab, watching = at(one, owner.address()), at(two, owner.address())
        tab.emit(f"{PAGE}.disable")
        tab.settle()
        watching.until('"renewal":"disabled"')


# --- «Attiva» ---------------------------------------------------------------------------------------------------------


def test_every_choice_shows_what_it_will_do_and_only_the_last_click_does_it(owner: Owner) -> None:
    owner.off()
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnovo"))
        note(tab, ACTIVATION, means=owner.means)
        assert f'"chosen":"{owner.means}"' in tab.seen
        tab.emit(f"{ACTIVATION}.set_years", {"years": 3})
        tab.until("36,23")
        tab.emit(f"{ACTIVATION}.set_years", {"years": 6})
        tab.emit(f"{ACTIVATION}.set_years", {"years": 0})
        tab.settle()
        assert possessions() == before
        form = {"means": owner.means, "years": "3", "amount": "36,23\xa0€"}
        confirm(tab, form, owner.address())
    assert (owner.stored.renewal, owner.stored.years, owner.stored.method_id) == ("active", 3, owner.card.id)


@pytest.mark.parametrize("whose", ["own", "another's", "nonsense"])
def test_the_method_of_the_address_is_chosen_if_it_can_be(client: TestClient, owner: Owner, whose: str) -> None:
    second = renewing.card(owner.actor)
    named = {"own": f"m{second.id}", "another's": f"m{renewing.card(factories.customer()).id}", "nonsense": "m0;"}[
        whose
    ]
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address(f"/rinnovo?metodo={named}"))
    assert f'"chosen":"{named if whose == "own" else ""}"' in tab.seen
    assert possessions() == before


def test_a_renewal_that_is_on_takes_another_frequency_or_another_card(owner: Owner) -> None:
    second = renewing.card(owner.actor)
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnovo"))
        assert '"changing_rx_state_":true' in tab.seen
        assert f'"chosen":"{owner.means}"' in tab.seen
        confirm(tab, {"means": f"m{second.id}", "years": "2", "amount": "24,16\xa0€"}, "Modifiche salvate.")
        tab.settle()
    assert (owner.stored.renewal, owner.stored.years, owner.stored.method_id) == ("active", 2, second.id)


def test_pressed_twice_it_is_switched_on_once(owner: Owner) -> None:
    owner.off()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnovo"))
        form = {"means": owner.means, "amount": AMOUNT}
        tab.emit(f"{ACTIVATION}.confirm", {"data": form})
        confirm(tab, form, owner.address())
        tab.settle()
    assert owner.stored.renewal == "active"
    assert len(factories.mails("m04")) == 1


def test_extended_to_all_each_can_be_taken_out_again(owner: Owner) -> None:
    owner.off()
    wanted, left, over = owner.other("una@x.test"), owner.other("due@x.test"), owner.other("tre@x.test", days=-9)
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnovo"))
        note(tab, ACTIVATION, means=owner.means, extend=True, **{f"extend_{left.id}": False})
        form = {"means": owner.means, "amount": AMOUNT, "extend": "on", f"extend_{wanted.id}": "on"}
        confirm(tab, form | {f"extend_{over.id}": "on"}, f"attivo per {LABEL} e un altro servizio.")
        tab.settle()
    found = [factories.again(one).renewal for one in (wanted, left, over)]
    assert found == ["active", "inactive", "inactive"]


def test_a_price_that_was_not_shown_is_not_taken(owner: Owner) -> None:
    owner.off()
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnovo"))
        confirm(tab, {"means": owner.means, "amount": "0,01\xa0€"}, "Il prezzo è cambiato")
        confirm(tab, {"means": "m999999", "amount": AMOUNT}, "Scegli come pagare")
        confirm(tab, {"means": "paypal", "amount": AMOUNT}, "serve il tuo consenso")
    assert possessions() == before


def test_a_late_renewal_asks_for_a_confirmation_of_its_own(owner: Owner) -> None:
    owner.off()
    factories.change(owner.service, expires_on=clock.today() + timedelta(days=3))
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnovo"))
        assert "entro 24 ore" in tab.seen
        form = {"means": owner.means, "amount": AMOUNT}
        confirm(tab, form, "Conferma che l'addebito avvenga entro 24 ore.")
        assert owner.stored.renewal == "disabled"
        confirm(tab, form | {"confirm_now": "on"}, owner.address())
    assert owner.stored.renewal == "active"


def test_a_new_card_is_kept_on_the_gateways_page(owner: Owner, bank: gateways.FakeGateway) -> None:
    owner.off()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnovo"))
        note(tab, ACTIVATION, means="stripe")
        assert "conservato presso il gestore" in tab.seen
        confirm(tab, {"means": "stripe", "amount": AMOUNT, "ceiling": AMOUNT, "consent": "on"}, '"external"')
    (saving,) = bank.savings.values()
    assert f"/ritorno-metodo/{saving.saving_id}" in saving.return_url
    assert owner.stored.renewal == "disabled"


# --- «Rinnova» --------------------------------------------------------------------------------------------------------


def renew(tab: site.Tab, form: Mapping[str, object], until: str) -> None:
    """«Ordine con obbligo di pagare», answered by what holds the words `until`."""
    tab.emit(f"{RENEWAL}.place", {"data": form})
    tab.until(until)


def test_a_renewal_is_ordered_once_however_often_it_is_pressed(owner: Owner) -> None:
    owner.off()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnova"))
        note(tab, RENEWAL, gateway=owner.means, auto_renew="no", accept_terms=True)
        tab.emit(f"{RENEWAL}.set_years", {"years": 2})
        tab.until("24,16")
        form = ANSWERS | {"gateway": owner.means, "years": "2", "amount": "24,16\xa0€"}
        tab.emit(f"{RENEWAL}.place", {"data": form})
        renew(tab, form, "/ordini/")
        tab.settle()
    order = factories.the(tables.Order, kind="renewal")
    assert (order.years, order.gross_cents, order.method_id, order.auto_renew) == (2, 2416, owner.card.id, False)
    assert factories.the(tables.Renewal).service_id == owner.service.id


def test_a_renewal_without_answers_is_refused_in_words(owner: Owner) -> None:
    owner.off()
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnova"))
        renew(tab, {"amount": AMOUNT}, "Indica se vuoi attivare")
        for words in ("scegli come pagare", "devi accettare le condizioni", "approvare specificamente"):
            assert words in tab.seen
        renew(tab, ANSWERS | {"gateway": "stripe", "amount": "1"}, "Il prezzo è cambiato")
        renew(tab, ANSWERS | {"gateway": "m999999"}, "Scegli come pagare")
    assert possessions() == before


def test_a_service_with_an_open_renewal_is_not_renewed_again(owner: Owner) -> None:
    number = owner.renewal_order()
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address("/rinnova"))
        assert "un ordine di rinnovo da pagare" in tab.seen
        assert f'"open_order":"{number}"' in tab.seen
        renew(tab, ANSWERS | {"gateway": "stripe"}, "/ordini/")
    assert possessions() == before
