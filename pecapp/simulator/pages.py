"""What all pages of the simulator share: layout, money and dates in Italian, answers that leave with their webhooks."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pecapp.simulator.deliveries import Burst
from pecapp.simulator.simulation import Parting, Simulation

FOLDER = Path(__file__).parent / "templates"
ROME = ZoneInfo("Europe/Rome")
MONTHS = (
    *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
    *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
)
SIGNS = {"eur": "€", "usd": "$", "gbp": "£"}
WHOLE_UNITS = frozenset({"jpy"})
NO_STORE = {"Cache-Control": "no-store"}


def money(cents: int, currency: str) -> str:
    """«1.234,56 €» from the smallest unit."""
    sign = SIGNS.get(currency, currency.upper())
    if currency in WHOLE_UNITS:
        return f"{cents:,}".replace(",", ".") + f" {sign}"
    whole = f"{cents // 100:,}".replace(",", ".")
    return f"{whole},{cents % 100:02d} {sign}"


def date(stamp: float) -> str:
    """«22 novembre 2026, ore 10:24», Italian time, from seconds since the epoch."""
    moment = datetime.fromtimestamp(stamp, ROME)
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}, ore {moment:%H:%M}"


_environment = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=select_autoescape(("html",)), trim_blocks=True, lstrip_blocks=True
)
_environment.filters["date"] = date
_environment.globals["money"] = money


def show(template: str, status: int = 200, **content: Any) -> Response:
    """A page."""
    return HTMLResponse(_environment.get_template(template).render(content), status, NO_STORE)


def notice(title: str, text: str, *, back: str = "", label: str = "Torna al negozio", status: int = 200) -> Response:
    """A page that only says something, with a link back when there is a place to go."""
    return show("notice.html", status, title=title, text=text, back=back, label=label)


def go(url: str) -> Response:
    """Send the browser elsewhere with a GET."""
    return RedirectResponse(url, 303, NO_STORE)


async def leave(simulation: Simulation, burst: Burst, answer: Response) -> Response:
    """An answer to the buyer whose webhooks leave after it, or before it when a rule says so."""
    await simulation.deliveries.deliver_early(burst)
    return Parting(answer, simulation, burst)
