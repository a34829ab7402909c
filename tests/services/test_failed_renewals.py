"""A debit that came to nothing: what its owner sees, and the order cancelled with or without the renewal (6.7)."""

from datetime import date

import pytest
from sqlalchemy import event

from pecapp import clock, db, errors, tables
from pecapp.domain.payments import Reason, Remedy
from pecapp.services import (
    calendar_feed,
    debits,
    failed_renewals,
    forecast,
    lifecycle,
    portfolio,
    renewal_views,
    renewals,
)
from tests.services import test_debits as debiting
from tests.support import factories, renewing
from tests.support.factories import again, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

card, service = debiting.card, debiting.service


@pytest.mark.parametrize(
    ("remedy", "reason", "follows", "fix"),
    [
        (Remedy.SOFT, Reason.INSUFFICIENT_FUNDS, "Riproviamo da soli il 26 marzo 2027", "/nuovo?sostituisce="),
        (Remedy.NEVER, Reason.DECLINED, "Da soli non riproviamo", "/nuovo?sostituisce="),
        (Remedy.CONFIRM, Reason.AUTHENTICATION, "La banca vuole che sia tu a confermare", ""),
        (Remedy.OURS, Reason.TECHNICAL, "Riproviamo da soli", ""),
    ],
)
async def test_a_refused_debit_is_told_with_what_comes_next(bank, actor, service, remedy, reason, follows, fix):
    bank.always = debiting.refusing(remedy, reason)
    await debiting.run()
    shown = portfolio.page(actor, service.id, "it")
    assert shown.renewal == "active"
    assert shown.trouble.order_number == the(tables.Order, kind="renewal").number
    assert follows in shown.trouble.following
    assert (fix in shown.trouble.fix_url) if fix else not shown.trouble.fix_url
    assert shown.debit_on == shown.trouble.again
    (listed,) = [one for one in portfolio.listing(actor, "it") if one.id == service.id]
    assert (listed.trouble, listed.warning) == (shown.trouble, "")


async def test_too_low_a_mandate_leads_to_the_new_amount(actor, service, card):
    factories.change(card, ceiling_cents=1207)
    await debiting.run()
    trouble = portfolio.page(actor, service.id, "it").trouble
    assert (trouble.fix_url, trouble.fix_label) == (
        f"/area-clienti/servizi/{service.id}/rinnovo",
        "Autorizza il nuovo importo",
    )


async def test_the_order_alone_is_cancelled_and_the_renewal_stays_for_later(bank, actor, service):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    lifecycle.cancel(actor, the(tables.Order, kind="renewal").number)
    trouble = portfolio.page(actor, service.id, "it").trouble
    assert (trouble.order_number, trouble.status, again(service).renewal) == ("", "by_hand", "active")
    assert "Hai annullato l'ordine" in trouble.why
    debiting.go_to(date(2027, 3, 26))
    assert debits.plan() == []


async def test_what_was_given_up_and_is_then_ordered_by_hand_waits_to_be_paid_unless_it_is_being_paid(
    bank, actor, service
):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    lifecycle.cancel(actor, the(tables.Order, kind="renewal").number)
    answers = factories.ACCEPTED | {"gateway": "stripe", "amount": "12,08\xa0€"}
    number = renewals.place(actor, service.id, answers, "it")
    trouble = portfolio.page(actor, service.id, "it").trouble
    assert (trouble.order_number, trouble.status, trouble.again) == (number, "by_hand", "")
    factories.attempt(the(tables.Order, number=number))
    assert portfolio.page(actor, service.id, "it").trouble == renewal_views.NO_TROUBLE


async def test_order_and_renewal_end_together_once(bank, actor, service):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    number = the(tables.Order, kind="renewal").number
    for _ in range(2):
        failed_renewals.cancel_and_disable(actor, number)
    assert (the(tables.Order, number=number).status, again(service).renewal) == ("cancelled", "disabled")
    assert (len(factories.mails("m05")), len(factories.mails("m18"))) == (1, 1)


async def test_while_a_debit_runs_nothing_is_changed(bank, actor, service):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    order = the(tables.Order, kind="renewal")
    factories.attempt(order, channel="renewal")
    before = factories.dump()
    with pytest.raises(errors.Conflict):
        failed_renewals.cancel_and_disable(actor, order.number)
    assert factories.dump() == before


async def test_nobody_elses_order_and_no_purchase_is_ended(bank, actor, service):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    bought = factories.order(actor)
    before = factories.dump()
    for who, number in [
        (factories.customer(), the(tables.Order, kind="renewal").number),
        (actor, bought.number),
        (actor, "0000000000"),
    ]:
        before |= {name: factories.dump()[name] for name in ("account", "web_session")}
        with pytest.raises(errors.NotFound):
            failed_renewals.cancel_and_disable(who, number)
    assert factories.dump() == before


# --- among the coming debits ------------------------------------------------------------------------------------------


async def test_a_refused_debit_is_foretold_on_the_day_of_its_next_try(bank, actor, service, card):
    bank.always = debiting.refusing(Remedy.SOFT, Reason.INSUFFICIENT_FUNDS)
    await debiting.run()
    view = forecast.upcoming(actor, "it")
    first, second = view.charges
    order = the(tables.Order, kind="renewal")
    assert (first.iso, first.light, first.pay_order, first.changeable) == ("2027-03-26", "at_risk", order.number, False)
    assert "non c'era disponibilità" in first.why
    assert "Riproviamo da soli il 26 marzo 2027" in first.why
    assert first.fix_url == f"/metodi-di-pagamento/nuovo?sostituisce={card.id}"
    assert (second.iso, second.light, second.pay_order) == ("2028-03-24", "covered", "")
    assert (view.by_hand, view.total) == ([], "24,16\xa0€")


async def test_a_try_that_was_missed_is_made_up_for_today(bank, actor, service):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    debiting.go_to(date(2027, 3, 27))
    assert forecast.upcoming(actor, "it").charges[0].iso == "2027-03-27"


async def test_what_would_not_even_be_tried_again_says_so(bank, actor, service, card):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    factories.change(card, ceiling_cents=1207)
    first = forecast.upcoming(actor, "it").charges[0]
    assert (first.iso, first.light) == ("2027-03-26", "uncovered")
    assert "supera quello autorizzato" in first.why
    factories.change(card, ceiling_cents=1208, refused_at=clock.now())
    assert "La banca non autorizza più" in forecast.upcoming(actor, "it").charges[0].why


async def test_a_debit_that_is_not_tried_again_is_to_be_paid_by_hand(bank, actor, service):
    bank.always = debiting.refusing(Remedy.NEVER)
    await debiting.run()
    view = forecast.upcoming(actor, "it")
    assert (view.months, view.total, view.later) == ([], "0,00\xa0€", "Nessun addebito nei prossimi dodici mesi.")
    (one,) = view.by_hand
    assert (one.service, one.expires, one.amount) == (service.label, "31 marzo 2027", "12,08\xa0€")
    assert (one.trouble.status, one.trouble.order_number) == ("refused", the(tables.Order, kind="renewal").number)


async def test_what_was_given_up_is_to_be_paid_by_hand_with_its_own_order_if_there_is_one(bank, actor, service):
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    lifecycle.cancel(actor, the(tables.Order, kind="renewal").number)
    view = forecast.upcoming(actor, "en")
    (one,) = view.by_hand
    assert (view.charges, one.trouble.status, one.trouble.order_number, one.amount) == ([], "by_hand", "", "€12.08")
    answers = factories.ACCEPTED | {"gateway": "stripe", "amount": "24,16\xa0€", "years": "2"}
    number = renewals.place(actor, service.id, answers, "it")
    (one,) = forecast.upcoming(actor, "it").by_hand
    assert (one.trouble.order_number, one.amount) == (number, "24,16\xa0€")


async def test_the_others_are_foretold_as_ever(bank, actor, service, card):
    other = renewing.service(actor, card, date(2027, 6, 30))
    bank.always = debiting.refusing(Remedy.NEVER)
    await debiting.run()
    factories.change(card, refused_at=None)
    view = forecast.upcoming(actor, "it")
    assert [charge.service for charge in view.charges] == [other.label]
    assert [one.service for one in view.by_hand] == [service.label]


async def test_the_calendar_shows_the_next_try_and_no_debit_that_is_not_coming(bank, actor, service):
    address = calendar_feed.create(actor).rpartition("/")[2].removesuffix(".ics")
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    assert b"DTSTART;VALUE=DATE:20270326" in calendar_feed.ics(address)
    lifecycle.cancel(actor, the(tables.Order, kind="renewal").number)
    assert b"BEGIN:VEVENT" not in calendar_feed.ics(address)


async def test_troubles_are_read_in_two_queries_however_many(bank, actor, service, card):
    others = [renewing.service(actor, card, service.expires_on) for _ in range(3)]
    for one in others:
        renewing.choice(one, card)
        debiting.told(one)
    debiting.go_to(debiting.E7)
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    found, asked = factories.rows(tables.Service), []

    def note(*told) -> None:
        asked.append(told[2])

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        with db.reading() as s:
            assert len(failed_renewals.troubles(s, found, "it")) == 4
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert len([one for one in asked if one.startswith("SELECT")]) == 2
