"""Who vouches for PayPal's signatures here: a root of our own, and the certificate that it has issued."""

import base64
import binascii
import functools
import secrets
import tempfile
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

AUTHORITY = "paypal.authority"
PATH = "/v1/notifications/certs"
HOSTS = ("messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com")
# Wide on both sides: whoever verifies may live by a clock that is years away from ours.
BEFORE, LEAF_AFTER, ROOT_AFTER = timedelta(days=400), timedelta(days=3650), timedelta(days=7300)


@dataclass(frozen=True)
class Authority:
    """The certificates as PEM, and the key that signs notifications. The root's own key is used once and forgotten."""

    id: str
    root: str
    leaf: str
    key: rsa.RSAPrivateKey


# A reset begins a new world, but PayPal stays the same: whoever has read the root at the start may go on believing it.
_known: "weakref.WeakKeyDictionary[Simulation, Authority]" = weakref.WeakKeyDictionary()


def authority(simulation: Simulation) -> Authority:
    """The authority of this world: the one in its store, else the one of before a reset, else a new one."""
    record, known = simulation.store.find(AUTHORITY, AUTHORITY), _known.get(simulation)
    if known is None:
        known = _known[simulation] = _read(record) if record else _issue()
    if record is None:
        simulation.store.save(_written(known))
    return known


def _written(known: Authority) -> Record:
    key = known.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    hidden = {"certificate": known.id, "root": known.root, "leaf": known.leaf, "key": key.decode()}
    return Record(AUTHORITY, {"id": AUTHORITY}, hidden)


def _read(record: Record) -> Authority:
    hidden = record.hidden
    key = serialization.load_pem_private_key(hidden["key"].encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the kept key is not an RSA key")
    return Authority(hidden["certificate"], hidden["root"], hidden["leaf"], key)


def _issue() -> Authority:
    above, key = ec.generate_private_key(ec.SECP256R1()), _new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Radice di prova del simulatore")])
    issued = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    spoken_for = x509.SubjectKeyIdentifier.from_public_key(above.public_key())
    root = (
        _builder(name, name, above.public_key(), ROOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(issues=True), critical=True)
        .sign(above, hashes.SHA256())
    )
    leaf = (
        _builder(issued, name, key.public_key(), LEAF_AFTER)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(issues=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(spoken_for), critical=False)
        .sign(above, hashes.SHA256())
    )
    digits = secrets.token_hex(12)
    return Authority(f"CERT-{digits[:8]}-{digits[8:16]}-{digits[16:]}", _pem(root), _pem(leaf), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, after: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        key_cert_sign=issues,
        crl_sign=issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def _somebody_elses() -> rsa.RSAPrivateKey:
    """A key that no certificate of ours speaks for; made when a rule first asks for it."""
    return _new_key()


def certificate(simulation: Simulation, key: str) -> str | None:
    """The certificate of this id as PEM."""
    known = authority(simulation)
    return known.leaf if key == known.id else None


def url(simulation: Simulation) -> str:
    """Where the certificate is served."""
    return f"{simulation.settings.public_url}{PATH}/{authority(simulation).id}"


def sign(simulation: Simulation, message: bytes, *, foreign: bool = False) -> str:
    """SHA256withRSA over the message, in base64; `foreign`: by a key that is not PayPal's."""
    key = _somebody_elses() if foreign else authority(simulation).key
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def is_signed(simulation: Simulation, message: bytes, signature: str) -> bool:
    """Whether the signature over the message is ours."""
    try:
        given = base64.b64decode(signature, validate=True)
        authority(simulation).key.public_key().verify(given, message, padding.PKCS1v15(), hashes.SHA256())
    except (binascii.Error, InvalidSignature, ValueError):
        return False
    return True


def start(simulation: Simulation) -> None:
    """Lay the root down for whoever shall believe it, where the settings say so."""
    known, place = authority(simulation), simulation.settings.paypal_root_file
    if place is not None:
        _write(place, known.root)


def _write(place: Path, text: str) -> None:
    """Whole or not at all: the application may be reading at this moment."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=f".{place.name}.", delete=False) as draft:
        draft.write(text)
    made = Path(draft.name)
    made.chmod(0o644)
    made.replace(place)
