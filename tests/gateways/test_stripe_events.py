"""Stripe's notifications: only those proved, fresh and ours are read, and only a final success settles by itself."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain import payments
from pecapp.gateways import base, stripe

SECRET = "whsec_first"
NOW = datetime(2027, 3, 10, 12, tzinfo=UTC)
SIGNED_AT = int(NOW.timestamp())
VERSION = "2026-10-28.endive"
GATEWAY = stripe.StripeGateway("sk_test_events", (SECRET, "whsec_second"), account="acct_ours")


def signature(raw: bytes, secret: str = SECRET, at: int = SIGNED_AT, scheme: str = "v1") -> str:
    digest = hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={at},{scheme}={digest}"


def event(kind: str = "checkout.session.completed", **changes: Any) -> dict[str, Any]:
    """A paid session as Stripe tells of it; `changes` replace keys of the event, or of its object where it has them."""
    content = {
        "id": "cs_test_a1",
        "object": "checkout.session",
        "amount_total": 6039,
        "client_reference_id": "attempt-1",
        "currency": "eur",
        "metadata": {"app": "pecapp", "order": "1234567897", "attempt": "attempt-1"},
        "payment_intent": "pi_1",
        "payment_status": "paid",
        "status": "complete",
    }
    told = {
        "id": "evt_1",
        "object": "event",
        "api_version": VERSION,
        "created": SIGNED_AT - 2,
        "livemode": False,
        "type": kind,
        "data": {"object": content | {name: value for name, value in changes.items() if name in content}},
    }
    return told | {name: value for name, value in changes.items() if name not in content or name in told}


def about(kind: str, **content: Any) -> dict[str, Any]:
    """An event of `kind` about an object with this content."""
    return event(kind) | {"data": {"object": content}}


def read_event(gateway: stripe.StripeGateway, raw: bytes, headers: Mapping[str, str], now: datetime) -> base.Event:
    return asyncio.run(gateway.read_event(raw, headers, now))


def read(told: Any, gateway: stripe.StripeGateway = GATEWAY) -> base.Event:
    raw = json.dumps(told).encode()
    return read_event(gateway, raw, {"stripe-signature": signature(raw)}, NOW)


def refused(raw: bytes, header: str | None, gateway: stripe.StripeGateway = GATEWAY) -> None:
    with pytest.raises(base.NotAuthentic):
        read_event(gateway, raw, {} if header is None else {"stripe-signature": header}, NOW)


def raw_event() -> bytes:
    return json.dumps(event()).encode()


def test_a_paid_session_settles_by_itself() -> None:
    told = read(event())
    assert told == base.Event(
        event_id="evt_1",
        type="checkout.session.completed",
        created_at=datetime.fromtimestamp(SIGNED_AT - 2, UTC),
        attempt_id="attempt-1",
        gateway_ref="cs_test_a1",
        relevant=True,
        outcome=payments.Outcome(
            attempt_id="attempt-1",
            verdict=payments.Verdict.SUCCEEDED,
            amount_cents=6039,
            currency="eur",
            gateway_ref="cs_test_a1",
            payment_ref="pi_1",
        ),
    )


def test_a_late_success_settles_by_itself() -> None:
    told = read(event("checkout.session.async_payment_succeeded"))
    assert told.outcome is not None
    assert told.outcome.verdict is payments.Verdict.SUCCEEDED


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_status": "unpaid"},
        {"payment_status": "no_payment_required"},
        {"status": "open"},
        {"amount_total": None},
        {"amount_total": 0},
        {"amount_total": "6039"},
        {"amount_total": 60.39},
        {"amount_total": True},
        {"amount_total": 10**30},
        {"currency": None},
        {"payment_intent": None},
        {"metadata": {"app": "pecapp"}, "client_reference_id": None},
        {"metadata": {"app": "pecapp", "attempt": "a\x00b"}, "client_reference_id": "\ud800"},
    ],
    ids=str,
)
def test_what_is_less_than_a_final_success_has_to_be_read_back(changes: dict[str, Any]) -> None:
    told = read(event(**changes))
    assert told.outcome is None
    assert told.relevant
    assert not told.oddity


@pytest.mark.parametrize("kind", ["checkout.session.expired", "payment_intent.succeeded", "charge.succeeded"])
def test_no_other_kind_of_event_settles_by_itself(kind: str) -> None:
    assert read(event(kind)).outcome is None


def test_news_of_a_refund_names_it_wherever_it_was_made() -> None:
    ours = {"app": "pecapp", "attempt": "attempt-1", "refund": "refund-1"}
    made = {"id": "re_1", "object": "refund", "payment_intent": "pi_1"}
    for kind in ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"):
        for tagged in (ours, {}, {"app": "pecapp"}):
            got = read(about(kind, **made, metadata=tagged))
            assert (got.refund_ref, got.relevant) == ("re_1", True)
    foreign = read(about("refund.failed", **made, metadata={"app": "another", "refund": "refund-1"}))
    assert (foreign.refund_ref, foreign.relevant) == ("", False)
    assert read(about("charge.refunded", id="ch_1", object="charge", metadata=ours)).refund_ref == ""


@pytest.mark.parametrize(
    ("told", "attempt_id", "gateway_ref"),
    [
        (
            about("payment_intent.payment_failed", id="pi_1", metadata={"app": "pecapp", "attempt": "attempt-1"}),
            "attempt-1",
            "pi_1",
        ),
        (
            about(
                "refund.updated",
                id="re_1",
                object="refund",
                payment_intent="pi_1",
                metadata={"app": "pecapp", "attempt": "attempt-1", "refund": "refund-1"},
            ),
            "attempt-1",
            "pi_1",
        ),
        (about("refund.created", id="re_2", object="refund", payment_intent="pi_1", metadata={}), "", "pi_1"),
        (about("charge.refunded", id="ch_1", object="charge", payment_intent="pi_1", metadata={}), "", "pi_1"),
        (about("charge.dispute.created", id="du_1", object="dispute", payment_intent="pi_1"), "", "pi_1"),
        (about("payment_method.automatically_updated", id="pm_1", object="payment_method"), "", "pm_1"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
def test_other_relevant_events_name_what_they_are_about(
    told: dict[str, Any], attempt_id: str, gateway_ref: str
) -> None:
    got = read(told)
    assert (got.attempt_id, got.gateway_ref, got.relevant) == (attempt_id, gateway_ref, True)


@pytest.mark.parametrize(
    "kind", ["payment_intent.created", "charge.captured", "customer.created", "setup_intent.succeeded", "invoice.paid"]
)
def test_events_that_change_nothing_here_are_told_apart(kind: str) -> None:
    assert not read(event(kind)).relevant


OURS = {"app": "pecapp", "saving": "saving-1"}


@pytest.mark.parametrize("kind", ["checkout.session.completed", "checkout.session.expired"])
def test_a_page_that_keeps_a_card_names_its_saving_and_no_attempt(kind: str) -> None:
    told = read(
        about(
            kind,
            id="cs_test_a1",
            object="checkout.session",
            mode="setup",
            client_reference_id="saving-1",
            metadata=OURS,
            payment_status="no_payment_required",
            status="complete",
            setup_intent="seti_1",
        )
    )
    assert (told.saving_id, told.attempt_id, told.gateway_ref) == ("saving-1", "", "cs_test_a1")
    assert (told.relevant, told.outcome, told.oddity) == (True, None, "")


@pytest.mark.parametrize("kind", ["setup_intent.succeeded", "setup_intent.setup_failed"])
def test_what_was_set_up_names_its_saving(kind: str) -> None:
    told = read(about(kind, id="seti_1", object="setup_intent", metadata=OURS))
    assert (told.saving_id, told.attempt_id, told.gateway_ref) == ("saving-1", "", "seti_1")
    assert (told.relevant, told.outcome) == (True, None)


@pytest.mark.parametrize(
    "metadata", [{}, {"saving": "saving-1"}, {"app": "other", "saving": "saving-1"}, {"app": "pecapp"}], ids=str
)
def test_what_others_set_up_is_nothing_to_us(metadata: dict[str, str]) -> None:
    told = read(about("setup_intent.succeeded", id="seti_1", object="setup_intent", metadata=metadata))
    assert (told.saving_id, told.attempt_id, told.relevant) == ("", "", False)


@pytest.mark.parametrize("word", ["updated", "automatically_updated", "detached"])
def test_news_of_a_kept_card_name_it(word: str) -> None:
    told = read(about(f"payment_method.{word}", id="pm_1", object="payment_method", metadata={}))
    assert (told.method_ref, told.attempt_id, told.saving_id, told.relevant) == ("pm_1", "", "", True)
    assert "method_ref" not in repr(told)


def test_other_events_name_no_kept_card() -> None:
    assert read(about("payment_method.attached", id="pm_1", object="payment_method")).method_ref == ""
    assert read(charge()).method_ref == ""


def charge(**changes: Any) -> dict[str, Any]:
    """A charge of the payment, as Stripe tells of it."""
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "country": "IT", "fingerprint": "fp_1"}
    content = {
        "id": "ch_1",
        "object": "charge",
        "amount_captured": 6039,
        "currency": "eur",
        "customer": "cus_1",
        "metadata": {"app": "pecapp", "order": "1234567897", "attempt": "attempt-1"},
        "paid": True,
        "payment_intent": "pi_1",
        "payment_method": "pm_1",
        "payment_method_details": {"card": card},
        "status": "succeeded",
    }
    return about("charge.succeeded", **content | changes)


def test_a_charge_settles_by_itself_and_tells_which_card_paid() -> None:
    outcome = read(charge()).outcome
    assert outcome is not None
    assert (outcome.attempt_id, outcome.amount_cents, outcome.currency) == ("attempt-1", 6039, "eur")
    assert (outcome.gateway_ref, outcome.payment_ref) == ("", "pi_1")
    assert outcome.card == payments.Card("visa", "4242", 12, 2030, "IT", "fp_1", token="pm_1", customer="cus_1")


def test_a_charge_tells_the_networks_name_for_it() -> None:
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "network_transaction_id": "net-1"}
    outcome = read(charge(payment_method_details={"card": card})).outcome
    assert outcome is not None
    assert outcome.card is not None
    assert outcome.card.network_ref == "net-1"


def test_a_card_that_no_customer_keeps_has_no_token() -> None:
    outcome = read(charge(customer=None)).outcome
    assert outcome is not None
    assert outcome.card is not None
    assert (outcome.card.token, outcome.card.customer) == ("", "")


@pytest.mark.parametrize(
    "changes",
    [{"paid": False}, {"status": "pending"}, {"amount_captured": 0}, {"payment_intent": None}, {"currency": None}],
    ids=str,
)
def test_a_charge_that_is_not_final_settles_nothing(changes: dict[str, Any]) -> None:
    assert read(charge(**changes)).outcome is None


def test_a_charge_of_another_application_is_nothing_to_us() -> None:
    assert not read(charge(metadata={})).relevant


@pytest.mark.parametrize("metadata", [{}, None, {"app": "other"}, {"attempt": "attempt-1"}, "pecapp", ["app"]], ids=str)
def test_another_applications_payment_is_nothing_to_us(metadata: object) -> None:
    told = read(event(metadata=metadata))
    assert (told.attempt_id, told.relevant, told.outcome) == ("", False, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"livemode": True},
        {"livemode": None},
        {"api_version": "2023-10-16"},
        {"api_version": None},
        {"data": {}},
        {"data": None},
        {"data": {"object": ["list"]}},
        {"created": None},
        {"created": 10**18},
        {"created": "yesterday"},
    ],
    ids=str,
)
def test_an_odd_event_is_kept_apart_and_settles_nothing(changes: dict[str, Any]) -> None:
    told = read(event(**changes))
    assert told.oddity
    assert told.outcome is None
    assert told.created_at.tzinfo is UTC


def test_a_live_key_expects_live_events() -> None:
    live = stripe.StripeGateway("rk_live_1", (SECRET,))
    assert not read(event(livemode=True), live).oddity
    assert read(event(livemode=False), live).oddity


def test_two_secrets_are_accepted_while_one_is_being_changed() -> None:
    raw = raw_event()
    header = signature(raw, "whsec_second")
    assert read_event(GATEWAY, raw, {"stripe-signature": header}, NOW).event_id == "evt_1"


def test_further_signatures_in_the_header_do_no_harm() -> None:
    raw = raw_event()
    header = f"t={SIGNED_AT},v1={'0' * 64},v0={'1' * 64},{signature(raw).split(',')[1]}"
    assert read_event(GATEWAY, raw, {"stripe-signature": header}, NOW).event_id == "evt_1"


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_fresh_signature_is_accepted(seconds: int) -> None:
    raw = raw_event()
    header = signature(raw, at=SIGNED_AT + seconds)
    assert read_event(GATEWAY, raw, {"stripe-signature": header}, NOW).event_id == "evt_1"


@pytest.mark.parametrize("seconds", [-86400, -301, 301, 86400])
def test_a_stale_or_future_signature_is_refused(seconds: int) -> None:
    raw = raw_event()
    refused(raw, signature(raw, at=SIGNED_AT + seconds))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=,v1=",
        f"t={SIGNED_AT}",
        f"v1={'0' * 64}",
        f"t=soon,v1={'0' * 64}",
        f"t={SIGNED_AT},v1=é",
        f"t={'9' * 5000},v1={'0' * 64}",
        signature(raw_event(), "whsec_wrong"),
        signature(raw_event(), scheme="v0"),
        signature(raw_event(), ""),
        signature(raw_event()).replace("t=", " t="),
    ],
    ids=lambda header: repr(header)[:40],
)
def test_a_body_without_a_valid_signature_is_refused(header: str | None) -> None:
    refused(raw_event(), header)


def test_a_changed_body_is_refused() -> None:
    raw = raw_event()
    refused(raw.replace(b"6039", b"6040"), signature(raw))
    refused(json.dumps(event(), indent=1).encode(), signature(raw))


@pytest.mark.parametrize("secrets", [(), ("",), (" ",), ("", "")])
def test_without_a_secret_nothing_is_accepted(secrets: tuple[str, ...]) -> None:
    raw = raw_event()
    unset = stripe.StripeGateway("sk_test_events", secrets)
    for secret in ("", " ", SECRET):
        refused(raw, signature(raw, secret), unset)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[]",
        b"null",
        b"1",
        b'"event"',
        b"{}",
        b"[" * 100_000,
        b'{"object": "event", "data": ' * 20_000,
        json.dumps(event()).encode("utf-16"),
        json.dumps(event() | {"object": "v2.core.event"}).encode(),
        json.dumps(event() | {"id": ""}).encode(),
        json.dumps(event() | {"id": 7}).encode(),
        json.dumps(event() | {"id": "x" * 256}).encode(),
        json.dumps(event() | {"type": None}).encode(),
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_a_signed_body_that_is_no_snapshot_event_is_refused(raw: bytes) -> None:
    refused(raw, signature(raw))


@pytest.mark.parametrize("account", ["acct_other", "", 7, ["acct_ours"]])
def test_an_event_of_another_account_is_refused(account: object) -> None:
    raw = json.dumps(event(account=account)).encode()
    refused(raw, signature(raw))


def test_an_event_that_names_our_account_is_accepted() -> None:
    assert read(event(account="acct_ours")).event_id == "evt_1"


def test_without_an_account_of_ours_every_named_account_is_another() -> None:
    raw = json.dumps(event(account="acct_ours")).encode()
    refused(raw, signature(raw), stripe.StripeGateway("sk_test_events", (SECRET,)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
KINDS = ("checkout.session.completed", "refund.updated", "charge.dispute.created", "x")
headers = st.none() | st.text() | st.text(alphabet="tv10=, 23456789abcdef")


@given(raw=st.binary(max_size=300), header=headers)
def test_whatever_arrives_unsigned_is_refused_and_breaks_nothing(raw: bytes, header: str | None) -> None:
    refused(raw, header)


@given(
    told=json_values
    | st.fixed_dictionaries(
        {"object": st.just("event"), "id": st.just("evt_1"), "type": st.sampled_from(KINDS)},
        optional={
            "data": json_values | st.fixed_dictionaries({"object": json_values}),
            "created": json_values,
            "livemode": json_values,
            "api_version": json_values | st.just(VERSION),
            "account": json_values,
        },
    ),
    at=st.integers(SIGNED_AT - 300, SIGNED_AT + 300),
)
def test_whatever_is_signed_is_read_or_refused_and_breaks_nothing(told: Any, at: int) -> None:
    raw = json.dumps(told).encode()
    try:
        got = read_event(GATEWAY, raw, {"stripe-signature": signature(raw, at=at)}, NOW)
    except base.NotAuthentic:
        return
    assert got.event_id == "evt_1"
    assert got.outcome is None
