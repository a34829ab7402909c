"""The gateway's memory: records by kind and id, mirrored in a SQLite file when one is given."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, id TEXT NOT NULL, object TEXT NOT NULL, hidden TEXT NOT NULL, PRIMARY KEY (kind, id)
)
"""
UPSERT = """
INSERT INTO record (kind, id, object, hidden) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET object = excluded.object, hidden = excluded.hidden
"""


@dataclass
class Record:
    """`object` is what the gateway shows to the outside; `hidden` is what only the simulator knows about it."""

    kind: str
    object: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The record's id, as the gateway writes it."""
        return str(self.object["id"])


class Store:
    """Everything is in memory; with a file each `save` is also written, so that a killed process loses nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._kinds: dict[str, dict[str, Record]] = {}
        self._database: sqlite3.Connection | None = None
        if path is not None:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.execute(SCHEMA)
            for kind, key, shown, hidden in self._database.execute(
                "SELECT kind, id, object, hidden FROM record ORDER BY rowid"
            ):
                self._kinds.setdefault(kind, {})[key] = Record(kind, json.loads(shown), json.loads(hidden))

    def save(self, record: Record) -> Record:
        """Add the record or write its present content."""
        self._kinds.setdefault(record.kind, {})[record.id] = record
        if self._database is not None:
            content = (record.kind, record.id, json.dumps(record.object), json.dumps(record.hidden))
            self._database.execute(UPSERT, content)
        return record

    def find(self, kind: str, key: str | None) -> Record | None:
        """The record, or None."""
        return self._kinds.get(kind, {}).get(key or "")

    def get(self, kind: str, key: str) -> Record:
        """The record, which must be there. Raises LookupError."""
        return self._kinds[kind][key]

    def all(self, kind: str) -> list[Record]:
        """All records of a kind, oldest first."""
        return list(self._kinds.get(kind, {}).values())

    def newest(self, kind: str) -> Iterator[Record]:
        """All records of a kind, newest first, without copying them."""
        return reversed(self._kinds.get(kind, {}).values())

    def remove(self, kind: str, key: str) -> None:
        """Forget one record."""
        self._kinds.get(kind, {}).pop(key, None)
        if self._database is not None:
            self._database.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind, key))

    def clear(self) -> None:
        """Forget everything."""
        self._kinds.clear()
        if self._database is not None:
            self._database.execute("DELETE FROM record")

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
