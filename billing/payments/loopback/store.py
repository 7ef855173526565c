"""The simulator's memory: JSON objects in one SQLite file, written in transactions."""

import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from billing.payments.loopback.errors import NotFound

Object = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_of_a_kind_in_order ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_status ON objects (kind, json_extract(body, '$.status'));
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    status INTEGER,
    body TEXT
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    burst TEXT,
    signing TEXT NOT NULL DEFAULT '{}',
    last_status INTEGER,
    last_error TEXT,
    finished_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_by_due_time ON deliveries (state, due_at, id);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StateFolderInUse(Exception):
    """Another simulator holds this state folder."""


class Store:
    """All objects of one simulated account; one writer at a time, durable at every commit."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateFolderInUse(f"{folder} is in use by another loopback Stripe.") from error
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            folder / "stripe.sqlite3", check_same_thread=False, isolation_level=None
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)
        self._committed = threading.Condition()
        self._commits = 0

    def close(self) -> None:
        """Close the file and let another process open the folder."""
        with self._lock:
            self._db.close()
            self._lock_file.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everything that is written inside, or nothing."""
        with self._lock:
            before = self._db.total_changes
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            written = self._db.total_changes != before
        if written:
            self.announce()

    def announce(self) -> None:
        """Wake whoever waits for news."""
        with self._committed:
            self._commits += 1
            self._committed.notify_all()

    @property
    def commits(self) -> int:
        """Return how often something was written; hand it to ``wait_for_news``."""
        return self._commits

    def wait_for_news(self, seen: int, seconds: float) -> None:
        """Sleep until something is written after ``seen``, or for so many seconds."""
        with self._committed:
            self._committed.wait_for(lambda: self._commits != seen, seconds)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what is written inside when it raises, without ending the transaction."""
        self._db.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException as error:
            if not getattr(error, "keeps_changes", False):
                self._db.execute("ROLLBACK TO attempt")
            raise
        finally:
            self._db.execute("RELEASE attempt")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one statement inside a transaction and return its rows."""
        return self._db.execute(sql, values).fetchall()

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one writing statement inside a transaction and return how many rows it touched."""
        return self._db.execute(sql, values).rowcount

    def insert(self, item: Object) -> Object:
        """Add a new object."""
        self.write(
            "INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?)",
            (item["id"], item["object"], item["created"], json.dumps(item)),
        )
        return item

    def save(self, item: Object) -> Object:
        """Write an object back."""
        self.write("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(item), item["id"]))
        return item

    def delete(self, item: Object) -> None:
        """Remove an object for good."""
        self.write("DELETE FROM objects WHERE id = ?", (item["id"],))

    def find(self, object_id: str, kind: str | None = None) -> Object | None:
        """Return the object with this id (and kind), or none."""
        rows = self.rows("SELECT kind, body FROM objects WHERE id = ?", (object_id,))
        if not rows or (kind is not None and rows[0]["kind"] != kind):
            return None
        return _object(rows[0])

    def get(self, kind: str, object_id: str, *, param: str = "id") -> Object:
        """Return the object with this id, or refuse as Stripe does."""
        item = self.find(object_id, kind)
        if item is None:
            raise NotFound(kind, object_id, param=param)
        return item

    def where(self, kind: str, **fields: Any) -> list[Object]:
        """Return all objects of a kind whose fields have these values, oldest first."""
        clauses = [f"json_extract(body, '$.{name}') = ?" for name in fields]
        condition = " AND ".join(["kind = ?", *clauses])
        # Field names are written in this package, never taken from a request.
        rows = self.rows(
            f"SELECT body FROM objects WHERE {condition} ORDER BY seq",  # noqa: S608
            (kind, *fields.values()),
        )
        return [_object(row) for row in rows]

    def setting(self, name: str, default: Any) -> Any:
        """Return a durable setting."""
        rows = self.rows("SELECT value FROM settings WHERE name = ?", (name,))
        return json.loads(rows[0]["value"]) if rows else default

    def set_setting(self, name: str, value: Any) -> None:
        """Write a durable setting."""
        self.write(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ?2",
            (name, json.dumps(value)),
        )

    def clear(self) -> None:
        """Forget every object, delivery, key and setting."""
        for table in ("objects", "deliveries", "idempotency", "settings"):
            self.write(f"DELETE FROM {table}")  # noqa: S608


def _object(row: sqlite3.Row) -> Object:
    item: Object = json.loads(row["body"])
    return item
