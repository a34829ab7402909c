"""The members of the staff: who they are, what they may do, and how they lose it."""

import secrets
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from pecapp import db, errors, i18n, tables
from pecapp.domain import identity, staff
from pecapp.services import access, accounts, audit, live, second_factor

_ROLES = frozenset(staff.Role)


@dataclass(frozen=True)
class Member:
    """A member of the staff, or who was one."""

    account_id: int
    email: str
    role: str
    second_factor: bool
    """Whether an authenticator app is set up."""
    me: bool


def listing(actor: access.Actor) -> list[Member]:
    """Everybody who is or was of the staff. Raises Forbidden."""
    own = access.staff(actor, staff.Right.STAFF)
    account, factor = tables.Account, tables.SecondFactor
    with db.reading() as s:
        rows = s.exec(
            select(account, factor.confirmed_at)
            .join(factor, col(factor.account_id) == account.id, isouter=True)
            .where(col(account.role).in_([*_ROLES, access.FORMER]))
            .order_by(col(account.role) == access.FORMER, account.email)
        ).all()
    return [Member(row.id or 0, row.email, row.role, set_up is not None, row.id == own) for row, set_up in rows]


def invite(actor: access.Actor, email: object, role: object, why: object) -> None:
    """Make somebody a member of the staff: a mail (S01) lets them choose a password, the first sign-in sets up the app.

    Raises Forbidden, Invalid: no reason, no address, no role, or the address of a customer or of a member.
    """
    access.staff(actor, staff.Right.STAFF)
    said, wanted = audit.reason(why), _role(role)
    address, wrong = check_address(email)
    if wrong:
        raise errors.Invalid({"email": wrong})
    try:
        with db.transaction() as s:
            unguessable = secrets.token_urlsafe(32)  # nobody knows it: the link of the mail sets another
            made = accounts.add(s, email=address, password=unguessable, holder={}, role=wanted, lang=i18n.DEFAULT)
            accounts.send_invitation(s, made)
            _record(s, actor, "member_invited", made, {}, {"role": wanted}, said)
    except IntegrityError:
        raise errors.Invalid({"email": "PERSONALE_CLIENTE"}) from None


def check_address(email: object) -> tuple[str, str | None]:
    """The address of somebody to invite, normalised, and what is wrong with it or None."""
    said = email.strip()[:254] if isinstance(email, str) else ""
    return identity.check_email(said) if said else ("", "CAMPO_OBBLIGATORIO")


def invite_again(actor: access.Actor, account_id: int, why: object) -> None:
    """Send a member who has not come in yet another invitation; the link of the one before is worthless then.

    Raises Forbidden, Invalid without a reason, NotFound, Conflict (`PERSONALE_GIA_ENTRATO`) for who has come in.
    """
    access.staff(actor, staff.Right.STAFF)
    said = audit.reason(why)
    with db.transaction() as s:
        member = _other(s, actor, account_id)
        factor = s.get(tables.SecondFactor, account_id)
        if member.role == access.FORMER or (factor is not None and factor.confirmed_at is not None):
            raise errors.Conflict("PERSONALE_GIA_ENTRATO")
        accounts.send_invitation(s, member)
        _record(s, actor, "member_invited", member, {}, {"role": member.role}, said)


def set_role(actor: access.Actor, account_id: int, role: object, why: object) -> None:
    """Change what a member may do; `former` takes everything from them. Their sessions end.

    Raises Forbidden, Invalid without a reason or for an unknown role, NotFound, Conflict for one's own account.
    """
    access.staff(actor, staff.Right.STAFF)
    said, wanted = audit.reason(why), access.FORMER if role == access.FORMER else _role(role)
    with db.transaction() as s:
        member = _other(s, actor, account_id)
        before = {"role": member.role}
        member.role = wanted
        s.add(member)
        if wanted == access.FORMER:
            second_factor.forget(s, account_id)
        else:
            access.end_sessions(s, account_id)
        _record(s, actor, "member_role_changed", member, before, {"role": wanted}, said)


def forget_second_factor(actor: access.Actor, account_id: int, why: object) -> None:
    """Let a member who has lost the app and the recovery codes set up another one at the next sign-in.

    Raises Forbidden, Invalid without a reason, NotFound, Conflict for one's own account.
    """
    access.staff(actor, staff.Right.STAFF)
    said = audit.reason(why)
    with db.transaction() as s:
        member = _other(s, actor, account_id)
        second_factor.forget(s, account_id)
        _record(s, actor, "second_factor_forgotten", member, {}, {}, said)


def _other(s: Session, actor: access.Actor, account_id: int) -> tables.Account:
    """A member of the staff who is not the one who acts, held, and all owners with them: one of them stays.

    Their sessions are not: who is entering the second factor holds that and stores a session, and would be waited for.
    Raises Forbidden when the one who acts has lost the right meanwhile, Conflict, NotFound.
    """
    if account_id == actor.account_id:
        raise errors.Conflict("PERSONALE_SE_STESSO")
    account = tables.Account
    all_owners = select(account).where(account.role == staff.Role.OWNER).order_by(col(account.id))
    owners = s.exec(db.locked(all_owners, referable=True)).all()
    if actor.account_id not in {owner.id for owner in owners}:
        raise errors.Forbidden
    wanted = select(account).where(account.id == account_id, col(account.role).in_([*_ROLES, access.FORMER]))
    member = s.exec(db.locked(wanted, referable=True)).one_or_none()
    if member is None:
        raise errors.NotFound
    return member


def _role(role: object) -> str:
    if not isinstance(role, str) or role not in _ROLES:
        raise errors.Invalid({"role": "RUOLO_SCONOSCIUTO"}, "RUOLO_SCONOSCIUTO")
    return str(role)


def _record(
    s: Session,
    actor: access.Actor,
    act: str,
    member: tables.Account,
    before: dict[str, str],
    after: dict[str, str],
    why: str,
) -> None:
    audit.record(s, actor, act, f"account:{member.id}", before={"email": member.email, **before}, after=after, why=why)
    live.publish(s, live.ADMINS)
