"""PayPal's search of transactions: what came in and went back, some time after it did."""

import math
from datetime import UTC, datetime
from typing import Any

from starlette.routing import Route as Address

from pecapp.simulator.paypal_captures import LOST
from pecapp.simulator.paypal_errors import PayPalError
from pecapp.simulator.paypal_objects import CAPTURE, ORDER, REFUND, Object, cents, epoch, link, money
from pecapp.simulator.paypal_wire import Api, Call, Done, Route, plain
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

PATH = "/v1/reporting/transactions"
LONGEST = 31 * 24 * 3600
PAGE_SIZE, LONGEST_PAGE = 100, 500
DELAY = "paypal.report_delay"
PAID, GIVEN_BACK = "T0006", "T1107"
REFUND_STATES = {"COMPLETED": "S", "PENDING": "P", "FAILED": "D"}


def routes(simulation: Simulation) -> list[Address]:
    """All addresses of the search. They must come before Stripe's, which has the rest of /v1/."""
    return [Address(PATH, Api(simulation, [Route("GET", PATH, search, plain)]).serve, methods=["GET"])]


def lag(simulation: Simulation, seconds: int) -> None:
    """From now on transactions are found that much later: PayPal says up to three hours."""
    simulation.store.save(Record(DELAY, {"id": DELAY, "seconds": seconds}))


def search(simulation: Simulation, call: Call) -> Done:
    """GET /v1/reporting/transactions: of at most 31 days, the oldest first."""
    since, until = _moment(call, "start_date"), _moment(call, "end_date")
    if not 0 <= until - since <= LONGEST:
        raise _wrong("end_date", "INVALID_PARAMETER_VALUE")
    size, number = _number(call, "page_size", PAGE_SIZE, LONGEST_PAGE), _number(call, "page", 1, 10**6)
    kept = simulation.store.find(DELAY, DELAY)
    fresh = simulation.clock.stamp() - (kept.object["seconds"] if kept else 0)
    found = [info for when, info in _all(simulation) if since <= when <= min(until, fresh)]
    pages = math.ceil(len(found) / size)
    shown = {
        "transaction_details": [{"transaction_info": info} for info in found[(number - 1) * size : number * size]],
        "account_number": simulation.settings.paypal_merchant_id,
        "start_date": _written(since),
        "end_date": _written(until),
        "last_refreshed_datetime": _written(fresh),
        "page": number,
        "total_items": len(found),
        "total_pages": pages,
        "links": [link(simulation, PATH, "self")],
    }
    return Done(200, body=shown)


def _all(simulation: Simulation) -> list[tuple[int, Object]]:
    """What moved, with its second, the oldest first."""
    taken = [(_when(one), _capture(simulation, one)) for one in simulation.store.all(CAPTURE)]
    given = [(_when(one), _refund(one)) for one in simulation.store.all(REFUND)]
    return sorted(taken + given, key=lambda one: one[0])


def _when(record: Record) -> int:
    return epoch(record.object["create_time"])


def _capture(simulation: Simulation, record: Record) -> Object:
    shown = record.object
    status = "P" if shown["status"] == "PENDING" else "D" if shown["status"] in LOST else "S"
    if shown["status"] == "REFUNDED":
        status = "V"
    info = _info(record, PAID, status, cents(shown["amount"]))
    order = simulation.store.get(ORDER, record.hidden["order"])
    payer = (order.object.get("payer") or {}).get("payer_id")
    info |= {"paypal_account_id": payer} if payer else {}
    if fee := (shown.get("seller_receivable_breakdown") or {}).get("paypal_fee"):
        info["fee_amount"] = fee | {"value": f"-{fee['value']}"}
    return info


def _refund(record: Record) -> Object:
    info = _info(record, GIVEN_BACK, REFUND_STATES[record.object["status"]], -cents(record.object["amount"]))
    return info | {"paypal_reference_id": record.hidden["capture"], "paypal_reference_id_type": "TXN"}


def _info(record: Record, code: str, status: str, value: int) -> Object:
    shown = record.object
    amount = money(abs(value), shown["amount"]["currency_code"])
    info: Object = {
        "transaction_id": record.id,
        "transaction_event_code": code,
        "transaction_initiation_date": _written(epoch(shown["create_time"])),
        "transaction_updated_date": _written(epoch(shown["update_time"])),
        "transaction_amount": amount | {"value": f"-{amount['value']}" if value < 0 else amount["value"]},
        "transaction_status": status,
    }
    info |= {"invoice_id": shown["invoice_id"]} if "invoice_id" in shown else {}
    return info | ({"custom_field": shown["custom_id"]} if "custom_id" in shown else {})


def _moment(call: Call, name: str) -> int:
    text = call.query.get(name)
    if text is None:
        raise _wrong(name, "MISSING_REQUIRED_PARAMETER")
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as problem:
        raise _wrong(name, "INVALID_PARAMETER_SYNTAX") from problem


def _number(call: Call, name: str, usual: int, most: int) -> int:
    text: Any = call.query.get(name, str(usual))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise _wrong(name, "INVALID_PARAMETER_VALUE")
    return int(text)


def _wrong(name: str, issue: str) -> PayPalError:
    return PayPalError(400, issue, field=name, location="query")


def _written(seconds: int) -> str:
    """A moment as this part of PayPal writes it, unlike the others."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
