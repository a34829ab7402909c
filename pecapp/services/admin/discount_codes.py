"""Discount codes: what is to come can be added, what runs can be ended; an order keeps the code that it has (9.25)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, func, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, staff
from pecapp.domain import catalog as rules
from pecapp.services import access, audit, catalog
from pecapp.services.admin import offers

_CODE = re.compile(r"[A-Z0-9-]{3,20}")
COUNTED = 1_000
"""Up to how many uses of a code are counted: an open page counts them anew at each payment of anybody."""


@dataclass(frozen=True)
class CodeView:
    """A discount code, and how often it was used."""

    code: str
    what: str
    products: str
    since: str
    until: str
    """The last day on which it counts."""
    uses: str
    state: str


def listed(s: Session, names: Mapping[str, str], lang: i18n.Lang) -> list[CodeView]:
    """All codes, the newest first; `names` are those of the products."""
    code = tables.DiscountCode
    uses = _uses(s)
    return [
        _code(row, uses.get(row.code, 0), names, lang)
        for row in s.exec(select(code).order_by(col(code.starts_at).desc()))
    ]


def _uses(s: Session) -> dict[str, int]:
    """How often each code was used, or one more than `COUNTED`: the index alone answers, it holds all that is read."""
    code, use = tables.DiscountCode, tables.CodeUse
    some = select(use.code).where(use.code == code.code).limit(COUNTED + 1).correlate(code).subquery()
    return dict(s.exec(select(code.code, select(func.count()).select_from(some).scalar_subquery())).all())


def _code(row: tables.DiscountCode, uses: int, names: Mapping[str, str], lang: i18n.Lang) -> CodeView:
    value = f"{row.value} %" if row.kind == rules.CodeKind.PERCENT else i18n.money(row.value, lang)
    most = i18n.number(row.max_uses, lang) if row.max_uses is not None else "∞"
    used = i18n.number(min(uses, COUNTED), lang)
    if uses > COUNTED:
        used = i18n.text("staff.code.used_over", lang, number=used)
    return CodeView(
        code=row.code,
        what=i18n.text(f"staff.code.kind.{row.kind}", lang, value=value),
        products=", ".join(names.get(one, one) for one in row.product_codes) or i18n.text("staff.code.all", lang),
        since=i18n.date(calendar.rome_date(row.starts_at), lang),
        until=offers.until(row.ends_at, lang),
        uses=f"{used} / {most}",
        state=offers.state(row.starts_at, row.ends_at),
    )


@dataclass(frozen=True)
class NewCode:
    """A discount code as it is asked for; `None` for what was typed and is no number or day."""

    code: str
    kind: str
    value: int | None
    product_codes: tuple[str, ...]
    first: date | None
    last: date | None
    max_uses: int | None = None
    max_uses_per_account: int | None = None
    combinable: bool = False


def add_code(actor: access.Actor, wanted: NewCode, why: object) -> None:
    """A code that customers can type from the morning of its first day to the end of its last.

    Raises Forbidden, Invalid with all that is wrong, Conflict when there is or was a code of that name.
    """
    access.staff(actor, staff.Right.SELL)
    said, wrong = offers.reason(why)
    with db.transaction() as s:
        catalog.hold(s)
        wrong |= _code_faults(wanted, {product.code for product in catalog.current(s).price_list.products})
        if wrong or wanted.first is None or wanted.last is None:
            raise errors.Invalid(wrong)
        if s.get(tables.DiscountCode, wanted.code) is not None:
            raise errors.Conflict("COD_ESISTE")
        s.add(
            tables.DiscountCode(
                code=wanted.code,
                kind=wanted.kind,
                value=wanted.value or 0,
                product_codes=list(wanted.product_codes),
                starts_at=offers.morning(wanted.first),
                ends_at=offers.morning(offers.day_after(wanted.last)),
                max_uses=wanted.max_uses,
                max_uses_per_account=wanted.max_uses_per_account,
                combinable=wanted.combinable,
            )
        )
        after = {"kind": wanted.kind, "value": wanted.value, "last": wanted.last.isoformat(), "uses": wanted.max_uses}
        offers.written(s, actor, "code_added", wanted.code, {}, after, said)


def _code_faults(wanted: NewCode, products: set[str]) -> dict[str, str]:
    wrong = {} if _CODE.fullmatch(wanted.code) else {"code": "COD_FORMATO"}
    value, kind = wanted.value, wanted.kind
    if kind not in set(rules.CodeKind):
        wrong["kind"] = "DATI_NON_VALIDI"
    most = 100 if kind == rules.CodeKind.PERCENT else offers.HIGHEST
    least = 0 if kind == rules.CodeKind.SPECIAL else 1
    if value is None or not least <= value <= most:
        wrong["value"] = "COD_VALORE"
    wrong |= offers.days_faults(wanted.first, wanted.last, clock.today(), "PROMO_PASSATA")
    if not set(wanted.product_codes) <= products:
        wrong["product"] = "PROD_NON_DISP"
    for name, limit in (("max_uses", wanted.max_uses), ("max_uses_per_account", wanted.max_uses_per_account)):
        if limit is not None and limit < 1:
            wrong[name] = "COD_LIMITE"
    return wrong


def end_code(actor: access.Actor, code: str, why: object) -> None:
    """End a code now: orders that have it keep it. Raises Forbidden, Invalid, NotFound, Conflict (ended)."""
    access.staff(actor, staff.Right.SELL)
    said, now = audit.reason(why), clock.now()
    with db.transaction() as s:
        catalog.hold(s)
        row = s.get(tables.DiscountCode, code)
        if row is None:
            raise errors.NotFound
        was = {"ends_at": row.ends_at.isoformat()}
        offers.end(s, row, now)
        offers.written(s, actor, "code_ended", code, was, {"ends_at": now.isoformat()}, said)
