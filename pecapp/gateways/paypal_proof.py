"""Proof that a notification comes from PayPal: by its certificate, or by asking PayPal where that cannot be done."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import limits
import limits.storage
import limits.strategies
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import verification

from pecapp.gateways import base
from pecapp.gateways.paypal_client import Call, Client, Refused

ALGORITHM = "SHA256withRSA"
REPEATED_FOR = timedelta(days=4)
"""PayPal repeats a notification for three days; an older one is a replay."""
AHEAD = timedelta(minutes=5)
KEPT_FOR = timedelta(hours=24)
MOST_CERTIFICATES = 16
MOST_AT_ONCE = 4
MOST_ASKINGS = limits.parse("60/minute")
"""How many notifications may have us ask PayPal at the same time, and how often: the rest is told to come again."""
MOST_UNKNOWN = 1024
LARGEST_CERTIFICATE = 64 * 1024
LONGEST_HEADER = 2048

_CERTIFICATE = re.compile(r"/v1/notifications/certs/CERT-[0-9a-f-]{1,100}")
_HEADERS = ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")
_TRANSMISSION = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True)
class Trust:
    """Whose certificates are believed: served by these origins, issued for this name, under these roots.

    `roots` is a PEM file, None for the public certificate authorities.
    """

    origins: frozenset[str]
    host: str
    roots: Path | None = None


@dataclass(frozen=True)
class Place:
    """One of PayPal's own systems: where its API answers, and whose signature its notifications carry."""

    api: str
    trust: Trust


LIVE = Place(
    "https://api-m.paypal.com",
    Trust(frozenset({"https://api.paypal.com", "https://api-m.paypal.com"}), "messageverificationcerts.paypal.com"),
)
SANDBOX = Place(
    "https://api-m.sandbox.paypal.com",
    Trust(
        frozenset({"https://api.sandbox.paypal.com", "https://api-m.sandbox.paypal.com"}),
        "messageverificationcerts.sandbox.paypal.com",
    ),
)


@dataclass(frozen=True)
class _Sent:
    """What the headers of a notification say."""

    transmission_id: str
    transmission_time: str
    signature: str
    cert_url: str
    auth_algo: str


class Proof:
    """Checks notifications sent to any of `webhook_ids` (two while an endpoint is being replaced)."""

    def __init__(self, client: Client, webhook_ids: tuple[str, ...], trust: Trust) -> None:
        self._client = client
        self._webhook_ids = webhook_ids
        self._trust = trust
        self._keys: dict[str, tuple[rsa.RSAPublicKey, datetime]] = {}
        self._unknown: dict[str, None] = {}
        """Addresses at which PayPal has no certificate, the oldest first."""
        self._asking = 0
        self._budget = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())

    async def check(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Return if `raw` is PayPal's. Raises NotAuthentic, or Unverifiable when nobody can tell at the moment."""
        sent = _read(headers, now)
        if not _is_object(raw):
            raise base.NotAuthentic("not a JSON object")
        if not self._is_trusted(sent.cert_url):
            raise base.NotAuthentic("a certificate from elsewhere")
        key = self._known(sent.cert_url, now)
        if key is None:
            if sent.cert_url in self._unknown:
                raise base.NotAuthentic("a certificate that PayPal does not have")
            if self._asking >= MOST_AT_ONCE or not self._budget.hit(MOST_ASKINGS, "paypal"):
                raise base.Unverifiable("too many notifications to verify")
            self._asking += 1
            try:
                key = await self._fetched(sent.cert_url, now)
                if key is None:
                    await self._ask(raw, sent)
                    return
            finally:
                self._asking -= 1
        if not any(_signed(raw, sent, webhook_id, key) for webhook_id in self._webhook_ids):
            raise base.NotAuthentic("wrong signature")

    def _is_trusted(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        origin = f"{parts.scheme}://{parts.netloc}"
        return (
            origin in self._trust.origins
            and url == f"{origin}{parts.path}"
            and bool(_CERTIFICATE.fullmatch(parts.path))
        )

    def _known(self, url: str, now: datetime) -> rsa.RSAPublicKey | None:
        key, until = self._keys.get(url, (None, now))
        return key if now < until else None

    async def _fetched(self, url: str, now: datetime) -> rsa.RSAPublicKey | None:
        """The key of a certificate that chains up to a trusted root, None when that cannot be established.

        Raises NotAuthentic when PayPal says that it has no such certificate.
        """
        try:
            pem = await self._client.fetch(url, LARGEST_CERTIFICATE)
        except Refused as refusal:
            while len(self._unknown) >= MOST_UNKNOWN:
                del self._unknown[next(iter(self._unknown))]
            self._unknown[url] = None
            raise base.NotAuthentic("a certificate that PayPal does not have") from refusal
        except base.GatewayError:
            return None
        try:
            leaf, *between = x509.load_pem_x509_certificates(pem)
            roots = x509.load_pem_x509_certificates((self._trust.roots or Path(certifi.where())).read_bytes())
            verifier = (
                verification.PolicyBuilder()
                .store(verification.Store(roots))
                .time(now.astimezone(UTC).replace(tzinfo=None))
                .build_server_verifier(x509.DNSName(self._trust.host))
            )
            verifier.verify(leaf, between)
        except (ValueError, OSError, verification.VerificationError):
            return None
        key = leaf.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return None
        while len(self._keys) >= MOST_CERTIFICATES:
            del self._keys[next(iter(self._keys))]
        self._keys[url] = (key, min(now + KEPT_FOR, leaf.not_valid_after_utc))
        return key

    async def _ask(self, raw: bytes, sent: _Sent) -> None:
        """Let PayPal say whether it sent this. The body goes back as it came: written anew it would not be the same."""
        for webhook_id in self._webhook_ids:
            about = vars(sent) | {"webhook_id": webhook_id}
            about["transmission_sig"] = about.pop("signature")
            body = json.dumps(about).encode()[:-1] + b', "webhook_event": ' + raw.strip() + b"}"
            call = Call("POST", "/v1/notifications/verify-webhook-signature", body)
            try:
                answer = await self._client.ask("verify a notification", call)
            except base.GatewayError as problem:
                raise base.Unverifiable("PayPal does not say whether it sent this") from problem
            if answer.get("verification_status") == "SUCCESS":
                return
        raise base.NotAuthentic("PayPal did not send this")


def _read(headers: Mapping[str, str], now: datetime) -> _Sent:
    values = [headers.get(f"paypal-{name}") or "" for name in _HEADERS]
    if not all(0 < len(value) <= LONGEST_HEADER and value.isascii() for value in values):
        raise base.NotAuthentic("no signature")
    sent = _Sent(*values)
    if sent.auth_algo != ALGORITHM:
        raise base.NotAuthentic("an algorithm that is not allowed")
    if not _TRANSMISSION.fullmatch(sent.transmission_id):
        raise base.NotAuthentic("no name of a transmission")
    try:
        at = datetime.fromisoformat(sent.transmission_time)
    except ValueError as problem:
        raise base.NotAuthentic("no time of a transmission") from problem
    if at.tzinfo is None or not now - REPEATED_FOR <= at <= now + AHEAD:
        raise base.NotAuthentic("sent too long ago or in the future")
    return sent


def _is_object(raw: bytes) -> bool:
    try:
        return isinstance(json.loads(raw), dict)
    except (ValueError, RecursionError):
        return False


def _signed(raw: bytes, sent: _Sent, webhook_id: str, key: rsa.RSAPublicKey) -> bool:
    message = f"{sent.transmission_id}|{sent.transmission_time}|{webhook_id}|{zlib.crc32(raw)}"
    try:
        signature = base64.b64decode(sent.signature, validate=True)
        key.verify(signature, message.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (binascii.Error, InvalidSignature):
        return False
    return True
