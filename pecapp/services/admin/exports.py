"""A list with its filters as CSV, made while it is sent: no file, no memory, no transaction that stays open."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pecapp import clock, db, errors, i18n
from pecapp.services import access, audit
from pecapp.services.admin import keyset, lists, vocabulary

_COLUMNS = MappingProxyType(
    {
        "clienti": ("id", "name", "email", "login", "kind", "confirmed", "iso"),
        "ordini": ("number", "iso", "customer", "title", "status", "kind", "gateway", "cents"),
        "pagamenti": (
            *("order_number", "try", "iso", "customer", "means", "status", "why"),
            *("gateway", "channel", "reference", "cents"),
        ),
        "servizi": ("id", "customer", "name", "label", "status", "renewal", "expires_iso", "means"),
        "metodi": ("id", "customer", "title", "gateway", "status", "expires", "ceiling", "iso", "used"),
        "posta": ("id", "subject", "to_address", "order", "status", "tries", "iso"),
        "registro": ("act_id", "iso", "by", "role", "act", "about", "changed", "why"),
    }
)
"""What of a row is written, in this order; its headings are `adm.csv.<name>`."""
_NAMED = MappingProxyType({"expires_iso": "iso", "try": "number", "about": "subject"})
"""What a row calls a column that has another heading than the same thing of other lists."""
_BOM = "\ufeff"
_FORMULA = re.compile(r"""(^(?=[\t\r])|(?:^|[,;|\t\r\n])[\s"]*(?=[=+\-@＝＋－＠]))""")
"""Where a spreadsheet would take what follows for a formula: at the beginning of a cell, and after whatever may end a
cell in the eyes of one that reads the file by other signs than ours."""


class Export:
    """One download, written down twice: that it begins, before anything goes out, and at `close` what has gone out."""

    def __init__(self, actor: access.Actor, name: str, asked: keyset.Asked, lang: i18n.Lang) -> None:
        """Raises Forbidden, NotFound for a list that there is not."""
        self.filename = f"{name}-{clock.today().isoformat()}.csv"
        self._actor, self._name, self._asked = actor, name, asked
        self._lang: i18n.Lang = lang
        self._pieces = lists.everything(actor, name, asked, lang)
        self._rows = 0
        self._begun = self._complete = self._closed = False

    def pieces(self) -> Iterator[bytes]:
        """The file, some hundreds of rows at a time; the heading first. It ends where the right to read it ends."""
        names = _COLUMNS[self._name]
        self._record("list_export_begun", {})
        self._begun = True
        yield (_BOM + _written([[i18n.text(f"adm.csv.{name}", self._lang) for name in names]])).encode()
        with suppress(errors.Forbidden):
            for rows in self._pieces:
                self._rows += len(rows)
                yield _written([[self._cell(row, name) for name in names] for row in rows]).encode()
            self._complete = True

    def close(self) -> None:
        """Write into the register what was taken away, if anything was begun. Safe to repeat."""
        if self._begun and not self._closed:
            self._closed = True
            self._record("list_exported", {"rows": self._rows, "complete": self._complete})

    def _record(self, act: str, result: dict[str, Any]) -> None:
        period = [day.isoformat() if day else "" for day in (self._asked.since, self._asked.until)]
        after = {**result, **lists.narrowed(self._name, self._asked)}
        if any(period):
            after["period"] = "/".join(period)
        with db.transaction() as s:
            audit.record(s, self._actor, act, f"list:{self._name}", before={}, after=after, why="")

    def _cell(self, row: Any, name: str) -> str:
        value = getattr(row, _NAMED.get(name, name))
        group = vocabulary.COLUMNS.get((self._name, name))
        if group and value:
            words = i18n.words(self._lang)
            return _safe(words.get(f"{group}.{value}", str(value)))
        if isinstance(value, bool):
            return i18n.text(f"adm.csv.{'yes' if value else 'no'}", self._lang)
        if name == "cents":
            units, cents = divmod(abs(value), 100)
            return f"{'-' if value < 0 else ''}{units}{',' if self._lang == 'it' else '.'}{cents:02d}"
        return _safe(_moment(value) if name == "iso" else str(value))


def _moment(iso: str) -> str:
    """An instant on the clocks of Rome, as its page shows it, in figures that a spreadsheet can sort."""
    return datetime.fromisoformat(iso).astimezone(clock.ROME).strftime("%Y-%m-%d %H:%M")


def _safe(cell: str) -> str:
    """A cell of which no spreadsheet takes any part for a formula, whoever typed it; it reads as it did."""
    return _FORMULA.sub(r"\1'", cell)


def _written(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=";").writerows(rows)
    return file.getvalue()
