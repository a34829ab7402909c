"""A debit that came to nothing: what its owner sees, and the order cancelled with or without the renewal (6.7)."""

from datetime import date

import pytest

from pecapp import errors, tables
from pecapp.domain.payments import Reason, Remedy
from pecapp.services import debits, failed_renewals, lifecycle, portfolio
from tests.services import test_debits as debiting
from tests.support import factories
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
    assert shown.trouble.why in listed.warning


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
    assert (trouble.order_number, again(service).renewal) == ("", "active")
    assert "Hai annullato l'ordine" in trouble.why
    debiting.go_to(date(2027, 3, 26))
    assert debits.plan() == []


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
