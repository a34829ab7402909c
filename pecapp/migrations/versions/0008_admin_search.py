"""The staff's lists and search: the words of each account, and an index for each way to sort or to look."""

import re
import unicodedata
from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_PAGE = 1_000
_PATTERN = "text_pattern_ops"
_INDEXES = (
    ("ix_account_role_created", "account", ["role", "created_at", "id"]),
    ("ix_account_role_email", "account", ["role", "email_key"]),
    ("ix_order_created", "customer_order", ["created_at", "id"]),
    ("ix_order_status_created", "customer_order", ["status", "created_at", "id"]),
    ("ix_order_gross", "customer_order", ["gross_cents", "id"]),
    ("ix_attempt_created", "payment_attempt", ["created_at", "id"]),
    ("ix_attempt_status_created", "payment_attempt", ["status", "created_at", "id"]),
    ("ix_attempt_last4_created", "payment_attempt", ["card_last4", "created_at"]),
    ("ix_method_created", "payment_method", ["created_at", "id"]),
    ("ix_method_status_created", "payment_method", ["status", "created_at", "id"]),
    ("ix_method_ends", "payment_method", ["exp_year", "exp_month", "id"]),
    ("ix_payment_method_last4", "payment_method", ["last4"]),
    ("ix_payment_method_customer_ref", "payment_method", ["customer_ref"]),
    ("ix_refund_gateway_ref", "refund", ["gateway_ref"]),
    ("ix_service_expiry", "service", ["expires_on", "id"]),
    ("ix_service_status", "service", ["status", "id"]),
    ("ix_service_renewal", "service", ["renewal", "id"]),
    ("ix_service_status_expiry", "service", ["status", "expires_on", "id"]),
)
_BEGINNINGS = (("ix_service_label", "service", "label"), ("ix_mailbox_address", "mailbox_name", "address"))


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "account_word",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id", "word"),
    )
    _fill()
    op.create_index(
        "ix_account_word", "account_word", ["word", "account_id"], unique=False, postgresql_ops={"word": _PATTERN}
    )
    op.drop_index("ix_service_expiry", "service")
    for name, table, names in _INDEXES:
        op.create_index(name, table, names, unique=False)
    for name, table, column in _BEGINNINGS:
        op.create_index(name, table, [column], unique=False, postgresql_ops={column: _PATTERN})


def _fill() -> None:
    """The words of the accounts that are there, a page of them at a time."""
    account = sa.table("account", *map(sa.column, ("id", "login", "email")), sa.column("holder", sa.JSON()))
    word = sa.table("account_word", sa.column("account_id"), sa.column("word"))
    bind, last = op.get_bind(), 0
    wanted = sa.select(account).where(account.c.id > sa.bindparam("last")).order_by(account.c.id).limit(_PAGE)
    while found := bind.execute(wanted, {"last": last}).all():
        last = found[-1].id
        rows = [
            {"account_id": row.id, "word": one} for row in found for one in {*_words(row.login, row.email, row.holder)}
        ]
        bind.execute(word.insert(), rows)


def _words(login: str, email: str, holder: Mapping[str, object]) -> Iterator[str]:
    """As the product made them when this was written: its later words are its own business."""
    yield from (_fold(login)[:120], _fold(email)[:120])
    for field in ("first_name", "last_name", "company_name", "legal_first_name", "legal_last_name"):
        for said in _fold(str(holder.get(field) or "")).split():
            parts = [part for part in re.split(r"[\W_]+", said) if part]
            if parts:
                yield "".join(parts)[:120]
            yield from (part[:120] for part in parts if len(part) > 1)
    for field in ("tax_code", "vat_number", "phone"):
        if said := re.sub(r"[\W_]+", "", _fold(str(holder.get(field) or ""))):
            yield said[:120]
            if field == "phone":
                yield said.removeprefix("39")[:120]


def _fold(said: str) -> str:
    apart = unicodedata.normalize("NFKD", said.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c)).strip()
