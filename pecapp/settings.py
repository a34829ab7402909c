"""Settings from the environment, read once; a production start with unsafe values is refused."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-secret-key"  # noqa: S105  (refused in production)
DEVELOPMENT_WEBHOOK_SECRET = "whsec_development"  # noqa: S105  (refused in production)


class SettingsError(Exception):
    """The environment does not make a safe or complete configuration; the text says what to change."""


class Settings(BaseSettings):
    """Everything that changes between one installation and another.

    Each field is read from `PECAPP_<NAME>`, but for the gateways' own names (`STRIPE_...`, `PAYPAL_...`).
    """

    model_config = SettingsConfigDict(env_prefix="PECAPP_", frozen=True, extra="ignore", populate_by_name=True)

    environment: Literal["development", "test", "production"] = "development"
    public_url: str = "http://localhost:8000"
    database_url: str = "sqlite:///.data/pecapp.db"
    background_database_url: str = "sqlite:///.data/background.db"
    """Where the durable workflows keep their own state."""
    redis_url: str | None = Field(default=None, alias="REFLEX_REDIS_URL")
    secret_key: str = DEVELOPMENT_SECRET
    trusted_proxies: str = "127.0.0.1"
    frontend_dir: str = ".web/build/client"

    brand_name: str = "Ceralacca"
    brand_tagline: str = "PEC e servizi fiduciari"
    login_domain: str = "login.ceralacca.test"
    seller_name: str = "Ceralacca Demo S.p.A."
    seller_address: str = "Via dell'Esempio 1, 00100 Roma (RM)"
    seller_vat_number: str = "00743110157"
    seller_email: str = "assistenza@ceralacca.test"
    seller_phone: str = "06 0000000"

    stripe_secret_key: str = Field(default="sk_test_simulator", alias="STRIPE_SECRET_KEY")
    stripe_webhook_secrets: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(DEVELOPMENT_WEBHOOK_SECRET,), alias="STRIPE_WEBHOOK_SECRET"
    )
    """One secret, or two separated by a comma while a secret is being changed."""
    stripe_api_base: str | None = Field(default=None, alias="STRIPE_API_BASE")
    """Set only to talk to the simulator; unset means the real Stripe."""
    stripe_account: str | None = Field(default=None, alias="STRIPE_ACCOUNT")
    """`acct_...` of ours: events of any other account are refused."""

    paypal_client_id: str | None = Field(default=None, alias="PAYPAL_CLIENT_ID")
    """Unset means that PayPal is not offered."""
    paypal_client_secret: str = Field(default="", alias="PAYPAL_CLIENT_SECRET")
    paypal_webhook_ids: Annotated[tuple[str, ...], NoDecode] = Field(default=(), alias="PAYPAL_WEBHOOK_ID")
    """One id, or two separated by a comma while an endpoint is replaced."""
    paypal_merchant_id: str | None = Field(default=None, alias="PAYPAL_MERCHANT_ID")
    """The account that is paid: orders paid to any other are refused."""
    paypal_mode: Literal["live", "sandbox"] = Field(default="sandbox", alias="PAYPAL_MODE")
    paypal_api_base: str | None = Field(default=None, alias="PAYPAL_API_BASE")
    """Set only to talk to the simulator; unset means the real PayPal."""
    paypal_webhook_roots: Path | None = Field(default=None, alias="PAYPAL_WEBHOOK_ROOTS")
    """PEM file of the simulator's certificate authority; unset means the public authorities."""

    smtp_url: str | None = None
    """`smtp://user:password@host:587` (STARTTLS) or `smtps://...:465`; unset keeps the mail in the embedded mailbox."""
    mail_from: str = "Ceralacca <ordini@ceralacca.test>"

    sms_file: Path = Path(".data/sms.jsonl")
    """Where text messages are written, one JSON object a line, as long as no mobile carrier takes them.

    A carrier is an object with the `send` of `services.sms.Carrier`; the process that runs the background work hands it
    to `services.sms.use` at its start. Its credentials are settings of its own.
    """

    reconcile_delays: Annotated[tuple[int, ...], NoDecode] = (60, 300, 900, 1800)
    """Seconds after which an attempt without outcome is asked for again; the last one also alerts the staff."""
    renewal_concurrency: int = Field(default=20, ge=1, le=500)
    """How many debits of automatic renewal this process has under way at once."""
    renewals_per_second: int = Field(default=20, ge=0, le=1000)
    """How many charges this process asks a gateway for in a second (Stripe allows 25 in all); 0: as fast as it can."""
    renewal_schedule: str = "0 0 6-22 * * *"
    """When the day's renewals are gone through, in Rome: at 06:00, then what a standstill or a payment held up.

    On a service's last day what failed because of us is tried up to the round of 22 (`domain.dunning`).
    """
    sweep_seconds: int = Field(default=15, ge=1, le=59)
    workers: bool = True
    """Whether this process also runs the background work."""
    executor_id: str = "local"
    """Name of this process among several that run the background work; the same name after a restart."""
    clock_file: str = ""
    """Where a rehearsal keeps how far it has moved the clock; empty: nobody may move it."""
    fail_at: str = ""
    """A file that names the point at which the process kills itself: crash tests only."""

    @field_validator("stripe_webhook_secrets", "paypal_webhook_ids", "reconcile_delays", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def production(self) -> bool:
        """Real customers and real money."""
        return self.environment == "production"

    @property
    def simulated(self) -> bool:
        """Whether payments go to the simulator."""
        return self.stripe_api_base is not None or self.paypal_api_base is not None

    @property
    def rehearsed(self) -> bool:
        """Whether `/dev/orologio` may move the clock: it lives the days with this process's own background work."""
        return bool(self.clock_file) and self.workers and not self.production

    @property
    def secure(self) -> bool:
        """Whether the public address is https, so that cookies may be Secure."""
        return urlsplit(self.public_url).scheme == "https"


def unsafe(settings: Settings) -> list[str]:
    """What must change before this configuration may serve real customers; empty when it is safe."""
    complaints = {
        "PECAPP_SECRET_KEY must be set to a random value of at least 32 characters": len(settings.secret_key) < 32
        or settings.secret_key == DEVELOPMENT_SECRET,
        "PECAPP_PUBLIC_URL must be https": not settings.secure,
        "STRIPE_API_BASE must not be set: payments would go to the simulator": settings.stripe_api_base is not None,
        "PAYPAL_API_BASE must not be set: payments would go to the simulator": settings.paypal_api_base is not None,
        "PAYPAL_MODE must be live: orders would be paid with play money": bool(settings.paypal_client_id)
        and settings.paypal_mode != "live",
        "PAYPAL_WEBHOOK_ROOTS must not be set: it lets others sign notifications": bool(settings.paypal_webhook_roots),
        "PAYPAL_CLIENT_SECRET, PAYPAL_WEBHOOK_ID and PAYPAL_MERCHANT_ID must be set beside PAYPAL_CLIENT_ID": bool(
            settings.paypal_client_id
        )
        and not (settings.paypal_client_secret and settings.paypal_webhook_ids and settings.paypal_merchant_id),
        "STRIPE_SECRET_KEY must be set": settings.stripe_secret_key.strip() in {"", "sk_test_simulator"},
        "STRIPE_WEBHOOK_SECRET must be set": not settings.stripe_webhook_secrets
        or DEVELOPMENT_WEBHOOK_SECRET in settings.stripe_webhook_secrets,
        "PECAPP_SMTP_URL must be set: no mail would leave": not settings.smtp_url,
        "PECAPP_FAIL_AT must not be set": bool(settings.fail_at),
        "PECAPP_CLOCK_FILE must not be set: dates would not be true": bool(settings.clock_file),
    }
    return [complaint for complaint, found in complaints.items() if found]


@cache
def load() -> Settings:
    """Read the environment once.

    Raises SettingsError, with one line, when a value is malformed or unsafe in production.
    """
    try:
        settings = Settings()
    except ValidationError as problem:
        first = problem.errors()[0]
        raise SettingsError(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}") from problem
    if settings.production and (complaints := unsafe(settings)):
        raise SettingsError("unsafe in production: " + "; ".join(complaints))
    return settings
