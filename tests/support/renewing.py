"""Kept methods and services that renew by themselves, as rows, for tests of what is going to be debited."""

import itertools
from datetime import date
from typing import Any

from pecapp import clock, db, tables
from pecapp.domain import calendar
from pecapp.services import access
from tests.support import factories

_count = itertools.count(1)


def card(actor: access.Actor, **values: Any) -> Any:
    """A Visa of 12/2039 on which debits of up to 500 euro are authorised."""
    number = next(_count)
    with db.transaction() as s:
        row = tables.PaymentMethod(
            **{
                "account_id": actor.account_id,
                "gateway": "stripe",
                "kind": "card",
                "token": f"pm_{number}",
                "fingerprint": f"fp_{number}",
                "brand": "visa",
                "last4": f"{number % 10_000:04d}",
                "exp_month": 12,
                "exp_year": 2039,
                "ceiling_cents": 50_000,
                "created_at": clock.now(),
            }
            | values
        )
        s.add(row)
    return row


def service(actor: access.Actor, method: Any, expires_on: date, years: int = 1, **values: Any) -> Any:
    """A mailbox that renews by itself on `method` when it expires."""
    order = factories.order(actor, status="paid", configuration=values.pop("configuration", {"product": "PEC-STD"}))
    with db.transaction() as s:
        row = tables.Service(
            **{
                "account_id": actor.account_id,
                "order_id": order.id,
                "product_code": "PEC-STD",
                "label": f"casella{next(_count)}@{factories.DOMAIN}",
                "status": "active",
                "activated_on": calendar.add_years(expires_on, -years),
                "expires_on": expires_on,
                "years": years,
                "renewal": "active",
                "method_id": method.id if method else None,
            }
            | values
        )
        s.add(row)
    return row


def choice(service: Any, method: Any) -> None:
    """The next debit of `service` is skipped, or made on `method`."""
    with db.transaction() as s:
        s.add(
            tables.RenewalChoice(
                service_id=service.id or 0,
                expires_on=service.expires_on or clock.today(),
                method_id=method.id if method else None,
                made_at=clock.now(),
            )
        )
