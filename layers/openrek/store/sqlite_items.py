"""Items on SQLite: one file that several threads and processes share.

Durability: WAL with synchronous=FULL, so a commit that returned survives power loss. secure_delete overwrites what is
deleted. Transactions that queue up in one process share one commit (one fsync).
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Final

import apsw
import msgpack

from openrek.store.items import (
    MAX_PAGE_BYTES,
    Attributes,
    ConditionFailed,
    Contended,
    Delete,
    Item,
    ItemPage,
    Key,
    Operation,
    OutcomeUnknown,
    Put,
    Unavailable,
    check_limits,
    check_snapshot_keys,
    checked_snapshot,
    holds,
)
from openrek.store.place import Place, is_without_room

SCHEMA_VERSION: Final = 2
BUSY_TIMEOUT_MS: Final = 5_000
OPENING_S: Final = 10.0
CHECKPOINT_PAGES: Final = 1_000
CROWDED_PAGES: Final = 8_000
"""A log of this many pages (32 MB) never found a moment without readers: the next checkpoint makes them wait."""

MIN_SQLITE: Final = 3_051_003
"""Older versions can corrupt a WAL database that several connections write (sqlite.org/wal.html, "WAL-reset bug")."""

_opened_by: Final[dict[Path, int]] = {}
"""The process that opened a file, by its path; forked children inherit it."""


class UnusableStore(Exception):
    """The data folder cannot be used; the text is one sentence for the person who started us."""


class Submission:
    """One caller's transaction on its way through the shared commit; `failure` counts once it is `done`."""

    __slots__ = ("bodies", "done", "failure", "operations")

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.bodies = [
            msgpack.packb(dict(operation.attributes)) if isinstance(operation, Put) else b"" for operation in operations
        ]
        self.done = False
        self.failure: Exception | None = None


class SqliteItems:
    def __init__(self, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        """Opens or creates the database file. `busy_timeout_ms`: how long to wait for another process's commit.

        Raises UnusableStore.
        """
        if apsw.SQLITE_VERSION_NUMBER < MIN_SQLITE:
            raise UnusableStore(f"SQLite {apsw.sqlite_lib_version()} is too old to share a database safely.")
        self._path = path.absolute()
        self._busy_timeout_ms = busy_timeout_ms
        self._mine = threading.local()
        self._open: dict[threading.Thread, apsw.Connection] = {}
        self._opening = threading.Lock()
        self._committing = threading.Lock()
        self._queue: deque[Submission] = deque()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _keep_private(path)
            self._place = Place(path)
            self._prepare()
        except (apsw.Error, OSError) as error:
            raise UnusableStore(f"The store at {path} cannot be opened: {error}.") from error

    def get(self, key: Key) -> Item | None:
        return _fetch(self._connection(), key)

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        check_snapshot_keys(keys)
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            return checked_snapshot([_fetch(connection, key) for key in keys])
        finally:
            connection.execute("COMMIT")

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        rows: list[Item] = []
        page_bytes = 0
        bound = "" if through is None else "AND sort <= ?3 "
        found = self._connection().execute(
            f"SELECT sort, body FROM items WHERE partition = ?1 AND sort > ?2 {bound}"  # noqa: S608 (no input in it)
            f"ORDER BY sort LIMIT ?{3 if through is None else 4}",
            (partition, after, limit + 1) if through is None else (partition, after, through, limit + 1),
        )
        for sort, body in found:
            page_bytes += len(body)
            if len(rows) == limit or (rows and page_bytes > MAX_PAGE_BYTES):
                return ItemPage(tuple(rows), more=True)
            rows.append(Item(Key(partition, sort), _decode(body)))
        return ItemPage(tuple(rows), more=False)

    def transact(self, operations: Sequence[Operation], *, token: str | None = None) -> None:  # noqa: ARG002
        self._refuse_forked()
        check_limits(operations)
        submission = Submission(operations)
        self._queue.append(submission)
        with self._committing:
            if not submission.done:
                self._commit_queued()
        if not submission.done:
            raise OutcomeUnknown("the thread that was to commit this transaction was interrupted")
        if submission.failure is not None:
            raise submission.failure

    def wipe(self) -> bool:
        """Leave nothing of what was deleted in the file, or in the log beside it; False while other connections'
        transactions are in the way.

        The file is written anew, since secure_delete misses copies of rows that moved between pages. Meanwhile nobody
        can write, and the disk holds the data twice.
        """
        with self._committing:
            connection = self._connection()
            try:
                # Whoever keeps the log from being emptied now would also keep in it the copy of the file.
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                try:
                    connection.execute("VACUUM")
                finally:  # a disk that was too small is as free as before
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return False
        return True

    def forgotten(self) -> int:
        """How many transactions removed what must not stay in the file either; it does, in parts, until a wipe."""
        times: int = self._connection().execute("SELECT times FROM forgotten").get
        return times

    def require_writable(self) -> None:
        """Raises Unavailable when the file is gone, or when the disk was full at the last commit and still is."""
        self._place.require()
        if self._place.full:
            with self._committing:
                failure = self._attempt(lambda connection: connection.pragma("user_version", SCHEMA_VERSION))
            if failure is not None:
                raise failure

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file itself, at most ten sentences."""
        found = self._connection().execute("PRAGMA quick_check(10)")
        return [sentence for (sentence,) in found if sentence != "ok"]

    def close(self) -> None:
        with self._opening:
            for connection in self._open.values():
                connection.close()
            self._open.clear()

    def _refuse_forked(self) -> None:
        """Raises UnusableStore in a child of the process that opened the file. SQLite's locks are its process's own,
        but its memory of them is forked along: a child that used the file, or even closed it, could corrupt it.
        """
        if _opened_by.setdefault(self._path, os.getpid()) != os.getpid():
            raise UnusableStore(f"The store at {self._path} was opened before a fork; start processes with spawn.")

    def _prepare(self) -> None:
        connection = self._connection()
        version = connection.pragma("user_version")
        if version == SCHEMA_VERSION:
            return
        if version > SCHEMA_VERSION:
            raise UnusableStore(f"The store at {self._path} was written by a newer openrek (format {version}).")
        with _immediate(connection):
            connection.execute(
                "CREATE TABLE IF NOT EXISTS items (partition TEXT NOT NULL, sort TEXT NOT NULL, body BLOB NOT NULL, "
                "PRIMARY KEY (partition, sort)) WITHOUT ROWID"
            )
            connection.execute("CREATE TABLE IF NOT EXISTS forgotten (times INTEGER NOT NULL)")
            connection.execute("INSERT INTO forgotten SELECT 0 WHERE NOT EXISTS (SELECT * FROM forgotten)")
            connection.pragma("user_version", SCHEMA_VERSION)

    def _connection(self) -> apsw.Connection:
        """This thread's own connection."""
        self._refuse_forked()
        found: apsw.Connection | None = getattr(self._mine, "connection", None)
        if found is None:
            self._place.require()  # SQLite would make a new file, or open another
            found = apsw.Connection(str(self._path))
            found.set_busy_timeout(self._busy_timeout_ms)
            if _write_ahead(found) != "wal":
                raise UnusableStore(f"The file system of {self._path} does not support SQLite's write-ahead log.")
            found.pragma("synchronous", "FULL")
            found.pragma("secure_delete", True)
            found.set_wal_hook(_checkpoint)
            self._mine.connection = found
            with self._opening:
                for ended in [thread for thread in self._open if not thread.is_alive()]:
                    self._open.pop(ended).close()
                self._open[threading.current_thread()] = found
        return found

    def _commit_queued(self) -> None:
        """Commit everything that waits, in one SQLite transaction. The caller holds the commit lock."""
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        failures: list[Exception | None] = []
        failure = self._attempt(lambda connection: failures.extend(_apply(connection, each) for each in batch))
        if failure is not None:
            failures = [copy(failure) for _ in batch]
        for submission, each in zip(batch, failures, strict=True):
            submission.failure, submission.done = each, True

    def _attempt(self, write: Callable[[apsw.Connection], object]) -> Contended | OutcomeUnknown | Unavailable | None:
        """Write and commit; what to tell whoever asked for it when that fails. The caller holds the commit lock."""
        try:
            self._place.require()
            connection = self._connection()
            with _immediate(connection):
                write(connection)
        except Unavailable as failure:
            return failure
        except apsw.BusyError as error:
            return Contended(str(error))
        except apsw.Error as error:
            opened = getattr(self._mine, "connection", None)
            return self._place.filled() if _is_full(error, opened) else OutcomeUnknown(str(error))
        self._place.written()
        return None


def _keep_private(path: Path) -> None:
    """Only its owner may look into the file, which is made if it is not there; SQLite gives its log the same mode.

    A file that is there is never opened: to close it would drop the locks that SQLite may hold on it in this process.
    """
    with suppress(FileExistsError):
        path.touch(0o600, exist_ok=False)
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with suppress(FileNotFoundError):
            path.with_name(name).chmod(0o600)


def _write_ahead(connection: apsw.Connection) -> object:
    """Turns the write-ahead log on; processes that open a new file at once trip over each other, timeout or not."""
    give_up_s = time.monotonic() + OPENING_S
    while True:
        try:
            return connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)


def _checkpoint(connection: apsw.Connection, database: str, log_pages: int) -> int:
    """Called after each commit. Readers that never pause would let the log grow without end."""
    if log_pages >= CHECKPOINT_PAGES:
        mode = apsw.SQLITE_CHECKPOINT_RESTART if log_pages >= CROWDED_PAGES else apsw.SQLITE_CHECKPOINT_PASSIVE
        try:
            connection.wal_checkpoint(database, mode)
        except apsw.BusyError:
            pass
        except apsw.Error as error:
            if not _is_full(error, connection):  # the commit itself found room in the log
                raise
    return apsw.SQLITE_OK


def _is_full(error: apsw.Error, connection: apsw.Connection | None) -> bool:
    """Whether there was no room on the disk for a write, or none that this user or process may take. SQLite has then
    taken the transaction back."""
    if isinstance(error, apsw.FullError):
        return True
    could_not_write = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE
    return could_not_write and connection is not None and is_without_room(connection.system_errno)


@contextmanager
def _immediate(connection: apsw.Connection) -> Iterator[None]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _apply(connection: apsw.Connection, submission: Submission) -> ConditionFailed | None:
    """Conditions are all looked at first, so a transaction that fails has written nothing."""
    operations = submission.operations
    failed = [
        position
        for position, operation in enumerate(operations)
        if operation.expect is not None and not holds(_attributes(connection, operation.key), operation.expect)
    ]
    if failed:
        return ConditionFailed(failed)
    for operation, body in zip(operations, submission.bodies, strict=True):
        key = operation.key
        if isinstance(operation, Put):
            connection.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", (key.partition, key.sort, body))
        elif isinstance(operation, Delete):
            connection.execute("DELETE FROM items WHERE partition = ? AND sort = ?", (key.partition, key.sort))
    if any(isinstance(operation, Put | Delete) and operation.forget for operation in operations):
        connection.execute("UPDATE forgotten SET times = times + 1")
    return None


def _fetch(connection: apsw.Connection, key: Key) -> Item | None:
    attributes = _attributes(connection, key)
    return None if attributes is None else Item(key, attributes)


def _attributes(connection: apsw.Connection, key: Key) -> Attributes | None:
    sql = "SELECT body FROM items WHERE partition = ? AND sort = ?"
    for (body,) in connection.execute(sql, (key.partition, key.sort)):
        return _decode(body)
    return None


def _decode(body: bytes) -> Attributes:
    attributes: Attributes = msgpack.unpackb(body)
    return attributes
