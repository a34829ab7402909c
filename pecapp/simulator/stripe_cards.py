"""Stripe's published test cards and ours, each with what its bank does. One table; the numbers appear nowhere else."""

from dataclasses import dataclass
from enum import StrEnum


class Asks(StrEnum):
    """When the card's bank asks the buyer to authenticate."""

    NEVER = "never"
    FRICTIONLESS = "frictionless"
    ON_SESSION = "on_session"
    UNLESS_SET_UP = "unless_set_up"
    ALWAYS = "always"
    LOOKUP_FAILS = "lookup_fails"


class Effect(StrEnum):
    """What follows a successful charge."""

    NONE = "none"
    DISPUTE_FRAUDULENT = "dispute_fraudulent"
    DISPUTE_NOT_RECEIVED = "dispute_not_received"
    INQUIRY = "inquiry"
    EARLY_WARNING = "early_warning"
    REFUND_PENDING = "refund_pending"
    REFUND_FAILS = "refund_fails"
    UNKNOWN_THEN_SUCCEEDED = "unknown_then_succeeded"
    UNKNOWN_THEN_FAILED = "unknown_then_failed"


@dataclass(frozen=True)
class Decline:
    """A bank's refusal as Stripe words it. `blocked`: refused before it reached the bank."""

    code: str
    decline_code: str | None
    advice_code: str | None
    message: str = "Your card was declined."
    blocked: bool = False


GENERIC = Decline("card_declined", "generic_decline", "try_again_later")
NO_FUNDS = Decline("card_declined", "insufficient_funds", "try_again_later", "Your card has insufficient funds.")
NOT_AUTHENTICATED = Decline(
    "authentication_required",
    "authentication_required",
    None,
    "Your card was declined. This transaction requires authentication.",
)
EXPIRED = Decline("expired_card", None, "confirm_card_data", "Your card has expired.")


@dataclass(frozen=True)
class Card:
    """A card. `key` names it wherever the number must not be kept; `attachable`: may be saved with a customer;
    `alias`: Stripe's ready-made PaymentMethod id; `ours`: not in Stripe's table."""

    key: str
    number: str
    label: str
    country: str
    brand: str = "visa"
    funding: str = "credit"
    asks: Asks = Asks.NEVER
    decline: Decline | None = None
    attachable: bool = True
    effect: Effect = Effect.NONE
    alias: str = ""
    ours: bool = False

    @property
    def last4(self) -> str:
        """The digits that may be shown."""
        return self.number[-4:]

    @property
    def cvc_length(self) -> int:
        """Length of the security code."""
        return 4 if self.brand == "amex" else 3


def _refused(key: str, number: str, label: str, decline: Decline, alias: str = "") -> Card:
    return Card(key, number, label, "US", decline=decline, attachable=False, alias=alias)


CARDS = (
    Card("it", "4000003800000008", "Italia, pagamento riuscito", "IT", alias="pm_card_it"),
    Card("visa", "4242424242424242", "Visa, pagamento riuscito", "US", alias="pm_card_visa"),
    Card("visa_debit", "4000056655665556", "Visa debito", "US", funding="debit", alias="pm_card_visa_debit"),
    Card("mastercard", "5555555555554444", "Mastercard", "US", brand="mastercard", alias="pm_card_mastercard"),
    Card("amex", "378282246310005", "American Express (codice di 4 cifre)", "US", brand="amex", alias="pm_card_amex"),
    Card("de", "4000002760000016", "Germania", "DE", alias="pm_card_de"),
    Card("fr", "4000002500000003", "Francia", "FR", alias="pm_card_fr"),
    Card("es", "4000007240000007", "Spagna", "ES", alias="pm_card_es"),
    Card("at", "4000000400000008", "Austria", "AT", alias="pm_card_at"),
    Card("gb", "4000008260000000", "Regno Unito", "GB", alias="pm_card_gb"),
    Card("ch", "4000007560000009", "Svizzera", "CH", alias="pm_card_ch"),
    Card("jp", "4000003920000003", "Giappone", "JP", alias="pm_card_jp"),
    Card("br", "4000000760000002", "Brasile", "BR", alias="pm_card_br"),
    Card(
        "asks_on_session",
        "4000003800000446",
        "Italia, chiede 3-D Secure; i rinnovi passano",
        "IT",
        asks=Asks.ON_SESSION,
        alias="pm_card_authenticationRequiredSetupForOffSession",
    ),
    Card(
        "asks_unless_set_up",
        "4000002500003155",
        "Chiede 3-D Secure; i rinnovi passano se registrata",
        "FR",
        asks=Asks.UNLESS_SET_UP,
        alias="pm_card_authenticationRequiredOnSetup",
    ),
    Card(
        "asks_always",
        "4000002760003184",
        "Chiede sempre 3-D Secure, anche al rinnovo",
        "DE",
        asks=Asks.ALWAYS,
        alias="pm_card_authenticationRequired",
    ),
    Card(
        "asks_then_no_funds",
        "4000008260003178",
        "Si registra, poi fondi insufficienti",
        "GB",
        asks=Asks.ON_SESSION,
        decline=NO_FUNDS,
        alias="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
    ),
    Card(
        "required",
        "4000000000003220",
        "3-D Secure obbligatorio, riuscito",
        "IE",
        asks=Asks.UNLESS_SET_UP,
        alias="pm_card_threeDSecure2Required",
    ),
    Card(
        "required_then_declined",
        "4000008400001629",
        "3-D Secure obbligatorio, poi rifiutata",
        "US",
        asks=Asks.UNLESS_SET_UP,
        decline=GENERIC,
        attachable=False,
        alias="pm_card_threeDSecureRequiredChargeDeclined",
    ),
    Card("lookup_fails", "4000008400001280", "3-D Secure in errore", "US", asks=Asks.LOOKUP_FAILS, attachable=False),
    Card("frictionless", "4000000032200000", "3-D Secure senza domande", "US", asks=Asks.FRICTIONLESS),
    _refused("declined", "4000000000000002", "Rifiutata", GENERIC, "pm_card_chargeDeclined"),
    _refused(
        "no_funds", "4000000000009995", "Fondi insufficienti", NO_FUNDS, "pm_card_chargeDeclinedInsufficientFunds"
    ),
    _refused(
        "lost",
        "4000000000009987",
        "Smarrita",
        Decline("card_declined", "lost_card", "do_not_try_again"),
        "pm_card_chargeDeclinedLostCard",
    ),
    _refused(
        "stolen",
        "4000000000009979",
        "Rubata",
        Decline("card_declined", "stolen_card", "do_not_try_again"),
        "pm_card_chargeDeclinedStolenCard",
    ),
    _refused(
        "velocity",
        "4000000000006975",
        "Troppi pagamenti",
        Decline(
            "card_declined",
            "card_velocity_exceeded",
            "try_again_later",
            "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        ),
        "pm_card_chargeDeclinedVelocityLimitExceeded",
    ),
    _refused("expired", "4000000000000069", "Scaduta", EXPIRED, "pm_card_chargeDeclinedExpiredCard"),
    _refused(
        "wrong_cvc",
        "4000000000000127",
        "Codice di sicurezza errato",
        Decline("incorrect_cvc", None, "confirm_card_data", "Your card's security code is incorrect."),
        "pm_card_chargeDeclinedIncorrectCvc",
    ),
    _refused(
        "processing_error",
        "4000000000000119",
        "Errore di elaborazione",
        Decline(
            "processing_error",
            None,
            "try_again_later",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
        "pm_card_chargeDeclinedProcessingError",
    ),
    Card(
        "saved_then_declined",
        "4000000000000341",
        "Si registra, poi ogni addebito è rifiutato",
        "US",
        decline=GENERIC,
        alias="pm_card_chargeCustomerFail",
    ),
    _refused(
        "blocked",
        "4100000000000019",
        "Bloccata per rischio di frode",
        Decline("card_declined", "fraudulent", "do_not_try_again", blocked=True),
        "pm_card_radarBlock",
    ),
    Card(
        "dispute_fraudulent",
        "4000000000000259",
        "Contestazione: frode",
        "US",
        effect=Effect.DISPUTE_FRAUDULENT,
        alias="pm_card_createDispute",
    ),
    Card(
        "dispute_not_received",
        "4000000000002685",
        "Contestazione: non ricevuto",
        "US",
        effect=Effect.DISPUTE_NOT_RECEIVED,
        alias="pm_card_createDisputeProductNotReceived",
    ),
    Card(
        "inquiry",
        "4000000000001976",
        "Contestazione: richiesta di chiarimenti",
        "US",
        effect=Effect.INQUIRY,
        alias="pm_card_createDisputeInquiry",
    ),
    Card(
        "early_warning",
        "4000000000005423",
        "Avviso precoce di frode",
        "US",
        effect=Effect.EARLY_WARNING,
        alias="pm_card_createIssuerFraudRecord",
    ),
    Card(
        "refund_pending",
        "4000000000007726",
        "Rimborso in attesa, poi riuscito",
        "US",
        effect=Effect.REFUND_PENDING,
        alias="pm_card_pendingRefund",
    ),
    Card(
        "refund_fails",
        "4000000000005126",
        "Rimborso riuscito, poi fallito",
        "US",
        effect=Effect.REFUND_FAILS,
        alias="pm_card_refundFail",
    ),
    Card(
        "unknown_yes",
        "4000007560001007",
        "Svizzera, esito ignoto, poi riuscito",
        "CH",
        effect=Effect.UNKNOWN_THEN_SUCCEEDED,
        ours=True,
    ),
    Card(
        "unknown_no",
        "4000007560002005",
        "Svizzera, esito ignoto, poi rifiutato",
        "CH",
        effect=Effect.UNKNOWN_THEN_FAILED,
        ours=True,
    ),
)

BY_KEY = {card.key: card for card in CARDS}
BY_NUMBER = {card.number: card for card in CARDS}
BY_ALIAS = {card.alias: card for card in CARDS if card.alias}


class Outcome(StrEnum):
    """What the bank answers."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CHALLENGE = "challenge"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """The bank's answer, with the refusal when it declines."""

    outcome: Outcome
    decline: Decline | None = None


def judge(
    card: Card, *, off_session: bool, set_up: bool, authenticated: bool = False, saving_only: bool = False
) -> Verdict:
    """What the card's bank says to a payment, or, with `saving_only`, to saving the card without a payment.

    `set_up`: the buyer has authenticated for later use before. `authenticated`: the buyer has done so just now.
    """
    if not authenticated:
        if card.asks is Asks.LOOKUP_FAILS:
            return Verdict(Outcome.DECLINED, GENERIC)
        if off_session and (card.asks is Asks.ALWAYS or (card.asks is Asks.UNLESS_SET_UP and not set_up)):
            return Verdict(Outcome.DECLINED, NOT_AUTHENTICATED)
        if not off_session and card.asks in (Asks.ON_SESSION, Asks.UNLESS_SET_UP, Asks.ALWAYS):
            return Verdict(Outcome.CHALLENGE)
    if card.decline and not (saving_only and card.attachable):
        return Verdict(Outcome.DECLINED, card.decline)
    if card.effect in (Effect.UNKNOWN_THEN_SUCCEEDED, Effect.UNKNOWN_THEN_FAILED) and not saving_only:
        return Verdict(Outcome.UNKNOWN)
    return Verdict(Outcome.SUCCEEDED)


def luhn(number: str) -> bool:
    """Whether the digits satisfy the Luhn check."""
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0
