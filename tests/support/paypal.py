"""PayPal's side of a notification, in memory: its certificate authority, its signature, and the line to its API."""

import asyncio
import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pecapp.gateways import base, paypal_client

NOW = datetime(2027, 3, 10, 12, tzinfo=UTC)
HOST = "messageverificationcerts.sandbox.paypal.com"
ORIGIN = "https://api-m.sandbox.paypal.com"
CERT_URL = f"{ORIGIN}/v1/notifications/certs/CERT-360caa42-fca2a594"
HOOK = "WH-ENDPOINT"


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """A certificate authority and one certificate that it gave to `host`."""

    def __init__(self, host: str = HOST, since: datetime = NOW - timedelta(days=10), days: int = 100) -> None:
        root_key, self.key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        until = since + timedelta(days=days)

        def built(subject: str, public: rsa.RSAPublicKey, *, authority: bool) -> x509.Certificate:
            usage = x509.KeyUsage(
                digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False,
            )  # fmt: skip
            builder = (
                x509.CertificateBuilder()
                .subject_name(_name(subject))
                .issuer_name(_name("Root of a test"))
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(since)
                .not_valid_after(until)
                .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
                .add_extension(usage, critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
                )
            )
            if not authority:
                builder = builder.add_extension(
                    x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
                ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            return builder.sign(root_key, hashes.SHA256())

        pem = serialization.Encoding.PEM
        self.root = built("Root of a test", root_key.public_key(), authority=True).public_bytes(pem)
        self.leaf = built(host, self.key.public_key(), authority=False).public_bytes(pem)

    def headers(self, raw: bytes, *, hook: str = HOOK, at: datetime = NOW, **changes: str) -> dict[str, str]:
        """The headers with which PayPal sends `raw`."""
        sent = at.isoformat().replace("+00:00", "Z")
        message = f"t-1|{sent}|{hook}|{zlib.crc32(raw)}".encode()
        signature = self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "paypal-transmission-id": "t-1",
            "paypal-transmission-time": sent,
            "paypal-transmission-sig": base64.b64encode(signature).decode(),
            "paypal-cert-url": CERT_URL,
            "paypal-auth-algo": "SHA256withRSA",
            "paypal-auth-version": "v2",
        } | {f"paypal-{name.replace('_', '-')}": value for name, value in changes.items()}


class Line:
    """Stands for the line to PayPal: which certificate it serves, and what it says when asked."""

    def __init__(self, certificate: bytes) -> None:
        self.certificate: bytes | Exception = certificate
        self.word: str | Exception = base.OutcomeUnknown("no answer")
        self.fetched: list[str] = []
        self.asked: list[bytes] = []
        self.pause = 0.0
        self.orders: dict[str, dict[str, Any]] = {}
        """What the API answers when an order is looked up, by its path."""

    async def fetch(self, url: str, limit: int) -> bytes:
        self.fetched.append(url)
        await asyncio.sleep(self.pause)
        if isinstance(self.certificate, Exception):
            raise self.certificate
        return self.certificate

    async def ask(self, what: str, call: paypal_client.Call) -> dict[str, Any]:
        if call.path in self.orders:
            return self.orders[call.path]
        self.asked.append(call.body)
        if isinstance(self.word, Exception):
            raise self.word
        return {"verification_status": self.word}


def told(attempt: str, **changes: Any) -> bytes:
    """An approved order as PayPal tells of it."""
    event = {
        "id": "WH-2WR32451HC0233532-67976317FL4543714",
        "event_version": "1.0",
        "create_time": "2027-03-10T11:59:58.000Z",
        "resource_type": "checkout-order",
        "event_type": "CHECKOUT.ORDER.APPROVED",
        "resource": {"id": "5O190127TN364715T", "purchase_units": [{"custom_id": attempt}]},
    }
    return json.dumps(event | changes).encode()
