"""The buyer's pages at PayPal: log in or open an account, choose what to pay from, agree or go back."""

import dataclasses
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pecapp.simulator import pages, paypal_buyers, paypal_orders, paypal_vault
from pecapp.simulator.deliveries import Burst, Origin
from pecapp.simulator.paypal_buyers import Buyer
from pecapp.simulator.paypal_objects import cents
from pecapp.simulator.simulation import DRAFT_SECONDS, Simulation
from pecapp.simulator.store import Record

OPENED = "paypal.buyer"
GATE_SECONDS = 0.5
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
ANY_PASSWORD = "prova"
SOMEBODY = "Negozio di prova"


@dataclass(frozen=True)
class Field:
    """A field of a form."""

    name: str
    label: str
    kind: str
    autocomplete: str
    missing: str
    longest: int = 254


LOGIN = (
    Field("email", "Email", "email", "username", "Scrivi la tua email."),
    Field("password", "Password", "password", "current-password", "Scrivi la password: va bene qualsiasi."),
)
ACCOUNT = (
    Field("nome", "Nome", "text", "given-name", "Scrivi il tuo nome.", 140),
    Field("cognome", "Cognome", "text", "family-name", "Scrivi il tuo cognome.", 140),
    Field("email", "Email", "email", "username", "Scrivi la tua email."),
    Field("password", "Password", "password", "new-password", "Scegli una password: va bene qualsiasi."),
)


@dataclass
class Checked:
    """What was typed, without the password, and what is wrong with it, by field."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """Somebody who has logged in on the page of one order or setup token; only in memory."""

    subject: str
    buyer: Buyer
    at: float


@dataclass(frozen=True)
class Errand:
    """What a page is about: an order to pay, or an account to keep. Both go the same way."""

    record: Record
    page: str
    """Its address with the token."""
    amount: str
    description: str
    keeps: bool
    refused: tuple[str, str]
    """Buyer and source whose charge was refused before."""
    owner: str
    """The only buyer who can agree, empty for anybody."""
    is_open: Callable[[], bool]
    approve: Callable[[Buyer, str], None]
    back: Callable[[], str]
    cancel: Callable[[], str]

    @property
    def brand(self) -> str:
        """Who asks."""
        return self.record.hidden["brand"] or SOMEBODY

    def at(self, **query: str) -> str:
        """The address of one of its pages."""
        return f"{self.page}&{urlencode(query)}" if query else self.page


def order_errand(simulation: Simulation, key: str) -> Errand | None:
    """The errand of an order, None when PayPal knows none of this id."""
    record = paypal_orders.find(simulation, key)
    if record is None:
        return None
    unit, hidden = record.object["purchase_units"][0], record.hidden
    declined = (hidden["buyer"], hidden["funding"]) if hidden["declined"] else ("", "")
    return Errand(
        record=record,
        page=f"/checkoutnow?{urlencode({'token': key})}",
        amount=pages.money(cents(unit["amount"]), unit["amount"]["currency_code"].lower()),
        description=unit.get("description", ""),
        keeps=hidden["terms"] is not None,
        refused=declined,
        owner=paypal_orders.owner(record),
        is_open=lambda: paypal_orders.is_open(record),
        approve=lambda buyer, funding: paypal_orders.approve(simulation, record, buyer, funding),
        back=lambda: paypal_orders.return_address(record),
        cancel=lambda: paypal_orders.cancel_address(record),
    )


def setup_errand(simulation: Simulation, key: str) -> Errand | None:
    """The errand of a setup token, None when PayPal knows none of this id."""
    record = paypal_vault.find_setup(simulation, key)
    if record is None:
        return None
    return Errand(
        record=record,
        page=f"/agreements/approve?{urlencode({'approval_session_id': key})}",
        amount="",
        description=record.object["payment_source"]["paypal"].get("description", ""),
        keeps=True,
        refused=("", ""),
        owner="",
        is_open=lambda: record.object["status"] == "PAYER_ACTION_REQUIRED",
        approve=lambda buyer, funding: paypal_vault.approve_setup(simulation, record, buyer),
        back=lambda: paypal_vault.return_address(record),
        cancel=lambda: paypal_vault.cancel_address(record),
    )


def routes(simulation: Simulation) -> list[Route]:
    """All addresses of the buyer's pages."""
    walk = BuyersPages(simulation)
    return [
        Route("/checkoutnow", walk.show, methods=["GET"]),
        Route("/checkoutnow", walk.answer, methods=["POST"]),
        Route("/agreements/approve", walk.show, methods=["GET"]),
        Route("/agreements/approve", walk.answer, methods=["POST"]),
    ]


class BuyersPages:
    """The pages of one simulation. `conto` in the address asks for a new account, `sessione` names who is logged in."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def _errand(self, request: Request) -> Errand | None:
        query = request.query_params
        if "approval_session_id" in query:
            return setup_errand(self._simulation, query["approval_session_id"])
        return order_errand(self._simulation, query.get("token", ""))

    async def show(self, request: Request) -> Response:
        """The page on which the buyer stands."""
        errand = self._errand(request)
        if errand is None or not errand.is_open():
            return _closed(errand)
        if draft := self._draft(errand, request):
            return _review(errand, draft.buyer)
        if "conto" in request.query_params:
            return _account(errand, Checked())
        known = errand.owner or errand.refused[0]
        return _login(errand, Checked({"email": request.query_params.get("email", known)}))

    async def answer(self, request: Request) -> Response:
        """What the buyer has typed or chosen there."""
        errand = self._errand(request)
        if errand is None:
            return _closed(None)
        draft = self._draft(errand, request)
        if not errand.is_open():
            # Whoever has agreed and presses again goes where the first press has led.
            return pages.go(errand.back()) if draft and _is_agreed(errand) and errand.back() else _closed(errand)
        form = await request.form()
        if draft:
            return await self._agree(errand, draft.buyer, str(form.get("fonte", "")))
        if "sessione" in request.query_params:
            return pages.go(errand.page)
        return self._enter(errand, form, new="conto" in request.query_params)

    def _enter(self, errand: Errand, form: Any, *, new: bool) -> Response:
        """Log in, or open an account first. Any password is right, and none is kept."""
        fields = ACCOUNT if new else LOGIN
        checked = _check(form, fields)
        if checked.errors:
            return (_account if new else _login)(errand, checked, 422)
        email = checked.values["email"].lower()
        if new:
            names = {"given_name": checked.values["nome"], "surname": checked.values["cognome"]}
            self._simulation.store.save(Record(OPENED, {"id": email} | names))
        key = self._simulation.new_id("", 32)
        self._simulation.keep_draft(key, Draft(errand.record.id, self._buyer(email), time.monotonic()))
        return pages.go(errand.at(sessione=key))

    def _buyer(self, email: str) -> Buyer:
        buyer = paypal_buyers.find(email)
        opened = self._simulation.store.find(OPENED, email)
        if opened is None:
            return buyer
        names = opened.object
        return dataclasses.replace(buyer, given_name=names["given_name"], surname=names["surname"])

    def _draft(self, errand: Errand, request: Request) -> Draft | None:
        draft = self._simulation.drafts.get(request.query_params.get("sessione", ""))
        if not isinstance(draft, Draft) or draft.subject != errand.record.id:
            return None
        return draft if draft.at > time.monotonic() - DRAFT_SECONDS else None

    async def _agree(self, errand: Errand, buyer: Buyer, funding: str) -> Response:
        """«Accetta e continua»: back to the shop, and the events around that."""
        if funding not in buyer.funding or (buyer.email, funding) == errand.refused:
            return _review(errand, buyer, "Scegli una fonte di pagamento.", 422)
        if errand.owner not in ("", buyer.email):
            return _review(errand, buyer, f"Il negozio ha chiesto di pagare con il conto {errand.owner}.", 422)
        simulation, gate = self._simulation, errand.record.id
        burst = Burst(Origin.PAGE, gate=gate)
        try:
            with simulation.deliveries.collect(burst):
                errand.approve(buyer, funding)
        except ValueError:
            return _closed(errand)
        target = errand.back()
        answer = pages.go(target) if target else _closed(errand)
        leaving = await pages.leave(simulation, burst, answer)
        simulation.agenda.after(GATE_SECONDS, f"gate:{gate}", lambda: simulation.deliveries.open_gate(gate))
        return leaving


def _check(form: Any, fields: tuple[Field, ...]) -> Checked:
    checked = Checked()
    for one in fields:
        typed = str(form.get(one.name, "")).strip()[: one.longest]
        if one.kind != "password":
            checked.values[one.name] = typed
        if not typed:
            checked.errors[one.name] = one.missing
        elif one.kind == "email" and not EMAIL.fullmatch(typed):
            checked.errors[one.name] = "L'indirizzo non è completo. Esempio: nome@esempio.it"
    return checked


def _login(errand: Errand, checked: Checked, status: int = 200) -> Response:
    chosen = checked.values.get("email", "")
    known = any(chosen == buyer.email for buyer in paypal_buyers.BUYERS)
    return pages.show(
        "paypal_login.html",
        status,
        errand=errand,
        fields=LOGIN,
        checked=checked,
        password=ANY_PASSWORD if known and not checked.errors else "",
        buyers=paypal_buyers.BUYERS,
    )


def _account(errand: Errand, checked: Checked, status: int = 200) -> Response:
    return pages.show("paypal_account.html", status, errand=errand, fields=ACCOUNT, checked=checked, password="")


def _review(errand: Errand, buyer: Buyer, error: str = "", status: int = 200) -> Response:
    refused = errand.refused[1] if errand.refused[0] == buyer.email else ""
    offered = [funding for funding in buyer.funding if funding != refused]
    return pages.show(
        "paypal_review.html",
        status,
        errand=errand,
        buyer=buyer,
        refused=refused,
        chosen=offered[0] if offered else "",
        error=error,
    )


def _is_agreed(errand: Errand) -> bool:
    return errand.record.object["status"] in ("APPROVED", "COMPLETED", "VAULTED")


def _closed(errand: Errand | None) -> Response:
    """Nothing can be done any more, or there never was anything."""
    if errand is None:
        text = "L'indirizzo non corrisponde a nessuna richiesta ancora valida. Torna al negozio e ricomincia."
        return _notice("Richiesta non trovata", text, status=404)
    if not _is_agreed(errand):
        text = "Il consenso non è più valido e nessun importo è stato addebitato. Torna al negozio per ricominciare."
        return _notice("Tempo scaduto", text, back=errand.cancel())
    if errand.amount:
        text = "Hai già approvato questo pagamento: non occorre ripeterlo."
        return _notice("Pagamento già approvato", text, back=errand.back())
    text = "Hai già dato questo consenso: non occorre ripeterlo."
    return _notice("Consenso già dato", text, back=errand.back())


def _notice(title: str, text: str, *, back: str = "", status: int = 200) -> Response:
    return pages.show("paypal_notice.html", status, title=title, text=text, back=back)
