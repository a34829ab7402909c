"""PayPal's notifications: proved by certificate or by PayPal's own word, and never believed beyond that."""

import asyncio
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pecapp.gateways import base, paypal_client, paypal_events, paypal_proof
from tests.support import forgery, paypal
from tests.support.paypal import CERT_URL, HOOK, HOST, NOW, ORIGIN, Authority, Line

pytestmark = pytest.mark.anyio

ATTEMPT = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def line(authority: Authority) -> Line:
    return Line(authority.leaf)


@pytest.fixture
def proof(line: Any, authority: Authority, tmp_path: Path) -> paypal_proof.Proof:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.root)
    return paypal_proof.Proof(line, (HOOK,), paypal_proof.Trust(frozenset({ORIGIN}), HOST, roots))


def told(**changes: Any) -> bytes:
    return paypal.told(ATTEMPT, **changes)


async def _refused(proof: paypal_proof.Proof, raw: bytes, headers: dict[str, str], now: datetime = NOW) -> str:
    with pytest.raises(base.NotAuthentic) as refusal:
        await proof.check(raw, headers, now)
    return str(refusal.value)


async def test_what_paypal_signed_is_accepted_and_its_certificate_is_fetched_once(proof, authority, line):
    raw = told()
    for _ in range(3):
        await proof.check(raw, authority.headers(raw), NOW)
    assert line.fetched == [CERT_URL]
    assert line.asked == []


async def test_a_body_with_one_other_byte_is_refused(proof, authority):
    raw = told()
    assert await _refused(proof, raw + b" ", authority.headers(raw)) == "wrong signature"
    assert await _refused(proof, raw.replace(b"APPROVED", b"APPROVEd"), authority.headers(raw)) == "wrong signature"


async def test_another_endpoints_notification_is_refused(proof, authority):
    raw = told()
    await _refused(proof, raw, authority.headers(raw, hook="WH-SOMEBODY-ELSE"))


@pytest.mark.parametrize(
    ("at", "good"),
    [
        (timedelta(days=-5), False),
        (timedelta(days=-3), True),
        (timedelta(minutes=4), True),
        (timedelta(hours=1), False),
    ],
)
async def test_a_notification_is_fresh_enough_to_be_one_of_paypals_repetitions(proof, authority, at, good):
    raw = told()
    headers = authority.headers(raw, at=NOW + at)
    if good:
        await proof.check(raw, headers, NOW)
    else:
        await _refused(proof, raw, headers)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/notifications/certs/CERT-1",
        "http://api-m.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api-m.sandbox.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://user@api-m.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api-m.sandbox.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api-m.sandbox.paypal.com/v1/notifications/certs/CERT-1?x=1",
        "https://api-m.sandbox.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api-m.sandbox.paypal.com/v1/notifications/certs/../CERT-1",
        "https://api-m.sandbox.paypal.com/v2/checkout/orders/CERT-1",
        "https://[::1",
        "file:///etc/passwd",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(proof, authority, line, url):
    raw = told()
    await _refused(proof, raw, authority.headers(raw, cert_url=url))
    assert line.fetched == line.asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"auth_algo": "SHA1withRSA"},
        {"auth_algo": ""},
        {"transmission_sig": ""},
        {"transmission_sig": "not base64!"},
        {"transmission_sig": "x" * 3000},
        {"transmission_time": "yesterday"},
        {"transmission_time": "2027-03-10T12:00:00"},
        {"transmission_id": "a|b"},
        {"cert_url": ""},
    ],
)
async def test_headers_that_paypal_does_not_send_are_refused(proof, authority, changes):
    raw = told()
    await _refused(proof, raw, authority.headers(raw, **changes))


@pytest.mark.parametrize("raw", [b"", b"[]", b"nonsense", b"\xff", b"{}, {}", b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(proof, authority, raw):
    await _refused(proof, raw, authority.headers(raw))


OTHERS: dict[str, Callable[[], bytes | Exception]] = {
    "another name": lambda: Authority("evil.example").leaf,
    "another root": lambda: Authority().leaf,
    "expired": lambda: Authority(since=NOW - timedelta(days=400)).leaf,
    "not a certificate": lambda: b"<html>",
    "not there": lambda: base.GatewayError("404"),
}


@pytest.mark.parametrize("served", OTHERS.values(), ids=OTHERS)
async def test_without_a_certificate_to_trust_paypal_itself_is_asked(proof, authority, line, served):
    raw = told(note="às it cäme")
    headers = authority.headers(raw)
    line.certificate = served()
    line.word = "SUCCESS"
    await proof.check(raw, headers, NOW)
    assert raw in line.asked[0]
    asked = json.loads(line.asked[0])
    assert (asked["webhook_id"], asked["transmission_id"], asked["webhook_event"]) == (HOOK, "t-1", json.loads(raw))
    line.word = "FAILURE"
    assert await _refused(proof, raw, headers) == "PayPal did not send this"
    line.word = base.OutcomeUnknown("no answer")
    with pytest.raises(base.Unverifiable):
        await proof.check(raw, headers, NOW)


async def test_a_certificate_that_paypal_does_not_have_is_refused_and_not_asked_for_again(proof, authority, line):
    raw = told()
    line.certificate = paypal_client.Refused("not there", 404, (), {})
    for _ in range(3):
        assert await _refused(proof, raw, authority.headers(raw)) == "a certificate that PayPal does not have"
    assert line.fetched == [CERT_URL]
    assert line.asked == []


async def test_what_cannot_be_verified_asks_paypal_only_so_often(proof, authority, line):
    line.certificate, line.word = base.GatewayError("down"), "FAILURE"
    raw = told()
    said = []
    for number in range(paypal_proof.MOST_ASKINGS.amount + 5):
        with pytest.raises((base.NotAuthentic, base.Unverifiable)) as refusal:
            await proof.check(raw, authority.headers(raw, cert_url=f"{CERT_URL}{number}"), NOW)
        said.append(refusal.type)
    assert said.count(base.Unverifiable) >= 5
    assert len(line.asked) <= paypal_proof.MOST_ASKINGS.amount


async def test_strangers_cannot_make_us_ask_paypal_without_end(proof, authority, line):
    line.certificate, line.pause, line.word = base.GatewayError("404"), 0.05, "FAILURE"
    raw = told()
    headers = [authority.headers(raw, cert_url=f"{CERT_URL}{number}") for number in range(30)]
    said = await asyncio.gather(*[proof.check(raw, each, NOW) for each in headers], return_exceptions=True)
    assert len(line.fetched) == paypal_proof.MOST_AT_ONCE
    assert sum(isinstance(one, base.Unverifiable) for one in said) == 30 - paypal_proof.MOST_AT_ONCE
    assert not any(one is None for one in said)


async def test_the_checksum_can_be_forged_and_the_forgery_is_still_only_a_hint(proof, authority):
    """Why nothing of a notification is believed: the signature cannot tell these two bodies apart."""
    genuine = told()
    forged = forgery.with_checksum_of(
        genuine,
        told(event_type="PAYMENT.CAPTURE.COMPLETED", id="WH-FORGED", note="FREE").decode(),
        "FREE",
    )
    assert zlib.crc32(forged) == zlib.crc32(genuine)
    await proof.check(forged, authority.headers(genuine), NOW)
    event = paypal_events.read(forged, authority.headers(genuine))
    assert (event.event_id, event.outcome, event.transmission_id) == ("WH-FORGED", None, "t-1")


# --- what is read -----------------------------------------------------------------------------------------------------


def _read(raw: bytes) -> base.Event:
    return paypal_events.read(raw, {"paypal-transmission-id": "t-1"})


async def test_an_order_is_named_by_the_attempt_that_it_is_for():
    event = _read(told())
    assert (event.attempt_id, event.gateway_ref, event.relevant, event.oddity) == (
        ATTEMPT, "5O190127TN364715T", True, "",
    )  # fmt: skip
    assert event.created_at == datetime(2027, 3, 10, 11, 59, 58, tzinfo=UTC)


async def test_a_capture_is_named_by_its_attempt_and_its_order():
    resource = {
        "id": "2GG279541U471931P",
        "custom_id": ATTEMPT,
        "supplementary_data": {"related_ids": {"order_id": "5O190127TN364715T"}},
    }
    event = _read(told(event_type="PAYMENT.CAPTURE.PENDING", resource=resource))
    assert (event.attempt_id, event.gateway_ref, event.by_ref) == (ATTEMPT, "5O190127TN364715T", False)


async def test_a_late_token_is_found_by_its_order_and_a_lost_one_by_its_own_name():
    token = {"id": "dnbxj3", "customer": {"id": "c1"}, "metadata": {"order_id": "5O190127TN364715T"}}
    event = _read(told(event_type="VAULT.PAYMENT-TOKEN.CREATED", resource=token))
    assert (event.by_ref, event.gateway_ref, event.relevant) == (True, "5O190127TN364715T", True)
    for kind in ("DELETED", "DELETION-INITIATED"):
        event = _read(told(event_type=f"VAULT.PAYMENT-TOKEN.{kind}", resource=token))
        assert (event.by_ref, event.method_ref, event.relevant) == (False, "dnbxj3", True)


async def test_a_refund_is_found_by_its_capture():
    links = [{"rel": "self", "href": "x"}, {"rel": "up", "href": f"{ORIGIN}/v2/payments/captures/2GG279541U471931P"}]
    resource = {"id": "1JU08902781691411", "custom_id": ATTEMPT, "links": links}
    event = _read(told(event_type="PAYMENT.CAPTURE.REFUNDED", resource=resource))
    assert (event.by_ref, event.gateway_ref, event.attempt_id) == (True, "2GG279541U471931P", "")
    assert (event.refund_ref, event.relevant) == ("1JU08902781691411", True)
    for kind in ("PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.FAILED"):
        assert _read(told(event_type=kind, resource=resource)).refund_ref == event.refund_ref


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": "BILLING.PLAN.CREATED"},
        {"resource": {"id": "5O190127TN364715T", "purchase_units": [{"custom_id": "another application"}]}},
        {"resource": {"id": "5O190127TN364715T", "purchase_units": "x"}},
        {"event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": {"links": [{"rel": "up", "href": 7}, 3]}},
        {"event_type": "VAULT.PAYMENT-TOKEN.DELETED", "resource": {"id": ["x"]}},
    ],
)
async def test_what_is_not_about_us_is_not_followed(changes):
    assert not _read(told(**changes)).relevant


async def test_an_event_without_content_is_odd_and_one_without_a_name_is_refused():
    assert _read(told(resource="nothing")).oddity == "no data"
    for changes in ({"id": None}, {"event_type": 7}, {"id": "x y"}):
        with pytest.raises(base.NotAuthentic):
            _read(told(**changes))
