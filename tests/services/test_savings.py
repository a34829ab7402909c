"""A customer adds a means of payment or replaces one: what is kept, what moves, and what a failure leaves untouched."""

import asyncio
from datetime import date, timedelta

import pytest

from pecapp import errors, tables
from pecapp.domain.payments import Card, Saving, Wallet
from pecapp.domain.savings import Purpose, Signal, Status, move
from pecapp.gateways import base, registry
from pecapp.services import inbox, method_forms, methods, outbox, savings
from tests.support import factories
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows, settle, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

OLD = Card("visa", "4242", 12, 2030, "IT", "fp_old", token="pm_old", customer="cus_1")
NEW = Card("mastercard", "4444", 6, 2033, "IT", "fp_new", token="pm_new", customer="cus_1")
ACCOUNT = Wallet("paypal", "m•••@d•••.it", "IT", "PAYER1", token="tok-1", customer="cust-1", saving=Saving.SAVED)
ADD = {"gateway": "stripe", "consent": "yes"}


@pytest.fixture
def kept(actor) -> tables.PaymentMethod:
    """A card that carries the renewal of a mailbox, 12.08 a year."""
    settle(factories.attempt(factories.order(actor, auto_renew=True, save_method=True)), card=OLD)
    return the(tables.PaymentMethod)


async def begun(actor, **form: str) -> tables.MethodSaving:
    """A saving whose customer has the gateway's page."""
    replaces = int(form["replaces"]) if "replaces" in form else None
    shown = {"ceiling": method_forms.plan(actor, "it", replaces).ceiling.amount}
    await method_forms.begin(actor, ADD | shown | form, "it")
    return rows(tables.MethodSaving, account_id=actor.account_id, status="open")[0]


def agreed(gateway: support_gateway.FakeGateway, saving: tables.MethodSaving, means: Card | Wallet = NEW) -> None:
    """Its customer has agreed at the gateway."""
    card, wallet = (means, None) if isinstance(means, Card) else (None, means)
    gateway.kept_by[saving.id] = base.Kept(saving.gateway_ref or "", "saved", card, wallet, sca_ref="seti_1")


def mail(template: str) -> tables.OutboxMail:
    outbox.send_due()
    return the(tables.OutboxMail, template=template)


def services(**equal: object) -> list[tables.Service]:
    return rows(tables.Service, **equal)


# --- adding -----------------------------------------------------------------------------------------------------------


async def test_a_card_is_added_without_a_payment_and_without_touching_any_renewal(bank, actor, kept):
    saving = await begun(actor)
    agreed(bank, saving)
    await savings.returned(saving.id)
    shown = methods.listing(actor, "it")
    assert [row.title for row in shown] == ["Visa •••• 4242", "Mastercard •••• 4444"]
    assert [len(row.services) for row in shown] == [1, 0]
    assert (the(tables.Service).method_id, again(saving).status) == (kept.id, "saved")
    assert "0,00\xa0€" in mail("m09").body_text
    assert rows(tables.Refund) == []
    assert len(rows(tables.PaymentAttempt)) == 1


async def test_a_paypal_account_is_added_in_the_same_way(paypal, actor):
    saving = await begun(actor, gateway="paypal")
    agreed(paypal, saving, ACCOUNT)
    await savings.returned(saving.id)
    assert [row.title for row in methods.listing(actor, "it")] == ["PayPal m•••@d•••.it"]


async def test_the_amount_to_authorise_is_the_dearest_single_renewal_not_their_sum(bank, actor):
    """Check 9: services at 12.08, 60.39 (five years) and 36.48 make 60.39."""
    first = factories.order(actor, auto_renew=True, save_method=True)
    settle(factories.attempt(first), card=OLD)
    dear = {"product": "PEC-STD", "months": None, "names": [], "labels": ["PEC cinque anni"]}
    settle(
        factories.attempt(factories.order(actor, auto_renew=True, save_method=True, years=5, configuration=dear)),
        card=OLD,
    )
    middle = {"product": "PEC-PRO", "months": None, "names": [], "labels": ["PEC Pro"]}
    settle(factories.attempt(factories.order(actor, auto_renew=True, save_method=True, configuration=middle)), card=OLD)
    shown = method_forms.plan(actor, "it")
    assert (shown.ceiling.amount, shown.ceiling.set_by) == ("60,39\xa0€", "PEC cinque anni")
    assert [line.partition(": ")[2] for line in shown.ceiling.services] == ["60,39\xa0€", "36,48\xa0€", "12,08\xa0€"]
    saving = await begun(actor)
    agreed(bank, saving)
    await savings.returned(saving.id)
    mandate = the(tables.Mandate, source=f"saving:{saving.id}")
    assert (mandate.ceiling_cents, mandate.sca_reference, mandate.currency) == (6039, "seti_1", "eur")
    assert sorted(mandate.services) == [service.id for service in services()]
    assert (mandate.ip, bool(mandate.terms_version)) == (factories.IP, True)
    assert the(tables.PaymentMethod, token="pm_new").ceiling_cents == 6039


async def test_without_a_renewal_nothing_is_authorised(bank, actor):
    assert method_forms.plan(actor, "it").ceiling.amount == ""
    saving = await begun(actor)
    agreed(bank, saving)
    await savings.returned(saving.id)
    assert rows(tables.Mandate) == []
    assert the(tables.PaymentMethod).ceiling_cents is None


async def test_the_same_card_twice_is_one_method_with_fresh_data(bank, actor, kept):
    saving = await begun(actor)
    fresh = Card("visa", "4242", 1, 2035, "IT", "fp_old", token="pm_again", customer="cus_1")
    agreed(bank, saving, fresh)
    await savings.returned(saving.id)
    (shown,) = methods.listing(actor, "it")
    assert (shown.title, shown.expires, len(shown.services)) == ("Visa •••• 4242", "01/35", 1)
    await methods.forget_due()
    assert bank.gone == {"pm_old"}, "its former token is not left behind at the gateway"


async def test_the_words_of_the_consent_are_kept_as_evidence(actor, kept):
    await begun(actor)
    kinds = {row.kind: row for row in rows(tables.Acceptance)}
    assert set(kinds) == {"save_method", "mandate"}
    assert "12,08\xa0€" in kinds["mandate"].label
    assert (kinds["save_method"].ip, kinds["save_method"].document_id) == (factories.IP, "privacy")


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"consent": ""}, {"consent": "MET_CONSENSO"}),
        ({"gateway": ""}, {"gateway": "METODO_MANCANTE"}),
        ({"gateway": "m1", "consent": "on"}, {"gateway": "METODO_MANCANTE", "consent": "MET_CONSENSO"}),
    ],
)
async def test_nothing_is_kept_without_consent_and_choice(bank, actor, form, wrong):
    before = factories.dump()
    with pytest.raises(errors.Invalid) as refused:
        await method_forms.begin(actor, ADD | form, "it")
    assert refused.value.fields == wrong
    assert (factories.dump(), bank.calls) == (before, [])


# --- replacing --------------------------------------------------------------------------------------------------------


async def test_every_renewal_passes_to_the_new_card_and_the_old_token_goes(bank, actor, kept):
    """Check 8, first half."""
    other = {"product": "PEC-STD", "months": None, "names": [], "labels": ["Seconda"]}
    settle(factories.attempt(factories.order(actor, auto_renew=True, save_method=True, configuration=other)), card=OLD)
    plan = method_forms.plan(actor, "it", kept.id)
    assert (plan.replaces, len(plan.moved), plan.ceiling.amount) == ("Visa •••• 4242", 2, "12,08\xa0€")
    saving = await begun(actor, replaces=str(kept.id))
    agreed(bank, saving)
    await savings.returned(saving.id)
    new = the(tables.PaymentMethod, token="pm_new")
    assert {(row.method_id, row.renewal) for row in services()} == {(new.id, "active")}
    assert [row.title for row in methods.listing(actor, "it")] == ["Mastercard •••• 4444"]
    await methods.forget_due()
    assert bank.gone == {"pm_old"}
    told = mail("m10").body_text
    assert all(words in told for words in ("Visa •••• 4242", "Mastercard •••• 4444", "PEC Standard", "Seconda"))
    assert factories.mails("m09") == []


@pytest.mark.parametrize("ending", ["gave_up", "failed", "unanswered", "silent", "not_opened"])
async def test_a_replacement_that_fails_or_is_abandoned_leaves_the_old_method_and_its_renewals(
    bank, actor, kept, ending, frozen_clock
):
    untouched = {name: factories.dump()[name] for name in ("payment_method", "service", "token_removal")}
    if ending == "not_opened":
        bank.fail("start_saving", base.OutcomeUnknown("time-out"))
        with pytest.raises(errors.Unavailable):
            await method_forms.begin(actor, ADD | {"replaces": str(kept.id), "ceiling": "12,08\xa0€"}, "it")
        saving = the(tables.MethodSaving)
    else:
        saving = await begun(actor, replaces=str(kept.id))
    if ending == "gave_up":
        await savings.gave_up(saving.id)
    elif ending == "failed":
        bank.kept_by[saving.id] = base.Kept(saving.gateway_ref or "", "failed")
        await savings.returned(saving.id)
    elif ending == "unanswered":
        bank.fail("finish_saving", base.OutcomeUnknown("time-out"))
        await savings.returned(saving.id)
    frozen_clock.advance(hours=4)
    await savings.sweep()
    assert {name: factories.dump()[name] for name in untouched} == untouched
    assert again(saving).status in {"cancelled", "expired"}
    assert {template for template in ("m09", "m10", "m11") if factories.mails(template)} == set()


@pytest.mark.parametrize("news", ["before", "after", "twice", "never"])
async def test_whoever_brings_the_news_of_a_replacement_and_how_often_there_is_one_result(
    bank, actor, kept, news, frozen_clock
):
    saving = await begun(actor, replaces=str(kept.id))
    agreed(bank, saving)

    async def notified(event_id: str) -> None:
        raw = support_gateway.event(event_id, saving_id=saving.id)
        await inbox.receive("stripe", raw, support_gateway.SIGNED)
        await inbox.drain()

    if news in {"before", "twice"}:
        await notified("evt_1")
    if news != "never":
        await savings.returned(saving.id)
    if news in {"after", "twice"}:
        await notified("evt_2")
    if news == "never":
        frozen_clock.advance(minutes=2)
    await savings.sweep()
    new = the(tables.PaymentMethod, status="valid")
    assert (new.token, the(tables.Service).method_id) == ("pm_new", new.id)
    assert len(factories.mails("m10")) == 1
    assert len(rows(tables.Mandate, method_id=new.id)) == 1
    assert {event.status for event in rows(tables.InboxEvent)} <= {"done"}


async def test_browser_notification_and_sweep_at_once_make_one_method(bank, actor, kept):
    saving = await begun(actor, replaces=str(kept.id))
    agreed(bank, saving)
    await asyncio.gather(savings.returned(saving.id), savings.check(saving.id), savings.check(saving.id))
    assert len(rows(tables.PaymentMethod, status="valid")) == 1
    assert len(factories.mails("m10")) == 1


async def test_replacing_a_card_by_itself_renews_what_is_authorised_and_moves_nothing(bank, actor, kept):
    saving = await begun(actor, replaces=str(kept.id))
    agreed(bank, saving, Card("visa", "4242", 1, 2035, "IT", "fp_old", token="pm_again", customer="cus_1"))
    await savings.returned(saving.id)
    assert (the(tables.Service).method_id, again(kept).token) == (kept.id, "pm_again")
    assert (len(factories.mails("m09")), factories.mails("m10")) == (1, [])


async def test_a_page_that_another_took_the_place_of_only_adds_its_card(bank, actor, kept):
    left = await begun(actor, replaces=str(kept.id))
    second = await begun(actor, gateway="stripe")
    assert (again(left).status, again(second).status) == ("expired", "open")
    agreed(bank, left)
    await savings.check(left.id)
    assert the(tables.Service).method_id == kept.id
    assert len(rows(tables.PaymentMethod, status="valid")) == 2


async def test_a_method_removed_meanwhile_is_not_brought_back_by_its_replacement(bank, actor, kept):
    saving = await begun(actor, replaces=str(kept.id))
    methods.remove(actor, kept.id)
    agreed(bank, saving)
    await savings.returned(saving.id)
    assert (the(tables.Service).renewal, the(tables.Service).method_id) == ("disabled", None)
    assert [row.title for row in methods.listing(actor, "it")] == ["Mastercard •••• 4444"]


async def test_pressing_twice_leads_to_the_same_page(bank, actor):
    first = await method_forms.begin(actor, ADD, "it")
    assert await method_forms.begin(actor, ADD, "it") == first
    assert len(bank.asked("start_saving")) == 1


# --- removal, with another method instead -----------------------------------------------------------------------------


async def added(bank: support_gateway.FakeGateway, actor, means: Card = NEW) -> tables.PaymentMethod:
    saving = await begun(actor)
    agreed(bank, saving, means)
    await savings.returned(saving.id)
    return the(tables.PaymentMethod, token=means.token)


async def test_before_a_removal_the_renewals_can_pass_to_another_method(bank, actor, kept):
    other = await added(bank, actor)
    methods.remove(actor, kept.id, instead=other.id)
    assert (the(tables.Service).method_id, the(tables.Service).renewal) == (other.id, "active")
    assert (len(factories.mails("m10")), factories.mails("m11")) == (1, [])
    await methods.forget_due()
    assert bank.gone == {"pm_old"}


async def test_a_method_that_is_authorised_for_less_does_not_take_over(bank, actor, kept):
    other = await added(bank, actor)
    factories.change(other, ceiling_cents=1207)
    before = factories.dump()
    with pytest.raises(errors.Conflict) as refused:
        methods.remove(actor, kept.id, instead=other.id)
    assert (refused.value.code, factories.dump()) == ("MAND_BASSO", before)


async def test_nothing_is_removed_while_a_debit_runs_on_it(actor, kept):
    factories.attempt(factories.order(actor), method_id=kept.id, gateway_ref="pi_running")
    before = factories.dump()
    with pytest.raises(errors.Conflict) as refused:
        methods.remove(actor, kept.id)
    assert (refused.value.code, factories.dump()) == ("MET_IN_USO", before)


async def test_a_token_replaced_in_the_middle_of_a_debit_lives_until_that_is_over(bank, actor, kept, frozen_clock):
    factories.attempt(factories.order(actor), method_id=kept.id, gateway_ref="pi_running")
    saving = await begun(actor, replaces=str(kept.id))
    agreed(bank, saving)
    await savings.returned(saving.id)
    await methods.forget_due()
    assert bank.gone == set()
    frozen_clock.advance(hours=1, minutes=1)
    await methods.forget_due()
    assert bank.gone == {"pm_old"}


# --- news from the gateway --------------------------------------------------------------------------------------------


async def test_a_card_that_the_bank_has_renewed_shows_its_new_date_by_itself(bank, actor, kept):
    bank.cards["pm_old"] = Card("visa", "0007", 3, 2034, "IT", "fp_reissued", token="pm_old", customer="cus_1")
    raw = support_gateway.event("evt_update", method="pm_old")
    await inbox.receive("stripe", raw, support_gateway.SIGNED)
    await inbox.drain()
    (shown,) = methods.listing(actor, "it")
    assert (shown.title, shown.expires, len(shown.services)) == ("Visa •••• 0007", "03/34", 1)
    assert again(kept).fingerprint == "fp_reissued"


# --- strangers --------------------------------------------------------------------------------------------------------


async def test_nobody_replaces_or_looks_at_what_is_anothers(bank, actor, kept):
    stranger = factories.customer()
    saving = await begun(actor)
    before = factories.dump()
    calls = list(bank.calls)
    with pytest.raises(errors.NotFound):
        method_forms.plan(stranger, "it", kept.id)
    with pytest.raises(errors.NotFound):
        await method_forms.begin(stranger, ADD | {"replaces": str(kept.id)}, "it")
    with pytest.raises(errors.NotFound):
        method_forms.outcome(stranger, saving.id, "it")
    for nothing in ("", "x" * 32, "0" * 32, "../x", saving.id.upper()):
        with pytest.raises(errors.NotFound):
            await savings.returned(nothing)
    with pytest.raises(errors.NotFound):
        methods.remove(actor, kept.id, instead=10**9)
    assert (factories.dump(), bank.calls) == (before, calls)


async def test_an_outcome_is_told_in_words(bank, actor):
    saving = await begun(actor)
    waiting = method_forms.outcome(actor, saving.id, "it")
    assert (waiting.poll, waiting.tone) == (True, "progress")
    agreed(bank, saving)
    await savings.returned(saving.id)
    done = method_forms.outcome(actor, saving.id, "it")
    assert (done.poll, done.headline) == (False, "Metodo di pagamento registrato")
    assert "Mastercard •••• 4444" in done.explanation


# --- the pure rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("signal", Signal)
def test_a_kept_method_is_the_end_from_every_state_and_nothing_undoes_it(status, signal):
    becomes = move(status, signal)
    if signal is Signal.KEPT or status is Status.SAVED:
        assert becomes is Status.SAVED
    elif (status, signal) == (Status.CANCELLED, Signal.RAN_OUT):
        assert becomes is Status.EXPIRED
    elif status in {Status.CANCELLED, Status.EXPIRED}:
        assert becomes is status
    else:
        expected = {Signal.OPENED: Status.OPEN, Signal.GIVEN_UP: Status.CANCELLED, Signal.RAN_OUT: Status.EXPIRED}
        assert becomes is expected[signal]


def test_the_page_is_waited_for_as_long_as_paypal_keeps_it():
    assert timedelta(hours=3) == savings.PAGE_LIFETIME
    assert set(Purpose) == {"add", "replace", "activate"}


async def test_a_price_that_will_rise_before_the_debit_is_authorised_with_it(bank, actor, kept):
    """What is authorised today must be enough on the day of the debit, or the customer would be asked again."""
    factories.price("PEC-STD", date(2028, 1, 1), 1200)
    plan = method_forms.plan(actor, "it", kept.id)
    assert plan.ceiling.amount == "14,64\xa0€"
    saving = await begun(actor, replaces=str(kept.id))
    agreed(bank, saving)
    await savings.returned(saving.id)
    assert the(tables.PaymentMethod, status="valid").ceiling_cents == 1464


async def test_an_amount_that_is_not_the_one_shown_is_not_authorised(bank, actor, kept):
    before = factories.dump()
    for shown in ("", "1,00\xa0€", "12,07\xa0€"):
        with pytest.raises(errors.Conflict) as refused:
            await method_forms.begin(actor, ADD | {"ceiling": shown}, "it")
        assert refused.value.code == "PREZZO_CAMBIATO"
    assert (factories.dump(), bank.calls) == (before, [])


async def test_what_was_given_up_before_another_was_begun_only_adds_its_card(bank, actor, kept):
    left = await begun(actor, replaces=str(kept.id))
    await savings.gave_up(left.id)
    await begun(actor)
    agreed(bank, left)
    await savings.check(left.id)
    assert the(tables.Service).method_id == kept.id


async def test_a_page_finished_after_its_time_only_adds_its_card(bank, actor, kept, frozen_clock):
    saving = await begun(actor, replaces=str(kept.id))
    frozen_clock.advance(hours=3, minutes=1)
    agreed(bank, saving)
    await savings.check(saving.id)
    assert the(tables.Service).method_id == kept.id


async def test_a_gateway_that_never_answers_is_not_asked_for_ever(bank, actor, frozen_clock):
    saving = await begun(actor)
    bank.fail("finish_saving", base.OutcomeUnknown("time-out"), times=100)
    for _ in range(40):
        frozen_clock.advance(hours=1)
        await savings.sweep()
    assert again(saving).status == "expired"
    assert len(bank.asked("finish_saving")) < 40


async def test_a_gateway_that_is_switched_off_holds_nobody_up(bank, paypal, actor, frozen_clock):
    other = factories.customer()
    await begun(other, gateway="paypal")
    mine = await begun(actor)
    agreed(bank, mine)
    registry.use({"stripe": bank})
    frozen_clock.advance(minutes=2)
    await savings.sweep()
    assert [row.title for row in methods.listing(actor, "it")] == ["Mastercard •••• 4444"]


async def test_pressed_many_times_at_once_it_is_one_page(bank, actor):
    urls = await asyncio.gather(*(method_forms.begin(actor, ADD, "it") for _ in range(6)))
    assert (len(set(urls)), len(rows(tables.MethodSaving))) == (1, 1)
