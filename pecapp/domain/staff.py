"""Members of staff: what each role may do. Whoever may do less can break less."""

from enum import StrEnum


class Role(StrEnum):
    """What a member of staff is here for."""

    SUPPORT = "support"
    FINANCE = "finance"
    OWNER = "owner"


class Right(StrEnum):
    """Something that not everybody of the staff may do."""

    READ = "read"
    """See customers, orders, payments, methods, notifications and the board."""
    ASSIST = "assist"
    """Act for a customer: methods, renewals, mails, unpaid orders, notes."""
    REFUND = "refund"
    """Give money back, settle a difference with a gateway."""
    HOLD = "hold"
    """Stop coming debits: nobody of the staff has to ask somebody else first."""
    RELEASE = "release"
    """Let debits go on that were stopped."""
    REPLAY = "replay"
    """Have notifications of a gateway handled again, and fetch those that are missing."""
    SELL = "sell"
    """Change prices, promotions and discount codes."""
    STAFF = "staff"
    """Invite members of staff, change their roles, see what they did."""


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.SUPPORT: frozenset({Right.READ, Right.ASSIST, Right.HOLD}),
    Role.FINANCE: frozenset({Right.READ, Right.REFUND, Right.HOLD, Right.RELEASE, Right.REPLAY}),
    Role.OWNER: frozenset(Right),
}


def may(role: str, right: Right) -> bool:
    """Whether a role, a customer's or a stranger's too, has a right."""
    return role in RIGHTS and right in RIGHTS[Role(role)]


def is_staff(role: str) -> bool:
    """Whether a role is one of the staff's."""
    return role in RIGHTS
