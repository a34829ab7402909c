"""«Modulo ordine»: nothing is registered without every choice and acceptance, and what was accepted is kept."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.services import access, baskets, catalog, checkout, terms
from tests.support import factories
from tests.support.factories import FORM, FORM_ONCE, the

pytestmark = pytest.mark.usefixtures("counter")


def _refused(actor, form, kind: Any = errors.Invalid) -> Any:
    """Place in vain; what was wrong, having made sure that nothing at all was stored."""
    before = factories.dump()
    with pytest.raises(kind) as refusal:
        checkout.place(actor, form, "it")
    assert factories.dump() == before
    return refusal.value


def _order(number):
    return the(tables.Order, number=number)


# --- nothing without every choice and acceptance ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("accept_terms", "ACC_MANCANTE"),
        ("accept_clauses", "ACC_CLAUSOLE"),
        ("privacy_seen", "ACC_PRIVACY"),
        ("gateway", "METODO_MANCANTE"),
        ("auto_renew", "RIN_SCELTA"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "no thanks"])
def test_nothing_is_stored_while_a_choice_or_an_acceptance_is_missing(missing, code, value):
    actor = factories.customer()
    factories.basket(actor)
    form = {name: given for name, given in FORM.items() if name != missing}
    if value is not None:
        form[missing] = value
    assert _refused(actor, form).fields == {missing: code}
    assert checkout.place(actor, FORM, "it")


def test_everything_that_is_wrong_is_said_at_once():
    actor = factories.customer()
    factories.basket(actor)
    assert _refused(actor, {}).fields.keys() == FORM.keys()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"years": "1"}, "years"),
        ({"auto_renew": "yes"}, "auto_renew"),
        ({"auto_renew": "no"}, "auto_renew"),
        ({"extend_1": "yes"}, "auto_renew"),
    ],
)
@pytest.mark.parametrize("product", ["FR", "MT-50"])
def test_a_signature_or_time_stamp_order_has_no_frequency_and_no_automatic_renewal(product, asked, field):
    actor = factories.customer()
    factories.basket(actor, product)
    assert _refused(actor, FORM_ONCE | asked).fields.keys() == {field}
    order = _order(checkout.place(actor, FORM_ONCE, "it"))
    assert (order.family, order.years, order.auto_renew, order.renewal_gross_cents) == ("b", None, None, None)


def test_the_frequency_that_was_shown_is_the_one_that_is_ordered():
    actor = factories.customer()
    factories.basket(actor)
    assert _refused(actor, FORM | {"years": "5"}, errors.Conflict).code == "PREZZO_CAMBIATO"
    assert _order(checkout.place(actor, FORM | {"years": "1"}, "it")).years == 1


def test_a_stranger_and_a_half_finished_wizard_order_nothing():
    _refused(access.Actor("nobody"), FORM, errors.Forbidden)
    actor = factories.customer()
    assert _refused(actor, FORM, errors.Conflict).code == "CARRELLO_VUOTO"
    baskets.choose(actor, "PEC-STD", 1, {}, "it")
    assert _refused(actor, FORM, errors.Conflict).code == "ORDINE_INCOMPLETO"


def test_an_order_without_the_form_having_been_seen_is_refused():
    actor = factories.customer()
    factories.basket(actor)
    with db.transaction() as s:
        draft = s.get_one(tables.Draft, the(tables.Draft).id)
        draft.data = {name: value for name, value in draft.data.items() if name != "seen"}
        s.add(draft)
    assert _refused(actor, FORM, errors.Conflict).code == "CONDIZIONI_CAMBIATE"


def test_terms_that_change_under_the_customers_eyes_must_be_accepted_anew(monkeypatch):
    actor = factories.customer()
    factories.basket(actor)
    old = terms.current("terms-a", "it")
    newer = replace(old, version="newer")
    real = terms.current
    monkeypatch.setattr(terms, "current", lambda name, lang: newer if name == "terms-a" else real(name, lang))
    assert _refused(actor, FORM, errors.Conflict).code == "CONDIZIONI_CAMBIATE"
    checkout.order_form(actor, "it")
    number = checkout.place(actor, FORM, "it")
    assert the(tables.Acceptance, order_id=_order(number).id, kind="terms").version == "newer"


def test_a_price_that_changes_under_the_customers_eyes_is_shown_before_it_binds(frozen_clock):
    actor = factories.customer()
    factories.basket(actor)
    tomorrow = clock.today() + timedelta(days=1)
    with db.transaction() as s:
        s.add(tables.Price(product_code="PEC-STD", valid_from=tomorrow, net_cents=1090))
        s.get_one(tables.Counter, catalog.VERSION).value += 1
    frozen_clock.advance(hours=20)
    assert _refused(actor, FORM, errors.Conflict).code == "PREZZO_CAMBIATO"
    checkout.order_form(actor, "it")
    assert _order(checkout.place(actor, FORM, "it")).net_cents == 1090


def test_the_price_of_an_order_stays_what_it_was_when_it_was_placed():
    number = factories.placed(factories.customer())
    with db.transaction() as s:
        s.add(tables.Price(product_code="PEC-STD", valid_from=clock.today(), net_cents=9999))
        s.get_one(tables.Counter, catalog.VERSION).value += 1
    assert _order(number).gross_cents == 1208


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_every_acceptance_is_kept_with_its_words_its_text_and_where_it_came_from():
    actor = factories.customer()
    everything = FORM | {"save_method": "yes", "start_now": "yes"}
    order = _order(factories.placed(actor, everything))
    given = {row.kind: row for row in factories.rows(tables.Acceptance, order_id=order.id)}
    assert given.keys() == {"terms", "clauses", "privacy", "start_now", "auto_renew", "save_method"}
    document, privacy = terms.current("terms-a", "it"), terms.current("privacy", "it")
    for kind, row in given.items():
        text = privacy if kind in {"privacy", "save_method"} else document
        assert (row.document_id, row.version, row.sha256) == (text.id, text.version, text.sha256)
        assert (row.account_id, row.lang, row.ip, row.user_agent) == (
            actor.account_id, "it", factories.IP, factories.USER_AGENT,
        )  # fmt: skip
        assert row.accepted_at == order.created_at
        assert row.label
    assert all(clause in given["clauses"].label for clause in document.clauses)
    assert given["auto_renew"].label == "Rinnovo con addebito automatico: No, rinnoverò manualmente"


def test_who_asks_for_automatic_renewal_is_shown_that_the_method_is_saved_and_ticks_no_box():
    order = _order(factories.placed(factories.customer(), FORM | {"auto_renew": "yes"}))
    given = {row.kind: row.label for row in factories.rows(tables.Acceptance, order_id=order.id)}
    assert order.save_method
    assert given.keys() == {"terms", "clauses", "privacy", "auto_renew"}
    assert given["auto_renew"] == (
        "Rinnovo con addebito automatico: Sì, attiva. "
        "Per il rinnovo automatico serve un metodo registrato: quello con cui paghi verrà salvato."
    )


def test_nobody_is_said_to_have_asked_for_what_they_did_not_ask_for():
    order = _order(factories.placed(factories.customer(), FORM))
    given = {row.kind: row.label for row in factories.rows(tables.Acceptance, order_id=order.id)}
    assert given.keys() == {"terms", "clauses", "privacy", "auto_renew"}
    assert given["auto_renew"] == "Rinnovo con addebito automatico: No, rinnoverò manualmente"
    assert (order.auto_renew, order.save_method, order.start_now, order.extend_services) == (False, False, False, [])


@pytest.mark.parametrize(
    ("ordered_on", "until"), [(date(2027, 3, 10), date(2027, 3, 24)), (date(2027, 3, 14), date(2027, 3, 30))]
)
def test_a_consumer_has_14_days_and_the_next_working_day(frozen_clock, ordered_on, until):
    frozen_clock.set(frozen_clock.instant.replace(day=ordered_on.day))
    assert _order(factories.placed(factories.customer())).withdrawal_until_on == until


def test_a_professional_has_no_withdrawal():
    actor = factories.customer(
        kind="professional", company_name="Studio Verdi", vat_number="12345670017", sdi_none=True
    )
    assert _order(factories.placed(actor)).withdrawal_until_on is None


def test_only_ids_of_services_are_read_as_extensions():
    ticked = {"extend_7": "yes", "extend_x": "yes", "extend_8": "no", "extend_" + "9" * 30: "yes"}
    form = FORM | ticked | {"auto_renew": "yes"}
    assert _order(factories.placed(factories.customer(), form)).extend_services == [7]
    assert _order(factories.placed(factories.customer(), form | {"auto_renew": "no"})).extend_services == []
