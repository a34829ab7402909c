"""PayPal's webhooks: signed by a certificate of the simulator's own root, retried, resent; and spoilt when a rule says
so. Whether a signature is good is judged here by code that shares nothing with the simulator's."""

import base64
import itertools
import json
import os
import re
import signal
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import verification

from tests.simulator import receiver as hooks
from tests.simulator import world as worlds
from tests.simulator.conftest import QUICK
from tests.simulator.paypal_shop import ORDERS, Shop, issue, order_form, taken
from tests.simulator.receiver import Delivery, Receiver
from tests.simulator.world import SHOP, World

pytestmark = pytest.mark.anyio
WEBHOOK = "WH-SIMULATOR"
EVENTS, VERIFY = "/v1/notifications/webhooks-events", "/v1/notifications/verify-webhook-signature"
HOSTS = ["messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"]
APPROVED, PAID, DONE = "CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED"
DAY = 24 * 3600


class Letterbox(Receiver):
    """A receiver that reads the type of PayPal's events."""

    def types(self) -> list[str]:
        return [delivery.event["event_type"] for delivery in self.deliveries]

    def of(self, kind: str) -> list[Delivery]:
        return [delivery for delivery in list(self.deliveries) if delivery.event["event_type"] == kind]


@dataclass
class Place:
    """A simulator that knows where the shop's receiver is, and where the shop looks for the root."""

    url: str
    inbox: Letterbox
    root: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    inbox, root = Letterbox(), tmp_path_factory.mktemp("paypal") / "made" / "root.pem"
    server = hooks.serve(inbox)
    port = worlds.free_port()
    process = worlds.start(port, SIMULATOR_PAYPAL_WEBHOOK_URL=inbox.url, SIMULATOR_PAYPAL_ROOT_FILE=str(root))
    yield Place(f"http://127.0.0.1:{port}", inbox, root)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(10)
    server.shutdown()
    server.server_close()


@pytest.fixture
async def shop(place: Place) -> AsyncIterator[Shop]:
    """A shop in a fresh world."""
    recorder = worlds.Recorder()
    async with worlds.browser(place.url) as browser:
        world = World(place.url, browser, recorder)
        await world.control("reset")
        await world.control("settings", **QUICK)
        place.inbox.deliveries.clear()
        place.inbox.statuses.clear()
        yield Shop(world)
        await world.control("webhooks/faults/clear")
        await world.delivered()
    await recorder.close_async()


@pytest.fixture
def inbox(place: Place, shop: Shop) -> Letterbox:
    return place.inbox


async def certificate(shop: Shop, url: str) -> x509.Certificate:
    answer = await shop.world.browser.get(url)
    assert answer.status_code == 200, answer.text
    return x509.load_pem_x509_certificate(answer.content)


async def is_signed(
    shop: Shop, place: Place, delivery: Delivery, *, body: bytes | None = None, webhook: str = WEBHOOK
) -> bool:
    """The whole check that a shop does: the certificate against the root, the signature against the certificate."""
    headers = delivery.headers
    assert headers["paypal-auth-algo"] == "SHA256withRSA"
    leaf = await certificate(shop, headers["paypal-cert-url"])
    store = verification.Store([x509.load_pem_x509_certificate(place.root.read_bytes())])
    for host in HOSTS:
        verification.PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host)).verify(leaf, [])
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    checksum = zlib.crc32(delivery.body if body is None else body)
    parts = (headers["paypal-transmission-id"], headers["paypal-transmission-time"], webhook, checksum)
    signature = base64.b64decode(headers["paypal-transmission-sig"])
    try:
        key.verify(signature, "|".join(map(str, parts)).encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


async def verify(shop: Shop, delivery: Delivery, *, event: bytes | None = None, **changes: str) -> httpx.Response:
    """The postback, with the event's bytes where they belong."""
    headers = delivery.headers
    about = {
        "auth_algo": headers["paypal-auth-algo"],
        "cert_url": headers["paypal-cert-url"],
        "transmission_id": headers["paypal-transmission-id"],
        "transmission_sig": headers["paypal-transmission-sig"],
        "transmission_time": headers["paypal-transmission-time"],
        "webhook_id": WEBHOOK,
    } | changes
    content = json.dumps(about).encode()[:-1] + b', "webhook_event": ' + (event or delivery.body) + b"}"
    return await shop.send("POST", VERIFY, headers={"Content-Type": "application/json"}, content=content)


async def verdict(shop: Shop, delivery: Delivery, **changes: Any) -> str:
    answer = await verify(shop, delivery, **changes)
    assert answer.status_code == 200, answer.text
    return answer.json()["verification_status"]


def age(delivery: Delivery) -> float:
    return time.time() - datetime.fromisoformat(delivery.headers["paypal-transmission-time"]).timestamp()


async def test_a_purchase_tells_its_story_in_order(shop: Shop, place: Place, inbox: Letterbox):
    order = await shop.paid()
    await inbox.wait(DONE)
    assert inbox.types() == [APPROVED, PAID, DONE]
    for delivery in inbox.deliveries:
        assert await is_signed(shop, place, delivery)
        assert await verdict(shop, delivery) == "SUCCESS"
    event = inbox.of(PAID)[0].event
    assert re.fullmatch(r"WH-[0-9A-Z]{17}-[0-9A-Z]{17}", event["id"])
    assert (event["event_version"], event["resource_version"], event["resource_type"]) == ("1.0", "2.0", "capture")
    assert event["resource"]["id"] == taken(order)["id"]
    assert event["resource"]["custom_id"] == "att-1"
    assert event["summary"] == "Payment completed for 12.08 EUR"
    assert [one["rel"] for one in event["links"]] == ["self", "resend"]


async def test_headers_are_paypals(inbox: Letterbox, shop: Shop):
    await shop.approved()
    delivery = await inbox.wait(APPROVED)
    assert uuid.UUID(delivery.headers["paypal-transmission-id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", delivery.headers["paypal-transmission-time"])
    assert abs(age(delivery)) < 30
    assert delivery.headers["paypal-auth-version"] == "v2"
    path = r"/v1/notifications/certs/CERT-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}"
    assert re.fullmatch(re.escape(shop.world.url) + path, delivery.headers["paypal-cert-url"])


async def test_one_changed_byte_or_another_writing_breaks_the_signature(shop: Shop, place: Place, inbox: Letterbox):
    await shop.approved(description="Casella è tua, «un anno»")
    delivery = await inbox.wait(APPROVED)
    assert "è tua".encode() in delivery.body
    others = [
        delivery.body + b" ",
        delivery.body.replace(b"12.08", b"12.09", 1),
        json.dumps(delivery.event).encode(),
        json.dumps(delivery.event, separators=(",", ":"), ensure_ascii=False).encode(),
    ]
    for body in others:
        assert not await is_signed(shop, place, delivery, body=body)
    for body in others[1:]:  # blanks around the event are not part of it
        assert await verdict(shop, delivery, event=body) == "FAILURE"
    assert await is_signed(shop, place, delivery)


async def test_the_clock_of_the_signature_is_the_walls(shop: Shop, inbox: Letterbox):
    await shop.move(100 * DAY)
    await shop.approved()
    delivery = await inbox.wait(APPROVED)
    assert abs(age(delivery)) < 30
    created = datetime.fromisoformat(delivery.event["create_time"]).timestamp()
    assert created - time.time() > 99 * DAY


async def test_a_refused_delivery_is_the_same_transmission_again(shop: Shop, place: Place, inbox: Letterbox):
    inbox.statuses = [500, 503, 400]
    await shop.approved()
    await inbox.wait(APPROVED, 4)
    assert len({delivery.headers["paypal-transmission-id"] for delivery in inbox.deliveries}) == 1
    assert len({delivery.body for delivery in inbox.deliveries}) == 1
    pauses = [later.at - earlier.at for earlier, later in itertools.pairwise(inbox.deliveries)]
    assert all(pause >= 0.05 for pause in pauses)
    assert await is_signed(shop, place, inbox.deliveries[-1])
    assert [entry["status"] for entry in await shop.world.delivered()] == [500, 503, 400, 200]


async def test_a_resent_event_is_a_new_transmission(shop: Shop, place: Place, inbox: Letterbox):
    await shop.approved()
    first = await inbox.wait(APPROVED)
    path = f"{EVENTS}/{first.event['id']}/resend"
    answer = await shop.post(path, key="-")
    assert (answer.status_code, answer.json()["id"]) == (202, first.event["id"])
    again = await inbox.wait(APPROVED, 2)
    assert again.body == first.body
    assert again.headers["paypal-transmission-id"] != first.headers["paypal-transmission-id"]
    assert await is_signed(shop, place, again)
    assert (await shop.post(path, {"webhook_ids": ["WH-OTHER"]}, "-")).status_code == 202
    await shop.world.delivered()
    assert len(inbox.deliveries) == 2
    assert issue(await shop.post(f"{EVENTS}/WH-NOTHING/resend", key="-")) == (404, "INVALID_RESOURCE_ID")


async def test_events_can_be_looked_up(shop: Shop):
    order = await shop.paid()
    other = await shop.approved(invoice_id="2-1")
    seen = await shop.read(EVENTS)
    assert [event["event_type"] for event in seen["events"]] == [APPROVED, DONE, PAID, APPROVED]
    assert seen["count"] == 4
    assert [event["resource"]["id"] for event in (await shop.read(f"{EVENTS}?page_size=1"))["events"]] == [other]
    about = (await shop.read(f"{EVENTS}?transaction_id={taken(order)['id']}"))["events"]
    assert [event["event_type"] for event in about] == [DONE, PAID]
    assert (await shop.read(f"{EVENTS}?event_type={PAID}"))["events"] == about[1:]
    assert await shop.read(f"{EVENTS}/{about[0]['id']}") == about[0]
    now, later = "2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"
    assert (await shop.read(f"{EVENTS}?start_time={now}&end_time={later}"))["count"] == 4
    assert (await shop.read(f"{EVENTS}?start_time={later}"))["events"] == []
    assert issue(await shop.get(f"{EVENTS}?page_size=0")) == (400, "INVALID_PARAMETER_VALUE")
    assert issue(await shop.get(f"{EVENTS}?start_time=ieri")) == (400, "INVALID_PARAMETER_SYNTAX")
    assert (await shop.get(f"{EVENTS}/WH-NOTHING")).status_code == 404


async def test_a_snapshot_does_not_change_afterwards(shop: Shop, inbox: Letterbox):
    order = await shop.approved()
    told = (await inbox.wait(APPROVED)).event
    await shop.capture(order)
    assert told["resource"]["status"] == "APPROVED"
    assert await shop.events(APPROVED) == [told]


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": "WH-OTHER"},
        {"transmission_id": str(uuid.UUID(int=1))},
        {"transmission_time": "2026-01-01T00:00:00Z"},
        {"transmission_sig": "bm8="},
        {"transmission_sig": "è"},
        {"auth_algo": "SHA1withRSA"},
        {"cert_url": "https://api.paypal.com/v1/notifications/certs/CERT-1-2-3"},
    ],
)
async def test_the_postback_believes_nothing_that_does_not_fit(shop: Shop, inbox: Letterbox, changes: dict[str, str]):
    await shop.approved()
    delivery = await inbox.wait(APPROVED)
    assert await verdict(shop, delivery) == "SUCCESS"
    assert await verdict(shop, delivery, **changes) == "FAILURE"


async def test_the_postback_reads_the_event_wherever_it_stands(shop: Shop, inbox: Letterbox):
    await shop.approved(description='Casella "}, «PEC» \\')
    delivery = await inbox.wait(APPROVED)
    assert await verdict(shop, delivery, event=b"\n\t" + delivery.body + b"  ") == "SUCCESS"
    about = json.loads((await verify(shop, delivery)).request.content)
    del about["webhook_event"]
    content = b'\n{ "webhook_event" :' + delivery.body + b" , " + json.dumps(about).encode()[1:]
    headers = {"Content-Type": "application/json"}
    assert (await shop.send("POST", VERIFY, headers=headers, content=content)).json() == {
        "verification_status": "SUCCESS"
    }


async def test_the_postback_refuses_what_it_cannot_read(shop: Shop, inbox: Letterbox):
    await shop.approved()
    delivery = await inbox.wait(APPROVED)
    text = json.dumps(delivery.body.decode()).encode()
    assert issue(await verify(shop, delivery, event=text)) == (400, "INVALID_PARAMETER_SYNTAX")
    assert issue(await verify(shop, delivery, event=b"{")) == (400, "MALFORMED_REQUEST_JSON")
    assert issue(await shop.post(VERIFY, {}, "-")) == (400, "MISSING_REQUIRED_PARAMETER")
    assert (await shop.world.browser.post(VERIFY, json={})).status_code == 401
    assert (await shop.world.browser.get(EVENTS)).status_code == 401


async def test_the_certificate_is_there_for_everybody_and_can_be_out_of_reach(shop: Shop, inbox: Letterbox):
    await shop.approved()
    url = (await inbox.wait(APPROVED)).headers["paypal-cert-url"]
    assert (await certificate(shop, url)).not_valid_after_utc.timestamp() - time.time() > 9 * 365 * DAY
    assert (await shop.world.browser.get(f"{url}0")).status_code == 404
    match = "GET /v1/notifications/certs"
    await shop.world.control("faults", match=match, behaviour="error_before")
    await shop.world.control("faults", match=match, behaviour="html_502")
    await shop.world.control("faults", match=match, behaviour="slow", ms=150)
    assert [(await shop.world.browser.get(url)).status_code for _ in range(2)] == [500, 502]
    began = time.monotonic()
    assert (await shop.world.browser.get(url)).status_code == 200
    assert time.monotonic() - began >= 0.15
    await shop.world.control("faults", match=match, behaviour="drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        await shop.world.browser.get(url)
    calls = [call for call in (await shop.world.look("requests"))["requests"] if call["path"].startswith(match[4:])]
    assert [(call["status"], call["fault"]) for call in calls] == [
        (200, None),
        (404, None),
        (500, "error_before"),
        (502, "html_502"),
        (200, "slow"),
        (200, "drop_before"),
    ]


async def test_the_postback_can_be_out_of_order(shop: Shop, inbox: Letterbox):
    await shop.approved()
    delivery = await inbox.wait(APPROVED)
    await shop.world.control("faults", match=f"POST {VERIFY}", behaviour="error_before")
    assert (await verify(shop, delivery)).status_code == 500
    assert await verdict(shop, delivery) == "SUCCESS"
    calls = [call for call in (await shop.world.look("requests"))["requests"] if call["path"] == VERIFY]
    assert [(call["status"], call["fault"]) for call in calls] == [(500, "error_before"), (200, None)]


async def spoilt(shop: Shop, inbox: Letterbox, behaviour: str, **rule: Any) -> Delivery:
    """The delivery of an approval that a rule has met."""
    await shop.world.control("webhooks/faults", event=APPROVED, behaviour=behaviour, **rule)
    await shop.approved()
    return await inbox.wait(APPROVED)


async def test_a_signature_by_somebody_elses_key(shop: Shop, place: Place, inbox: Letterbox):
    delivery = await spoilt(shop, inbox, "wrong_secret")
    assert not await is_signed(shop, place, delivery)
    assert await verdict(shop, delivery) == "FAILURE"


@pytest.mark.parametrize(("behaviour", "seconds"), [("stale", 5 * DAY), ("future", -3600)])
async def test_a_good_signature_out_of_time(shop: Shop, place: Place, inbox: Letterbox, behaviour: str, seconds: int):
    delivery = await spoilt(shop, inbox, behaviour)
    assert abs(age(delivery) - seconds) < 30
    assert await is_signed(shop, place, delivery)


async def test_a_body_changed_before_it_was_signed(shop: Shop, place: Place, inbox: Letterbox):
    changes = {"resource.purchase_units.0.amount.value": "0.01", "event_type": APPROVED}
    delivery = await spoilt(shop, inbox, "mutate", changes=changes)
    assert delivery.event["resource"]["purchase_units"][0]["amount"]["value"] == "0.01"
    assert await is_signed(shop, place, delivery)
    [kept] = await shop.events(APPROVED)
    assert kept["resource"]["purchase_units"][0]["amount"]["value"] == "12.08"


@pytest.mark.parametrize("changes", [{}, {"resource.status": "COMPLETED"}])
async def test_a_body_changed_after_it_was_signed(shop: Shop, place: Place, inbox: Letterbox, changes: dict[str, str]):
    delivery = await spoilt(shop, inbox, "tampered", changes=changes)
    [kept] = await shop.events(APPROVED)
    assert delivery.event != kept
    assert not await is_signed(shop, place, delivery)
    assert await verdict(shop, delivery) == "FAILURE"


async def test_a_notification_for_another_webhook(shop: Shop, place: Place, inbox: Letterbox):
    delivery = await spoilt(shop, inbox, "other_account")
    assert not await is_signed(shop, place, delivery)
    assert await is_signed(shop, place, delivery, webhook="WH-SOMEBODYELSE")
    assert await verdict(shop, delivery, webhook_id="WH-SOMEBODYELSE") == "FAILURE"


async def test_a_certificate_from_elsewhere(shop: Shop, inbox: Letterbox):
    delivery = await spoilt(shop, inbox, "foreign_cert")
    assert delivery.headers["paypal-cert-url"].startswith("https://api.paypal.com.altrove.invalid/v1/notifications/")
    assert await verdict(shop, delivery) == "FAILURE"


async def test_an_order_that_nobody_knows(shop: Shop, place: Place, inbox: Letterbox):
    delivery = await spoilt(shop, inbox, "unknown_order")
    [unit] = delivery.event["resource"]["purchase_units"]
    assert (unit["custom_id"], unit["invoice_id"]) == ("f" * 32, "0000000000-1")
    assert await is_signed(shop, place, delivery)
    await shop.world.control("webhooks/faults", event="VAULT.*", behaviour="unknown_order")
    await shop.paid(save=True, invoice_id="3-1")
    token = await inbox.wait("VAULT.PAYMENT-TOKEN.CREATED")
    assert token.event["resource"]["metadata"] == {"order_id": "0" * 17}


async def test_a_body_larger_than_anybody_reads(shop: Shop, place: Place, inbox: Letterbox):
    delivery = await spoilt(shop, inbox, "oversized")
    assert len(delivery.body) > 2 * 1024 * 1024
    assert await is_signed(shop, place, delivery)


async def test_there_is_no_livemode_at_paypal(shop: Shop, inbox: Letterbox):
    delivery = await spoilt(shop, inbox, "livemode")
    assert [delivery.event] == await shop.events(APPROVED)


async def test_a_dropped_event_comes_later(shop: Shop, inbox: Letterbox):
    await shop.world.control("webhooks/faults", event=PAID, behaviour="drop", times=2)
    await shop.paid()
    await inbox.wait(PAID)
    assert inbox.types() == [APPROVED, DONE, PAID]


async def test_an_event_comes_more_than_once(shop: Shop, inbox: Letterbox):
    await shop.world.control("webhooks/faults", event=PAID, behaviour="duplicate", copies=3)
    await shop.paid()
    await inbox.wait(PAID, 3)
    assert len({delivery.headers["paypal-transmission-id"] for delivery in inbox.of(PAID)}) == 1


async def test_events_come_late_or_backwards(shop: Shop, inbox: Letterbox):
    await shop.world.control("webhooks/faults", event=DONE, behaviour="reversed")
    await shop.paid()
    await inbox.wait(PAID)
    assert inbox.types() == [APPROVED, DONE, PAID]
    await shop.world.control("webhooks/faults", event=PAID, behaviour="delay", ms=150)
    await shop.paid(invoice_id="2-1")
    await inbox.wait(PAID, 2)
    assert inbox.types()[3:] == [APPROVED, DONE, PAID]


async def test_an_event_comes_before_the_api_answers(shop: Shop, inbox: Letterbox):
    order = await shop.approved()
    await inbox.wait(APPROVED)
    await shop.world.control("webhooks/faults", event=PAID, behaviour="before_api_answer")
    assert (await shop.capture(order)).status_code == 201
    assert PAID in inbox.types()


async def agree(shop: Shop) -> httpx.Response:
    """A buyer walks through the page; the answer that sends them back."""
    order = await shop.made(ORDERS, order_form())
    form = {"email": "ok@compratori.test", "password": "x"}
    entered = await shop.world.browser.post(f"/checkoutnow?token={order['id']}", data=form)
    answer = await shop.world.browser.post(entered.headers["Location"], data={"fonte": "Saldo PayPal"})
    assert answer.headers["Location"].startswith(f"{SHOP}/ritorno?token={order['id']}&PayerID=")
    return answer


async def test_events_leave_around_the_buyers_return(shop: Shop, inbox: Letterbox):
    await agree(shop)
    await inbox.wait(APPROVED)
    await shop.world.control("webhooks/faults", event=APPROVED, behaviour="before_redirect")
    inbox.deliveries.clear()
    await agree(shop)
    assert inbox.types() == [APPROVED]
    await shop.world.control("webhooks/faults", event=APPROVED, behaviour="after_redirect")
    inbox.deliveries.clear()
    await agree(shop)
    began = time.monotonic()
    delivery = await inbox.wait(APPROVED)
    assert delivery.at - began > 0.3


async def test_the_root_outlives_a_reset(shop: Shop, place: Place, inbox: Letterbox):
    before = place.root.read_bytes()
    await shop.world.control("reset")
    shop.access = ""
    await shop.approved()
    assert place.root.read_bytes() == before
    assert await is_signed(shop, place, await inbox.wait(APPROVED))


async def test_the_authority_and_waiting_events_survive_a_restart(tmp_path: Path):
    inbox, root, port = Letterbox(), tmp_path / "root.pem", worlds.free_port()
    server = hooks.serve(inbox)
    environment = {
        "SIMULATOR_STATE": str(tmp_path / "simulator.db"),
        "SIMULATOR_PAYPAL_WEBHOOK_URL": inbox.url,
        "SIMULATOR_PAYPAL_ROOT_FILE": str(root),
    }
    place = Place(f"http://127.0.0.1:{port}", inbox, root)
    process, recorder = worlds.start(port, **environment), worlds.Recorder()
    try:
        async with worlds.browser(place.url) as browser:
            shop = Shop(World(place.url, browser, recorder))
            before = root.read_bytes()
            await shop.approved()
            first = await inbox.wait(APPROVED)
            await shop.world.control("webhooks/hold")
            await shop.approved(invoice_id="2-1")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            root.unlink()
            process = worlds.start(port, **environment)
            held = await inbox.wait(APPROVED, 2)
            assert root.read_bytes() == before
            assert held.headers["paypal-cert-url"] == first.headers["paypal-cert-url"]
            assert await is_signed(shop, place, held)
            await shop.world.delivered()
            assert len(inbox.deliveries) == 2
    finally:
        await recorder.close_async()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        server.shutdown()
        server.server_close()
