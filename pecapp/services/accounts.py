"""The customers themselves: registration, address and password by link, holder's data.

An address that already has an account cannot register again, and the form says so: the person must be signed in at
once to go on buying, so no answer could hide it for long. What that tells a stranger is limited by the number of
tries, and the owner of the address gets the way in by mail. Asking for a lost username or password tells nothing.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select, update

from pecapp import clock, db, errors, i18n, settings, tables
from pecapp.domain import identity, staff, words
from pecapp.services import access, devices, links, numbering, outbox, passwords, terms, throttle, views

_FIRST_LOGIN = 1_000_000
INVITED_FOR = timedelta(days=3)
"""How long somebody has who was invited to the staff."""
_PATHS = {links.Purpose.CONFIRM: "/conferma-email?token=", links.Purpose.RECOVER: "/password?token="}


def register(actor: access.Actor, form: Mapping[str, object]) -> str:
    """Make an account; gives the ticket with which this browser, and no other, signs in once (`access.redeem`).

    `form` holds the fields of `identity.Holder` and `password`, `password_again`, `privacy_seen`, `lang`. Raises
    Invalid with everything that is wrong, TooMany, or Forbidden for a browser without cookies; nothing is stored then.
    """
    session_id = access.browser(actor)
    holder, password = _checked(form)
    where = throttle.place(actor.ip)
    throttle.spend(throttle.REGISTER_HERE, where)
    throttle.spend(throttle.REGISTER_EMAIL, _key(holder.email))
    lang = i18n.language(form.get("lang", actor.lang))
    hashed = passwords.digest(password)
    try:
        with db.transaction() as s:
            account = _insert(s, holder, hashed, lang)
            account_id = account.id or 0
            _accept(s, actor, account_id, lang, "privacy")
            if holder.marketing:
                _accept(s, actor, account_id, lang, "marketing")
            _mail(s, account, links.Purpose.CONFIRM)
            return links.issue(s, links.Purpose.ENTRY, account_id, session_id=session_id)
    except IntegrityError:
        _tell_owner(holder.email)
        raise errors.Invalid({"email": "EMAIL_GIA_REGISTRATA"}) from None


def _checked(form: Mapping[str, object]) -> tuple[identity.Holder, str]:
    holder, wrong = identity.check_holder(form)
    password = form.get("password")
    wrong |= _password_faults(password, form.get("password_again"), *_known(form))
    if form.get("privacy_seen") != "yes":
        wrong["privacy_seen"] = "PRIVACY_MANCANTE"
    if holder is None or wrong:
        raise errors.Invalid(wrong)
    return holder, str(password)


def doubts(form: Mapping[str, object]) -> dict[str, str]:
    """What the person should look at again before registering, as field -> code; it never blocks."""
    holder, _ = identity.check_holder(form)
    return {} if holder is None else identity.warnings(holder, today=clock.today())


def _password_faults(password: object, again: object, *known: str) -> dict[str, str]:
    if not isinstance(password, str) or not password:
        return {"password": "CAMPO_OBBLIGATORIO"}
    if complaint := passwords.complaint(password, *known):
        return {"password": complaint}
    return {} if password == again else {"password_again": "PASSWORD_DIVERSE"}


def _known(form: Mapping[str, object]) -> list[str]:
    names = ("email", "tax_code", "vat_number", "company_name", "phone")
    return [value for name in names if isinstance(value := form.get(name), str)]


def add(
    s: Session, *, email: str, password: str, holder: Mapping[str, Any], role: str, lang: str, login: str | None = None
) -> tables.Account:
    """An account with data that need no check (demo, staff). `login` is the number, else the next free one is taken."""
    now = clock.now()
    account = tables.Account(
        login=f"{login or _next_login(s)}@{settings.load().login_domain}",
        email=email,
        email_key=_key(email),
        email_confirmed_at=now,
        role=role,
        password_hash=passwords.digest(password),
        lang=lang,
        holder=dict(holder),
        created_at=now,
    )
    s.add(account)
    s.flush()
    _index(s, account)
    return account


def create_admin(email: str, password: str) -> str:
    """Make somebody an owner; gives the login. Raises Invalid for a bad or taken address and for a bad password."""
    address, wrong = identity.check_email(email)
    if wrong:
        raise errors.Invalid({"email": wrong})
    if complaint := passwords.complaint(password, address):
        raise errors.Invalid({"password": complaint})
    try:
        with db.transaction() as s:
            return add(s, email=address, password=password, holder={}, role=staff.Role.OWNER, lang=i18n.DEFAULT).login
    except IntegrityError:
        raise errors.Invalid({"email": "EMAIL_GIA_REGISTRATA"}) from None


def _insert(s: Session, holder: identity.Holder, hashed: str, lang: str) -> tables.Account:
    account = tables.Account(
        login=f"{_next_login(s)}@{settings.load().login_domain}",
        email=holder.email,
        email_key=_key(holder.email),
        password_hash=hashed,
        lang=lang,
        holder=holder.model_dump(mode="json"),
        created_at=clock.now(),
    )
    s.add(account)
    s.flush()
    _index(s, account)
    return account


def _index(s: Session, account: tables.Account) -> None:
    """Let the staff find the account by the words of its present data, and by none of its former."""
    word = tables.AccountWord
    found = words.of_account(account.login, account.email_key, account.holder)
    s.execute(delete(word).where(col(word.account_id) == account.id))
    s.execute(insert(word), [{"account_id": account.id, "word": one} for one in sorted(found)])


def _next_login(s: Session) -> int:
    while True:
        number = _FIRST_LOGIN + numbering.take(s, "login")
        login = f"{number}@{settings.load().login_domain}"
        if s.exec(select(tables.Account.id).where(tables.Account.login == login)).first() is None:
            return number


def _key(email: str) -> str:
    return email.strip().lower()


def _accept(s: Session, actor: access.Actor, account_id: int, lang: i18n.Lang, kind: str) -> None:
    document = terms.current("privacy", lang)
    s.add(
        tables.Acceptance(
            account_id=account_id,
            kind=kind,
            document_id=document.id,
            version=document.version,
            sha256=document.sha256,
            label=i18n.text(f"access.{kind}_label", lang),
            lang=lang,
            accepted_at=clock.now(),
            ip=actor.ip,
            user_agent=actor.user_agent,
        )
    )


def _mail(s: Session, account: tables.Account, purpose: links.Purpose) -> None:
    """Send a link: «Conferma iscrizione» (M01), or the way in for who lost it (M00)."""
    token = links.issue(s, purpose, account.id or 0)
    template = "m01" if purpose is links.Purpose.CONFIRM else "m00"
    outbox.post(
        s,
        template=template,
        dedup_key=f"{template}:{account.id}:{token[:12]}",
        account_id=account.id or 0,
        to_address=account.email,
        lang=account.lang,
        params={"login": account.login, "path": _PATHS[purpose] + token},
    )


def confirm_email(token: object) -> None:
    """The reference address receives what we send. Safe to repeat while the link lasts: mail readers open links first.

    Raises NotFound (`LINK_NON_VALIDO`).
    """
    with db.transaction() as s:
        row = links.find(s, token, links.Purpose.CONFIRM)
        if row.used_at is None:
            row.used_at = clock.now()
            s.add(row)
            _confirm(s, row.account_id)


def _confirm(s: Session, account_id: int) -> None:
    account = s.get_one(tables.Account, account_id)
    account.email_confirmed_at = account.email_confirmed_at or clock.now()
    s.add(account)


def request_access(actor: access.Actor, email: str) -> None:
    """Send the username and a link for a new password to an address that has an account; the answer is always the same.

    Raises Invalid for what is no address, TooMany.
    """
    address, wrong = identity.check_email(email[:254])
    if wrong:
        raise errors.Invalid({"email": wrong})
    throttle.spend(throttle.RECOVER_HERE, throttle.place(actor.ip))
    _tell_owner(address)


def _tell_owner(email: str) -> None:
    try:
        throttle.spend(throttle.RECOVER_EMAIL, _key(email))
    except errors.TooMany:
        return  # enough of them were sent, and saying so would tell that there is an account
    with db.transaction() as s:
        account = s.exec(select(tables.Account).where(tables.Account.email_key == _key(email))).one_or_none()
        if account is not None:
            _mail(s, account, links.Purpose.RECOVER)


def send_invitation(s: Session, account: tables.Account) -> None:
    """Send a new member of the staff a link for a password, in the transaction that makes their account.

    What was sent before is worthless then.
    """
    links.revoke(s, account.id or 0, links.Purpose.RECOVER)
    token = links.issue(s, links.Purpose.RECOVER, account.id or 0, lasts=INVITED_FOR)
    outbox.post(
        s,
        template="s01",
        dedup_key=f"s01:{account.id}:{token[:12]}",
        account_id=account.id or 0,
        to_address=account.email,
        lang=account.lang,
        params={"role": account.role, "path": _PATHS[links.Purpose.RECOVER] + token},
    )


def check_link(_actor: access.Actor, token: object) -> None:
    """Raise NotFound (`LINK_NON_VALIDO`) unless the link of a mail can still set a password."""
    with db.reading() as s:
        if links.find(s, token, links.Purpose.RECOVER).used_at is not None:
            raise errors.NotFound("LINK_NON_VALIDO")


def set_password(actor: access.Actor, token: object, password: object, again: object) -> None:
    """Set a new password by the link of a mail, once. Every session of the account ends, every other link is worthless,
    and so is the address of its calendar.

    Whoever the account belongs to is told by mail (M23), wherever the link was used.
    Raises NotFound for the link, Invalid for the password (the link stays good), TooMany.
    """
    throttle.spend(throttle.TOKEN_HERE, throttle.place(actor.ip))
    with db.reading() as s:
        account = s.get_one(tables.Account, links.find(s, token, links.Purpose.RECOVER).account_id)
    if wrong := _password_faults(password, again, account.email, account.login):
        raise errors.Invalid(wrong)
    hashed = passwords.digest(str(password))
    with db.transaction() as s:
        account_id = links.use(s, token, links.Purpose.RECOVER)
        s.execute(update(tables.Account).where(col(tables.Account.id) == account_id).values(password_hash=hashed))
        _confirm(s, account_id)
        links.revoke(s, account_id, links.Purpose.RECOVER)
        access.end_sessions(s, account_id)
        s.execute(delete(tables.CalendarFeed).where(col(tables.CalendarFeed.account_id) == account_id))
        devices.password_reset(s, account_id, actor)
    throttle.forgive(throttle.SIGN_IN_NAME, account.login)
    throttle.forgive(throttle.SIGN_IN_NAME, account.email_key)


def holder(actor: access.Actor) -> views.HolderView:
    """The holder's data of the customer who asks. Raises Forbidden."""
    account_id = access.require(actor)
    with db.reading() as s:
        account = s.get_one(tables.Account, account_id)
    known, _ = identity.check_holder(account.holder)
    return views.HolderView(
        fields={name: _field(value) for name, value in account.holder.items()},
        display_name=known.display_name if known else account.email,
        email=account.email,
        consumer=known.consumer if known else True,
    )


def _field(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return str(value)


def update_holder(actor: access.Actor, form: Mapping[str, object]) -> None:
    """Correct the holder's data; what `form` does not hold stays. A new address must be confirmed by link again.

    A new address that is given in a browser new to the account is told to the old one (M23).
    Raises Forbidden, or Invalid with everything that is wrong.
    """
    account_id = access.require(actor)
    if staff.is_staff(actor.role):
        raise errors.Forbidden  # the register names members of the staff by their address
    with db.reading() as s:
        stored = s.get_one(tables.Account, account_id).holder
    corrected, wrong = identity.check_holder({**stored, **form})
    if corrected is None:
        raise errors.Invalid(wrong)
    try:
        with db.transaction() as s:
            account = s.exec(db.locked(select(tables.Account).where(tables.Account.id == account_id))).one()
            before = account.email
            moved = _key(corrected.email) != account.email_key
            account.holder = corrected.model_dump(mode="json")
            if moved:
                account.email, account.email_key = corrected.email, _key(corrected.email)
                account.email_confirmed_at = None
                links.revoke(s, account_id, links.Purpose.CONFIRM)
                links.revoke(s, account_id, links.Purpose.RECOVER)
            s.add(account)
            s.flush()
            _index(s, account)
            if moved:
                _mail(s, account, links.Purpose.CONFIRM)
                devices.changed(s, actor, "email", before)
    except IntegrityError:
        raise errors.Invalid({"email": "EMAIL_GIA_REGISTRATA"}) from None
