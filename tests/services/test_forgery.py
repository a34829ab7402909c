"""A forged PayPal notification with a valid signature: the real adapter and database, and nothing changes."""

import zlib
from pathlib import Path
from typing import Any

import pytest

from pecapp import tables
from pecapp.gateways import paypal as adapter
from pecapp.gateways import paypal_proof, registry
from pecapp.services import inbox
from tests.support import factories, forgery, paypal

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

ORDER = "5O190127TN364715T"


@pytest.fixture
def authority() -> paypal.Authority:
    return paypal.Authority()


@pytest.fixture
def line(authority: paypal.Authority, tmp_path: Path, frozen_clock: Any) -> Any:
    """The shop's PayPal, reached over a line on which nobody has paid anything."""
    frozen_clock.set(paypal.NOW)
    factories.stock()
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.root)
    line: Any = paypal.Line(authority.leaf)
    trust = paypal_proof.Trust(frozenset({paypal.ORIGIN}), paypal.HOST, roots)
    proof = paypal_proof.Proof(line, (paypal.HOOK,), trust)
    registry.use({"paypal": adapter.PayPalGateway(line, proof, merchant_id=None, brand="Ceralacca")})
    yield line
    registry.use(None)


def _waiting(line: Any) -> tables.PaymentAttempt:
    """An attempt whose customer is still on PayPal's page."""
    attempt = factories.attempt(factories.order(), gateway="paypal", gateway_ref=ORDER)
    amount = {"currency_code": "EUR", "value": "12.08"}
    unit = {"custom_id": attempt.id, "amount": amount}
    line.orders[f"/v2/checkout/orders/{ORDER}"] = {
        "id": ORDER, "status": "PAYER_ACTION_REQUIRED", "purchase_units": [unit],
    }  # fmt: skip
    return attempt


def _forged(genuine: bytes, attempt: tables.PaymentAttempt) -> bytes:
    """«Captured and paid», with the checksum of the genuine body."""
    captured = {"id": "2GG279541U471931P", "status": "COMPLETED", "custom_id": attempt.id,
                "amount": {"currency_code": "EUR", "value": "12.08"}}  # fmt: skip
    changes = {"id": "WH-FORGED", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": captured, "note": "FREE"}
    return forgery.with_checksum_of(genuine, paypal.told(attempt.id, **changes).decode(), "FREE")


async def test_a_forged_body_with_the_same_checksum_and_a_valid_signature_changes_nothing(line, authority):
    attempt = _waiting(line)
    genuine = paypal.told(attempt.id)
    forged = _forged(genuine, attempt)
    assert zlib.crc32(forged) == zlib.crc32(genuine)
    before = factories.dump()
    await inbox.receive("paypal", forged, authority.headers(genuine))
    await inbox.drain()
    after = factories.dump()
    (event,) = factories.rows(tables.InboxEvent)
    assert (event.event_id, event.status) == ("WH-FORGED", "done")
    assert {name for name in after if after[name] != before[name]} <= {"inbox_event", "payment_attempt"}
    kept = factories.again(attempt)
    assert kept.model_dump() == attempt.model_dump()
    assert factories.the(tables.Order).status == "verifying"


async def test_after_the_genuine_one_a_forgery_in_the_same_transmission_is_not_even_kept(line, authority):
    attempt = _waiting(line)
    genuine = paypal.told(attempt.id)
    await inbox.receive("paypal", genuine, authority.headers(genuine))
    before = factories.dump()
    await inbox.receive("paypal", _forged(genuine, attempt), authority.headers(genuine))
    assert factories.dump() == before
