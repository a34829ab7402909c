"""The PayPal accounts that a buyer can sign in with: what each of them does is decided by the e-mail's local part."""

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

DOMAIN = "compratori.test"
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
BALANCE, CARD = "Saldo PayPal", "Carta Visa •••• 1881"


def account(seed: str) -> str:
    """An account id such as PayPal writes them, always the same for the same seed."""
    return "".join(LETTERS[byte % len(LETTERS)] for byte in hashlib.sha256(seed.encode()).digest()[:13])


@dataclass(frozen=True)
class Buyer:
    """`funding` are the sources to choose from, the first is used unless another is chosen.

    `settles`: a capture is PENDING first and then "completed" or "denied". `vault`: when a token is made, "at_once",
    "late" or "never". `revoked`: the token is there and refuses every later charge. `confirms`: PayPal wants them to
    confirm each charge of the token in person.
    """

    email: str
    payer_id: str
    given_name: str
    surname: str
    note: str
    country: str = "IT"
    funding: tuple[str, ...] = (BALANCE, CARD)
    declines_default: bool = False
    settles: str = ""
    vault: str = "at_once"
    locked: bool = False
    cancels: bool = False
    revoked: bool = False
    confirms: bool = False

    @property
    def name(self) -> dict[str, str]:
        """The name as PayPal's objects write it."""
        return {"given_name": self.given_name, "surname": self.surname}

    def is_declined(self, funding: str) -> bool:
        """Whether a charge of this source is refused for lack of money."""
        return self.declines_default and funding == self.funding[0]


def _buyer(local: str, given_name: str, surname: str, note: str, **behaviour: Any) -> Buyer:
    plain = Buyer(f"{local}@{DOMAIN}", account(local), given_name, surname, note)
    return dataclasses.replace(plain, **behaviour)


BUYERS = (
    _buyer("ok", "Maria", "Rossi", "Paga subito; se richiesto, il conto resta salvato per i rinnovi."),
    _buyer(
        "no-balance",
        "Paolo",
        "Verdi",
        "Il saldo non basta: il primo addebito è rifiutato, con l’altra fonte di pagamento riesce.",
        declines_default=True,
    ),
    _buyer("pending", "Lucia", "Bianchi", "Il pagamento resta in verifica, poi va a buon fine.", settles="completed"),
    _buyer("denied", "Carlo", "Neri", "Il pagamento resta in verifica, poi è negato.", settles="denied"),
    _buyer(
        "vault-late", "Elena", "Galli", "Paga subito; il conto salvato arriva più tardi, con un evento.", vault="late"
    ),
    _buyer("no-vault", "Marco", "Fontana", "Paga subito, ma il conto non viene salvato.", vault="never"),
    _buyer("locked", "Anna", "Greco", "Approva, ma il conto è bloccato: l’addebito è rifiutato.", locked=True),
    _buyer("cancel", "Luca", "Conti", "Arriva sulla pagina e annulla.", cancels=True),
    _buyer("foreign", "Urs", "Keller", "Paga subito da un conto svizzero.", country="CH"),
    _buyer(
        "token-revoked",
        "Sara",
        "Marini",
        "Il conto si salva, ma ogni addebito successivo senza il compratore è rifiutato.",
        revoked=True,
    ),
    _buyer(
        "confirm",
        "Giulia",
        "Riva",
        "Il conto si salva; ogni addebito successivo va confermato qui, e senza il compratore è rifiutato.",
        confirms=True,
    ),
)
_BY_LOCAL = {buyer.email.partition("@")[0]: buyer for buyer in BUYERS}


def find(email: str) -> Buyer:
    """The buyer of this e-mail: known ones whatever the domain; anybody else is a new, ordinary account."""
    address = email.strip().lower()
    if known := _BY_LOCAL.get(address.partition("@")[0]):
        return dataclasses.replace(known, email=address)
    return Buyer(address, account(address), "Nuovo", "Compratore", "Un conto qualsiasi: paga subito.")
