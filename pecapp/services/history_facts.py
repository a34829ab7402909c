"""What is stored about one renewal order, and how the order stands in a few words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pecapp import i18n, tables
from pecapp.domain import orders, payments
from pecapp.services import facts, methods, settlement

_HELD_BACK = "m08:order:"
"""Begins the fact of a debit that was not even tried."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is stored about any order, whatever it was for."""

    order: tables.Order
    lines: Sequence[tables.OrderLine]
    attempts: Sequence[tables.PaymentAttempt]
    receipt: tables.Receipt | None
    refunds: Sequence[tables.Refund]
    events: Sequence[tables.InboxEvent]
    """Every notification about the attempts, also what is odd and only the staff may see; without its body."""
    mails: Sequence[tables.OutboxMail]
    methods: Mapping[int, tables.PaymentMethod] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Known(Told):
    """Everything that is stored about one renewal order."""

    renewal: tables.Renewal
    service: tables.Service
    choices: Sequence[tables.RenewalChoice]
    """For single terms of the service."""
    sms: tables.OutboxSms | None
    accepted: Sequence[tables.Acceptance] = ()
    mandates: Sequence[tables.Mandate] = ()

    @property
    def activation(self) -> tables.OutboxMail | None:
        """The mail about the activation of automatic renewal that was in force when the order was made."""
        found = [
            mail
            for mail in self.mails
            if mail.template == "m04"
            and self.service.id in mail.params.get("service_ids", ())
            and mail.created_at <= self.order.created_at
        ]
        return found[-1] if found and self.renewal.automatic else None

    @property
    def activated_on(self) -> int | None:
        """The method on which it was switched on."""
        return self.activation.params.get("method_id") if self.activation else None

    @property
    def charged(self) -> dict[int, datetime]:
        """The methods that automatic renewal has debited or wanted to debit, and when it did last."""
        tries = [
            (one.method_id, one.created_at)
            for one in self.attempts
            if one.channel == settlement.RENEWAL and one.method_id
        ]
        tries += [
            (mail.params["method_id"], mail.created_at) for mail in self.held_back if mail.params.get("method_id")
        ]
        return dict(sorted(tries, key=lambda one: one[1]))

    @property
    def held_back(self) -> list[tables.OutboxMail]:
        """The mails about debits that were not even tried."""
        return [mail for mail in self.mails if mail.dedup_key.startswith(_HELD_BACK)]


# --- how it stands ----------------------------------------------------------------------------------------------------


def telling(attempts: Sequence[tables.PaymentAttempt], order_id: int) -> tables.PaymentAttempt | None:
    """The try that tells how an order stands: the one that paid it, else the last; of attempts in their order."""
    mine = [one for one in attempts if one.order_id == order_id]
    paid = [one for one in mine if one.status == payments.Status.SUCCEEDED]
    return next(iter(paid or reversed(mine)), None)


def means(attempt: tables.PaymentAttempt, kept: Mapping[int, tables.PaymentMethod], lang: i18n.Lang) -> str:
    """What a try was made on, masked: as the gateway told it, or as the kept method is known."""
    method = kept.get(attempt.method_id or 0)
    if method and not (attempt.card_last4 or attempt.wallet_label):
        return methods.title(method, lang)
    return facts.means(attempt.gateway, attempt.card_brand, attempt.card_last4, lang, attempt.wallet_label)


def why(order: tables.Order, renewal: tables.Renewal, attempt: tables.PaymentAttempt | None, lang: i18n.Lang) -> str:
    """Why an order is not paid, in plain words; empty for one that is, or that nobody has tried to pay."""
    if order.status in orders.PAID:
        return ""
    if order.status == orders.Status.VERIFYING:
        return i18n.text("history.why.verifying", lang)
    if renewal.trouble:
        return reason(renewal.trouble, lang)
    return reason(attempt.reason or attempt.status, lang) if attempt else ""


def reason(why_not: str, lang: i18n.Lang) -> str:
    """A reason as a customer may hear it; one without words of its own is told as a plain refusal."""
    return one_of("history.why", why_not, payments.Reason.DECLINED, lang)


def one_of(group: str, value: str, otherwise: str, lang: i18n.Lang, **params: object) -> str:
    """The words for `value`, or for `otherwise` where it has none: what is stored may be newer than the words."""
    key = f"{group}.{value}"
    return i18n.text(key if key in i18n.words(lang) else f"{group}.{otherwise}", lang, **params)
