"""Step «Configura il servizio»: mailbox names, the customer's domain, the signer."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlmodel import Session, col, select

from pecapp import db, errors, i18n, tables
from pecapp.domain import catalog as rules
from pecapp.domain import identity
from pecapp.services import access, baskets, views

RECOGNITIONS = ("ts_cns", "cie", "signature", "webcam", "in_person")
SIGNER_FIELDS = (
    "signer_first_name",
    "signer_last_name",
    "signer_tax_code",
    "signer_email",
    "signer_phone",
    "recognition",
)
HELD, USED, FORMER = "held", "used", "former"

_NAME = db.table(tables.MailboxName)
_TAKE_BACK = (
    update(_NAME)
    .where(_NAME.c.address == bindparam("name"), _NAME.c.status == FORMER)
    .values(status=HELD, order_id=bindparam("owner"), former=True)
)
_HELD_BY = (_NAME.c.order_id == bindparam("owner"), _NAME.c.status == HELD)
_GIVE_UP = (
    update(_NAME)
    .where(_NAME.c.address == bindparam("label"), _NAME.c.status == USED)
    .values(status=FORMER, order_id=None)
)
_GIVE_BACK = update(_NAME).where(*_HELD_BY, _NAME.c.former).values(status=FORMER, order_id=None)
_FORGET = delete(_NAME).where(*_HELD_BY)


def configuration(actor: access.Actor, lang: i18n.Lang) -> views.ConfigurationView:
    """What was typed so far for the product in the basket, and what can be chosen. Raises Conflict (empty basket)."""
    with db.reading() as s:
        priced = baskets.require(s, actor)
    typed: dict[str, Any] = priced.data.get("configuration", {})
    names = typed.get("mailboxes") or [{}]
    wanted = priced.quote.cart.quantity
    rows = [names[i] if i < len(names) else {} for i in range(wanted)]
    return views.ConfigurationView(
        kind=priced.product.config.value,
        domains=list(priced.catalogue.domains),
        mailboxes=[views.MailboxView(row.get("local", ""), row.get("domain", "")) for row in rows],
        domain_name=typed.get("domain_name", ""),
        notice_pec=typed.get("notice_pec", ""),
        signer={name: typed.get(name, "") for name in SIGNER_FIELDS},
        recognition=typed.get("recognition", ""),
        recognitions=[i18n.text(f"recognition.{name}", lang) for name in RECOGNITIONS],
    )


def check_name(actor: access.Actor, local: str, domain: str) -> bool:
    """Whether a mailbox name is free now. Says nothing of who has it, and reserves nothing."""
    local, wrong = identity.check_local_part(local)
    with db.reading() as s:
        priced = baskets.require(s, actor)
        if wrong or domain not in priced.catalogue.domains:
            return False
        return not _taken(s, [f"{local}@{domain}"], tax_ids=set())


def configure(actor: access.Actor, form: Mapping[str, str], lang: i18n.Lang) -> views.BasketView:
    """Store the configuration of the product in the basket. Raises Invalid with everything that is wrong."""
    with db.transaction() as s:
        priced = baskets.require(s, actor)
        typed, wrong = _READERS[priced.product.config](s, priced, form)
        baskets.save(s, priced.draft, {"configuration": typed, "configured": not wrong})
        if not wrong:
            return baskets.view(priced, actor, lang)
    raise errors.Invalid(wrong)


def addresses(configuration: Mapping[str, Any]) -> list[str]:
    """The mailbox addresses that a configuration names."""
    return [f"{row['local']}@{row['domain']}" for row in configuration.get("mailboxes", [])]


def reserve(s: Session, order_id: int, names: list[str], tax_ids: set[str]) -> None:
    """Hold mailbox names for an order. Raises Invalid, by field of the configuration, for those that are taken.

    A name that was given up is free only for its former holder, known by codice fiscale or partita IVA.
    """
    taken = _taken(s, names, tax_ids)
    tax_id = max(tax_ids, key=len, default="")  # of the two, the codice fiscale is the person's for life
    taken += [name for name in sorted({*names} - {*taken}) if not _hold(s, order_id, name, tax_id)]
    if taken:
        raise errors.Invalid({f"local_{names.index(name)}": "NOME_NON_DISP" for name in taken})


def _hold(s: Session, order_id: int, name: str, tax_id: str) -> bool:
    """Hold a name that is new, or the asker's own former one; False when somebody was quicker."""
    held = {"address": name, "order_id": order_id, "status": HELD, "tax_id": tax_id, "former": False}
    if db.insert_once(s, tables.MailboxName, held):
        return True
    return db.core(s).execute(_TAKE_BACK, {"name": name, "owner": order_id}).rowcount == 1


def release(s: Session, order_id: int) -> None:
    """Let go of the names that an unpaid order held: new ones are free, former ones their former holder's again."""
    db.core(s).execute(_GIVE_BACK, {"owner": order_id})
    db.core(s).execute(_FORGET, {"owner": order_id})


def give_up(s: Session, address: str) -> None:
    """A mailbox is deleted: only its former holder may have the address again."""
    db.core(s).execute(_GIVE_UP, {"label": address})


def _taken(s: Session, names: list[str], tax_ids: set[str]) -> list[str]:
    name = tables.MailboxName
    known = s.exec(db.locked(select(name).where(col(name.address).in_(names)).order_by(name.address))).all()
    return [row.address for row in known if row.status != FORMER or row.tax_id not in tax_ids]


def _mailboxes(s: Session, priced: baskets.Priced, form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    return _read_mailboxes(s, priced, form, domain=None)


def _own_domain(s: Session, priced: baskets.Priced, form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    domain, wrong = identity.check_domain(form.get("domain_name", ""))
    typed, faults = _read_mailboxes(s, priced, form, domain=domain)
    return typed | {"domain_name": domain}, faults | ({"domain_name": wrong} if wrong else {})


def _read_mailboxes(
    s: Session, priced: baskets.Priced, form: Mapping[str, str], domain: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    rows: list[dict[str, str]] = []
    wrong: dict[str, str] = {}
    for i in range(priced.quote.cart.quantity):
        local, fault = identity.check_local_part(form.get(f"local_{i}", ""))
        row = {"local": local, "domain": domain if domain is not None else form.get(f"domain_{i}", "")}
        if domain is None and row["domain"] not in priced.catalogue.domains:
            wrong[f"domain_{i}"] = "CAMPO_SCELTA"
        if fault or row in rows:
            wrong[f"local_{i}"] = (fault or "NOME_RIPETUTO") if local else "CAMPO_OBBLIGATORIO"
        rows.append(row)
    if not wrong:
        names = addresses({"mailboxes": rows})
        wrong = {f"local_{names.index(name)}": "NOME_NON_DISP" for name in _taken(s, names, _tax_ids(s, priced))}
    return {"mailboxes": rows}, wrong


def _tax_ids(s: Session, priced: baskets.Priced) -> set[str]:
    """Who asks: the holder of the account that is signed in on the draft's browser, if any."""
    session = s.get(tables.WebSession, priced.draft.session_id)
    account = s.get(tables.Account, session.account_id) if session and session.account_id else None
    return tax_ids(account.holder) if account else set()


def tax_ids(holder: Mapping[str, Any]) -> set[str]:
    """The identifiers by which a holder is recognised."""
    return {value for name in ("tax_code", "vat_number") if (value := str(holder.get(name) or ""))}


def _invoicing(_s: Session, _priced: baskets.Priced, form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    address, fault = identity.check_email(form.get("notice_pec", ""))
    wrong = fault if address else "CAMPO_OBBLIGATORIO"
    return {"notice_pec": address}, {"notice_pec": wrong} if wrong else {}


def _signer(s: Session, _priced: baskets.Priced, form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    typed = {name: form.get(name, "") for name in SIGNER_FIELDS}
    checks = {
        "signer_tax_code": identity.check_tax_code(typed["signer_tax_code"], person=True),
        "signer_email": identity.check_email(typed["signer_email"]),
        "signer_phone": identity.check_mobile(typed["signer_phone"]),
    }
    wrong = {name: fault for name, (_, fault) in checks.items() if fault}
    typed |= {name: value for name, (value, _) in checks.items()}
    wrong |= {name: "CAMPO_OBBLIGATORIO" for name in SIGNER_FIELDS if not typed[name]}
    if typed["recognition"] not in RECOGNITIONS:
        wrong["recognition"] = "CAMPO_SCELTA"
    for name in ("signer_email", "signer_phone"):
        if name not in wrong and _belongs_to_another(s, typed[name], typed["signer_tax_code"]):
            wrong[name] = "CONTATTO_GIA_USATO"
    return typed, wrong


def _belongs_to_another(s: Session, value: str, tax_code: str) -> bool:
    contact = s.get(tables.SignerContact, value)
    return contact is not None and contact.tax_code != tax_code


def claim_contacts(s: Session, configuration: Mapping[str, Any]) -> None:
    """Tie the signer's e-mail and mobile to their codice fiscale. Raises Invalid when another has them."""
    tax_code = configuration.get("signer_tax_code")
    for name in ("signer_email", "signer_phone") if tax_code else ():
        value = configuration[name]
        if not db.insert_once(s, tables.SignerContact, {"value": value, "tax_code": str(tax_code)}) and (
            _belongs_to_another(s, value, str(tax_code))
        ):
            raise errors.Invalid({name: "CONTATTO_GIA_USATO"})


def _nothing(_s: Session, _priced: baskets.Priced, _form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    return {}, {}


_READERS = {
    rules.Config.PEC: _mailboxes,
    rules.Config.PEC_DOMAIN: _own_domain,
    rules.Config.INVOICING: _invoicing,
    rules.Config.SIGNER: _signer,
    rules.Config.NONE: _nothing,
}
