"""Tax and VAT numbers are found whole, not by their beginnings; headers of notifications."""

import re
import unicodedata
from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_PAGE = 1_000


def upgrade() -> None:
    """Forward. A null in the new column is cheap on a table as long as this one."""
    op.add_column("inbox_event", sa.Column("headers", sa.JSON(), nullable=True))
    _make_whole()


def _make_whole() -> None:
    """Write down anew the words of the accounts that are there, a page of them at a time."""
    account = sa.table("account", *map(sa.column, ("id", "login", "email")), sa.column("holder", sa.JSON()))
    word = sa.table("account_word", sa.column("account_id"), sa.column("word"))
    bind, last = op.get_bind(), 0
    wanted = sa.select(account).where(account.c.id > sa.bindparam("last")).order_by(account.c.id).limit(_PAGE)
    while found := bind.execute(wanted, {"last": last}).all():
        last = found[-1].id
        bind.execute(sa.delete(word).where(word.c.account_id.in_([row.id for row in found])))
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
    for field in ("tax_code", "vat_number"):
        if number := _number(holder, field):
            yield f"={number}"
    if phone := _number(holder, "phone"):
        yield from {phone, phone.removeprefix("39")} - {""}


def _number(holder: Mapping[str, object], field: str) -> str:
    return re.sub(r"[\W_]+", "", _fold(str(holder.get(field) or "")))[:120]


def _fold(said: str) -> str:
    apart = unicodedata.normalize("NFKD", said.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c)).strip()
