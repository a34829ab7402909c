"""Settings: what is safe to start with, and one clear line for what is not."""

import pytest

from pecapp import settings

SAFE = {
    "PECAPP_ENVIRONMENT": "production",
    "PECAPP_SECRET_KEY": "k" * 43,
    "PECAPP_PUBLIC_URL": "https://shop.example.test",
    "PECAPP_SMTP_URL": "smtp://mail.example.test",
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1,whsec_2",
}
PAYPAL = {
    "PAYPAL_CLIENT_ID": "client",
    "PAYPAL_CLIENT_SECRET": "secret",
    "PAYPAL_WEBHOOK_ID": "WH-1, WH-2",
    "PAYPAL_MERCHANT_ID": "MERCHANT1",
    "PAYPAL_MODE": "live",
}


@pytest.fixture
def load(monkeypatch):
    """Read the settings from these variables."""

    def read(variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.load.cache_clear()
        return settings.load()

    yield read
    settings.load.cache_clear()


def test_development_starts_with_nothing_set(load):
    chosen = load({})
    assert not chosen.production
    assert chosen.reconcile_delays == (60, 300, 900, 1800)


def test_a_safe_production_starts(load):
    chosen = load(SAFE)
    assert (chosen.production, chosen.secure, chosen.simulated) == (True, True, False)
    assert chosen.stripe_webhook_secrets == ("whsec_1", "whsec_2")


def test_a_production_with_all_of_paypal_starts_and_with_half_of_it_does_not(load):
    assert load(SAFE | PAYPAL).paypal_webhook_ids == ("WH-1", "WH-2")
    for missing in PAYPAL.keys() - {"PAYPAL_CLIENT_ID", "PAYPAL_MODE"}:
        with pytest.raises(settings.SettingsError, match=missing):
            load(SAFE | PAYPAL | {missing: ""})


def test_a_production_never_takes_play_money(load):
    with pytest.raises(settings.SettingsError, match="PAYPAL_MODE"):
        load(SAFE | PAYPAL | {"PAYPAL_MODE": "sandbox"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PECAPP_SECRET_KEY", settings.DEVELOPMENT_SECRET, "PECAPP_SECRET_KEY"),
        ("PECAPP_SECRET_KEY", "short", "PECAPP_SECRET_KEY"),
        ("PECAPP_SECRET_KEY", "", "PECAPP_SECRET_KEY"),
        ("PECAPP_PUBLIC_URL", "http://shop.example.test", "PECAPP_PUBLIC_URL"),
        ("STRIPE_API_BASE", "http://localhost:8100", "STRIPE_API_BASE"),
        ("PAYPAL_API_BASE", "http://localhost:8100", "PAYPAL_API_BASE"),
        ("PAYPAL_WEBHOOK_ROOTS", "/tmp/authority.pem", "PAYPAL_WEBHOOK_ROOTS"),  # noqa: S108  (a name, not a file)
        ("STRIPE_SECRET_KEY", "sk_test_simulator", "STRIPE_SECRET_KEY"),
        ("STRIPE_SECRET_KEY", "", "STRIPE_SECRET_KEY"),
        ("STRIPE_WEBHOOK_SECRET", "", "STRIPE_WEBHOOK_SECRET"),
        ("STRIPE_WEBHOOK_SECRET", " , ", "STRIPE_WEBHOOK_SECRET"),
        ("STRIPE_WEBHOOK_SECRET", f"whsec_1,{settings.DEVELOPMENT_WEBHOOK_SECRET}", "STRIPE_WEBHOOK_SECRET"),
        ("PECAPP_SMTP_URL", "", "PECAPP_SMTP_URL"),
        ("PECAPP_FAIL_AT", "event_stored", "PECAPP_FAIL_AT"),
        ("PECAPP_CLOCK_FILE", ".data/clock", "PECAPP_CLOCK_FILE"),
    ],
)
def test_an_unsafe_production_does_not_start_and_says_why_in_one_line(load, name, value, said):
    with pytest.raises(settings.SettingsError) as refusal:
        load(SAFE | {name: value})
    line = str(refusal.value)
    assert line.startswith("unsafe in production: ")
    assert said in line
    assert "\n" not in line
    assert ";" not in line
    assert not value or len(value) < 6 or value not in line


def test_everything_that_is_unsafe_is_said_at_once(load):
    with pytest.raises(settings.SettingsError) as refusal:
        load({"PECAPP_ENVIRONMENT": "production"})
    assert str(refusal.value).count(";") >= 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PECAPP_ENVIRONMENT", "prod"),
        ("PECAPP_SWEEP_SECONDS", "0"),
        ("PECAPP_SWEEP_SECONDS", "60"),
        ("PECAPP_SWEEP_SECONDS", "often"),
        ("PECAPP_RECONCILE_DELAYS", "60,soon"),
        ("PECAPP_WORKERS", "perhaps"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(load, name, value):
    with pytest.raises(settings.SettingsError) as refusal:
        load({name: value})
    assert name.removeprefix("PECAPP_").lower() in str(refusal.value).lower()
    assert "\n" not in str(refusal.value)


def test_lists_are_written_with_commas(load):
    chosen = load({"PECAPP_RECONCILE_DELAYS": "1, 2,3"})
    assert chosen.reconcile_delays == (1, 2, 3)


def test_nothing_changes_the_settings_of_a_running_process(load):
    with pytest.raises(ValueError, match="frozen"):
        load({}).environment = "production"
