"""The hosted pages: card form, recap, 3-D Secure, receipt."""

import time
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pecapp.simulator import pages, stripe_cards, stripe_checkout, stripe_form, stripe_payments
from pecapp.simulator.deliveries import Burst, Origin
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_checkout import Entry
from pecapp.simulator.stripe_payments import CHARGE, INTENT, METHOD, SESSION, SETUP

GENERIC_MESSAGE = "La banca non ha autorizzato il pagamento."
MESSAGES = {
    "insufficient_funds": "La banca non ha autorizzato il pagamento: la disponibilità sulla carta non basta.",
    "card_velocity_exceeded": "La carta ha superato il numero o l'importo dei pagamenti consentiti.",
    "expired_card": "La carta risulta scaduta.",
    "incorrect_cvc": "Il codice di sicurezza non è corretto.",
    "processing_error": "La banca non è riuscita a elaborare il pagamento. Riprova tra poco.",
    "payment_intent_authentication_failure": "Autenticazione non completata.",
    "setup_intent_authentication_failure": "Autenticazione non completata.",
}
ANSWERS = ("autorizza", "rifiuta", "scaduto")


@dataclass(frozen=True)
class Draft:
    """A checked form between recap and submission; only in memory, never with the security code."""

    session: str
    entry: Entry
    values: dict[str, str]
    at: float


class HostedPages:
    """The pages of one simulation, as routes."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """All addresses of the hosted pages."""
        return [
            Route("/c/pay/{session}", self.form, methods=["GET"]),
            Route("/c/pay/{session}", self.check, methods=["POST"]),
            Route("/c/pay/{session}/riepilogo/{draft}", self.recap, methods=["GET"]),
            Route("/c/pay/{session}/riepilogo/{draft}", self.submit, methods=["POST"]),
            Route("/c/pay/{session}/ricevuta", self.receipt, methods=["GET"]),
            Route("/c/pay/{session}/torna", self.back, methods=["GET"]),
            Route("/3ds/{intent}/{token}", self.challenge, methods=["GET"]),
            Route("/3ds/{intent}/{token}", self.answer, methods=["POST"]),
        ]

    def _session(self, request: Request) -> Record | None:
        return self._simulation.store.find(SESSION, request.path_params["session"])

    def _open_session(self, request: Request) -> Record | Response:
        """The session in the address, or the page that says why it cannot be paid."""
        session = self._session(request)
        if session is None or session.object["status"] != "open":
            return self._closed(session)
        return session

    def _closed(self, session: Record | None) -> Response:
        """The page of a session that cannot be paid any more, or never could."""
        if session is None:
            return pages.notice("Pagamento non trovato", "L'indirizzo non corrisponde a nessun pagamento.", status=404)
        shown = session.object
        if shown["status"] == "expired":
            text = (
                "Il tempo per pagare è finito e nessun importo è stato addebitato. Torna al negozio per ricominciare."
            )
            return pages.notice("Sessione scaduta", text, back=shown["cancel_url"] or "")
        text = "Questa operazione è già stata completata: non occorre ripeterla."
        return pages.notice("Operazione già conclusa", text, back=self._url(session, "torna"))

    def _url(self, session: Record, page: str = "") -> str:
        return f"/c/pay/{session.id}" + (f"/{page}" if page else "")

    def _complete_session(self, request: Request) -> Record | Response:
        """The session in the address, or where to go when it is not complete."""
        session = self._session(request)
        if session is None or session.object["status"] == "expired":
            return self._closed(session)
        return session if session.object["status"] == "complete" else pages.go(self._url(session))

    async def form(self, request: Request) -> Response:
        """The card form, with what was typed when the buyer comes back to correct it."""
        session = self._open_session(request)
        if isinstance(session, Response):
            return session
        draft = self._draft(session, request.query_params.get("bozza", ""))
        values = draft.values if draft else {"email": self._known_email(session)}
        return self._form(session, stripe_form.Checked(values))

    def _known_email(self, session: Record) -> str:
        customer = self._simulation.store.find("customer", session.object["customer"])
        return session.object["customer_email"] or (customer.object["email"] if customer else None) or ""

    def _form(self, session: Record, checked: stripe_form.Checked, status: int = 200) -> Response:
        code = session.hidden["message"]
        return pages.show(
            "card.html",
            status,
            session=session.object,
            items=session.hidden["line_items"],
            fields=stripe_form.FIELDS,
            checked=checked,
            message=MESSAGES.get(code, GENERIC_MESSAGE) if code and not checked.errors else "",
            cards=stripe_cards.CARDS,
        )

    async def check(self, request: Request) -> Response:
        """Check the form: errors beside the fields, or on to the recap."""
        session = self._open_session(request)
        if isinstance(session, Response):
            return session
        checked = stripe_form.check(await request.form(), self._simulation.clock.now())
        if checked.entry is None:
            return self._form(session, checked, 422)
        key = self._simulation.new_id("", 32)
        self._simulation.keep_draft(key, Draft(session.id, checked.entry, checked.values, time.monotonic()))
        return pages.go(self._url(session, f"riepilogo/{key}"))

    def _draft(self, session: Record, key: str) -> Draft | None:
        draft = self._simulation.drafts.get(key)
        return draft if isinstance(draft, Draft) and draft.session == session.id else None

    async def recap(self, request: Request) -> Response:
        """«Riepilogo dati»: masked number and amount, before anything is sent."""
        session = self._open_session(request)
        if isinstance(session, Response):
            return session
        key = request.path_params["draft"]
        if (draft := self._draft(session, key)) is None:
            return pages.go(self._url(session))
        return pages.show(
            "recap.html",
            session=session.object,
            items=session.hidden["line_items"],
            entry=draft.entry,
            back=f"{self._url(session)}?{urlencode({'bozza': key})}",
        )

    async def submit(self, request: Request) -> Response:
        """«Invio dati»: one attempt. A second press finds no draft and only shows where things stand."""
        session = self._session(request)
        if session is None:
            return self._closed(None)
        draft = self._draft(session, request.path_params["draft"])
        if draft is None or session.object["status"] != "open":
            return pages.go(self._next(session))
        del self._simulation.drafts[request.path_params["draft"]]
        burst = Burst(Origin.PAGE, gate=session.id)
        with self._simulation.deliveries.collect(burst):
            stripe_checkout.submit(self._simulation, session, draft.entry)
        return await pages.leave(self._simulation, burst, pages.go(self._next(session)))

    def _next(self, session: Record) -> str:
        """Where the buyer stands now."""
        if session.object["status"] == "complete":
            return self._url(session, "ricevuta")
        intent = stripe_checkout.intent_of(self._simulation, session)
        if intent and intent.hidden.get("challenge"):
            return f"/3ds/{intent.id}/{intent.hidden['challenge']}"
        return self._url(session)

    async def receipt(self, request: Request) -> Response:
        """«Ricevuta», or the error screen of an outcome that is not known yet."""
        session = self._complete_session(request)
        if isinstance(session, Response):
            return session
        shown = session.object
        if shown["payment_status"] == "unpaid":
            text = (
                "La banca che ha emesso la carta non ha confermato l'esito. Non ripetere il pagamento: il negozio ti"
                " dirà se è andato a buon fine."
            )
            title = "Errore: impossibile completare la procedura"
            return pages.notice(title, text, back=self._url(session, "torna"))
        kind, key = (INTENT, "payment_intent") if shown["mode"] == "payment" else (SETUP, "setup_intent")
        intent = self._simulation.store.get(kind, shown[key])
        method = self._simulation.store.find(METHOD, intent.object["payment_method"])
        charge = self._simulation.store.find(CHARGE, intent.object.get("latest_charge"))
        described = intent.object["description"] or ", ".join(
            item["description"] for item in session.hidden["line_items"]
        )
        return pages.show(
            "receipt.html",
            session=shown,
            items=session.hidden["line_items"],
            described=described,
            card=method.object["card"] if method else None,
            charge=charge.object if charge else None,
            moment=(charge or intent).object["created"],
            back=self._url(session, "torna"),
        )

    async def back(self, request: Request) -> Response:
        """To the shop's success_url; what waited for that leaves now."""
        session = self._complete_session(request)
        if isinstance(session, Response):
            return session
        self._simulation.deliveries.open_gate(session.id)
        return pages.go(stripe_checkout.shop_url(session))

    def _challenged(self, request: Request) -> Record | None:
        key, token = request.path_params["intent"], request.path_params["token"]
        intent = self._simulation.store.find(INTENT, key) or self._simulation.store.find(SETUP, key)
        return intent if intent and intent.hidden.get("challenge") == token else None

    def _no_challenge(self, request: Request) -> Response:
        key = request.path_params["intent"]
        intent = self._simulation.store.find(INTENT, key) or self._simulation.store.find(SETUP, key)
        session = self._simulation.store.find(SESSION, intent.hidden.get("session")) if intent else None
        back = self._url(session) if session else ""
        text = "Questa richiesta di autenticazione è già stata usata o non è più valida."
        return pages.notice("Autenticazione non disponibile", text, back=back, label="Continua", status=404)

    async def challenge(self, request: Request) -> Response:
        """The bank's 3-D Secure page."""
        if (intent := self._challenged(request)) is None:
            return self._no_challenge(request)
        method = self._simulation.store.find(METHOD, intent.object["payment_method"])
        return pages.show("challenge.html", intent=intent.object, card=method.object["card"] if method else None)

    async def answer(self, request: Request) -> Response:
        """The buyer authorises, refuses, or lets the time run out."""
        if (intent := self._challenged(request)) is None:
            return self._no_challenge(request)
        choice = str((await request.form()).get("esito", ""))
        if choice not in ANSWERS:
            return pages.go(request.url.path)
        session = self._simulation.store.find(SESSION, intent.hidden.get("session"))
        burst = Burst(Origin.PAGE, gate=session.id if session else intent.id)
        with self._simulation.deliveries.collect(burst):
            stripe_payments.authenticate(self._simulation, intent, passed=choice == "autorizza")
            if session:
                stripe_checkout.settle(self._simulation, session, intent)
        target = self._next(session) if session else self._return_url(intent)
        answer = await pages.leave(self._simulation, burst, pages.go(target))
        if not session:
            self._simulation.agenda.after(0.5, f"gate:{intent.id}", lambda: self._open(intent.id))
        return answer

    def _open(self, gate: str) -> None:
        self._simulation.deliveries.open_gate(gate)

    def _return_url(self, intent: Record) -> str:
        """The shop's return_url with what Stripe adds; the shop must not trust it."""
        shown = intent.object
        scheme, host, path, query, fragment = urlsplit(intent.hidden.get("return_url") or "/")
        added = urlencode(
            {
                shown["object"]: shown["id"],
                f"{shown['object']}_client_secret": shown["client_secret"],
                "redirect_status": "succeeded" if shown["status"] in ("succeeded", "processing") else "failed",
            }
        )
        return urlunsplit((scheme, host, path, f"{query}&{added}" if query else added, fragment))
