"""Items on SQLite: one file that several threads and processes share.

Durability: WAL with synchronous=FULL, so a commit that returned survives power loss. secure_delete overwrites what is
deleted. Transactions that queue up in one process share one commit (one fsync).
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from copy import copy
from pathlib import Path
from typing import Final

import apsw

from openrek.domain.errors import StoreUnavailable
from openrek.store.disk.location import DataLocation, is_without_room
from openrek.store.items import sqlite_rows
from openrek.store.items.port import (
    MAX_PAGE_BYTES,
    Attributes,
    ConditionFailed,
    Contended,
    DamagedItem,
    Delete,
    Item,
    ItemPage,
    Key,
    OutcomeUnknown,
    Put,
    Write,
    check_limits,
    check_snapshot_keys,
    checked_snapshot,
    holds,
)
from openrek.store.items.sqlite_checks import faults
from openrek.store.items.sqlite_opening import (
    DamagedDatabase,
    NoDatabase,
    UnusableStore,
    check_library,
    check_readable,
    checks_pages,
    damage_as_error,
    for_reading,
    for_writing,
    immediate,
    keep_private,
    prepare,
    rewrite_with_checksums,
)

BUSY_TIMEOUT_MS: Final = 5_000
CHECKPOINT_PAGES: Final = 1_000
CROWDED_PAGES: Final = 8_000
"""A log of this many pages (32 MB) never found a moment without readers: the next checkpoint makes them wait."""

_opened_by: Final[dict[Path, int]] = {}
"""The process that opened a file, by its path; forked children inherit it."""


class Submission:
    """One caller's transaction on its way through the shared commit; `failure` counts once it is `done`."""

    __slots__ = ("bodies", "done", "failure", "operations")

    def __init__(self, operations: Sequence[Write]) -> None:
        self.operations = operations
        self.bodies = [
            sqlite_rows.encode(operation.key, operation.attributes) if isinstance(operation, Put) else b""
            for operation in operations
        ]
        self.done = False
        self.failure: Exception | None = None


class SqliteItems:
    def __init__(
        self, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, new: bool = True, read_only: bool = False
    ) -> None:
        """Open the database file, or create it if it may be `new`.

        `busy_timeout_ms`: the longest wait for another process's commit. `read_only`: nothing is written, neither to
        the file nor beside it.

        Raises UnusableStore; NoDatabase where there is none and may not be a new one.
        """
        check_library()
        self._path = path.absolute()
        self._busy_timeout_ms = busy_timeout_ms
        self._read_only = read_only
        self._of_thread = threading.local()
        self._open: dict[threading.Thread, apsw.Connection] = {}
        self._opening = threading.Lock()
        self._committing = threading.Lock()
        self._queue: deque[Submission] = deque()
        try:
            if not (new or (path.is_file() and path.stat().st_size)):
                raise NoDatabase(f"There is no database in {path}.")
            with damage_as_error():
                if read_only:
                    self._location = DataLocation(path)
                    check_readable(self._connection(), path)
                    return
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                keep_private(path)
                self._location = DataLocation(path)
                prepare(self._connection(), path, new=new)
        except UnusableStore:
            self.close()
            raise
        except DamagedItem as damaged:
            self.close()
            raise DamagedDatabase(f"The store at {path} cannot be opened: {damaged.reason}") from damaged
        except (apsw.Error, OSError) as error:
            self.close()
            raise UnusableStore(f"The store at {path} cannot be opened: {error}.") from error

    def get(self, key: Key) -> Item | None:
        with damage_as_error():
            return _fetch(self._connection(), key)

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        check_snapshot_keys(keys)
        with damage_as_error():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return checked_snapshot([_fetch(connection, key) for key in keys])
            finally:
                if connection.in_transaction:  # an error may have ended it
                    connection.execute("COMMIT")

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        rows: list[Item] = []
        page_bytes = 0
        bound = "" if through is None else "AND sort <= ?3 "
        try:
            with damage_as_error():
                found = self._connection().execute(
                    f"SELECT sort, body FROM items WHERE partition = ?1 AND sort > ?2 {bound}"  # noqa: S608 (no input)
                    f"ORDER BY sort LIMIT ?{3 if through is None else 4}",
                    (partition, after, limit + 1) if through is None else (partition, after, through, limit + 1),
                )
                for sort, body in found:
                    key = Key(partition, sort)
                    attributes = sqlite_rows.decode(key, body)
                    page_bytes += len(body)
                    if len(rows) == limit or (rows and page_bytes > MAX_PAGE_BYTES):
                        return ItemPage(tuple(rows), more=True)
                    rows.append(Item(key, attributes))
        except DamagedItem as damaged:
            damaged.before = tuple(rows)
            raise
        return ItemPage(tuple(rows), more=False)

    def transact(self, operations: Sequence[Write], *, token: str | None = None) -> None:  # noqa: ARG002
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

    def vacuum(self) -> bool:
        """Rewrite the file, so that nothing deleted remains in it, or in the log beside it; return False while other
        connections' transactions are in the way.

        secure_delete alone misses copies of rows that moved between pages. Meanwhile nobody can write, and the disk
        holds the data twice. The pages get checksums, if they have none and no other connection has the file open.
        """
        with self._committing:
            if self._began_checksums():
                return True
            connection = self._connection()
            try:
                # A reader that keeps the log from being emptied now would also keep the copy of the file in it.
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                try:
                    connection.execute("VACUUM")
                finally:  # a disk that was too small is as free as before
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return False
        return True

    def _began_checksums(self) -> bool:
        if checks_pages(self._connection()):
            return False
        with self._opening:
            if len(self._open) > 1:
                return False
            self._close_all()
        began = rewrite_with_checksums(self._path)
        prepare(self._connection(), self._path, new=False)
        return began

    def vacuum_requests(self) -> int:
        """Return how many transactions deleted something that must leave the file too, as only a vacuum ensures."""
        times: int = self._connection().execute("SELECT times FROM forgotten").get
        return times

    def require_writable(self) -> None:
        """Raise StoreUnavailable when the file is gone, or when the disk was full at the last commit and still is."""
        self._location.require()
        if self._location.full:
            with self._committing:
                failure = self._attempt(_write_header)
            if failure is not None:
                raise failure

    def faults(self, superseded: Collection[int] = ()) -> list[str]:
        """Return the faults of the file itself and of its items, in sentences. `superseded`: see sqlite_checks."""
        return faults(self._connection(), self._path, superseded)

    def close(self) -> None:
        with self._opening:
            self._close_all()

    def _close_all(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open.clear()
        self._of_thread = threading.local()

    def _refuse_forked(self) -> None:
        """Raise UnusableStore in a child of the process that opened the file.

        SQLite's locks are its process's own, but its memory of them is forked along: a child that used the file, or
        even closed it, could corrupt it.
        """
        if _opened_by.setdefault(self._path, os.getpid()) != os.getpid():
            raise UnusableStore(f"The store at {self._path} was opened before a fork; start processes with spawn.")

    def _connection(self) -> apsw.Connection:
        """Return this thread's own connection."""
        self._refuse_forked()
        found: apsw.Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            self._location.require()  # SQLite would make a new file, or open another
            if self._read_only:
                found = for_reading(self._path)
            else:
                found = for_writing(self._path, busy_timeout_ms=self._busy_timeout_ms)
                found.set_wal_hook(_checkpoint)
            self._of_thread.connection = found
            with self._opening:
                for ended in [thread for thread in self._open if not thread.is_alive()]:
                    self._open.pop(ended).close()
                self._open[threading.current_thread()] = found
        return found

    def _commit_queued(self) -> None:
        """Commit everything that waits, in one SQLite transaction. The caller holds the commit lock."""
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        for submission, failure in zip(batch, self._committed(batch), strict=True):
            submission.failure, submission.done = failure, True

    def _committed(self, batch: Sequence[Submission]) -> Sequence[Exception | None]:
        """Commit all; return the failure of each, or None. Those that meet a damaged part of the file fail alone."""
        results: list[Exception | None] = []
        failure = self._attempt(lambda connection: results.extend(_apply(connection, each) for each in batch))
        if failure is None:
            return results
        if isinstance(failure, DamagedItem):
            if len(results) == len(batch):  # the commit itself met it
                failure = OutcomeUnknown(str(failure.reason))
            elif len(batch) == 1:
                return [failure]
            else:
                return [each for one in batch for each in self._committed([one])]
        return [copy(failure) for _ in batch]

    def _attempt(self, write: Callable[[apsw.Connection], object]) -> Exception | None:
        """Write and commit; return the error for the callers when that fails. The caller holds the commit lock."""
        try:
            self._location.require()
            connection = self._connection()
            with damage_as_error(), immediate(connection):
                write(connection)
        except (StoreUnavailable, DamagedItem) as failure:
            return failure
        except apsw.BusyError as error:
            return Contended(str(error))
        except apsw.Error as error:
            opened = getattr(self._of_thread, "connection", None)
            return self._location.report_full() if _is_full(error, opened) else OutcomeUnknown(str(error))
        self._location.report_written()
        return None


def _checkpoint(connection: apsw.Connection, database: str, log_pages: int) -> int:
    """Copy the log into the file when it is long, after a commit.

    Readers that never pause would let the log grow without end.
    """
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
    """Return True if there was no room on the disk for a write, or none that this user or process may take.

    SQLite has then taken the transaction back.
    """
    if isinstance(error, apsw.FullError):
        return True
    could_not_write = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE
    return could_not_write and connection is not None and is_without_room(connection.system_errno)


def _write_header(connection: apsw.Connection) -> None:
    """Write a page that says the same as before: it shows whether the file can be written."""
    connection.pragma("user_version", connection.pragma("user_version"))


def _apply(connection: apsw.Connection, submission: Submission) -> ConditionFailed | DamagedItem | None:
    """Write one transaction. All conditions are looked at first, so that one that fails has written nothing.

    Raises apsw.Error.
    """
    operations = submission.operations
    try:
        failed = [
            position
            for position, operation in enumerate(operations)
            if operation.expect is not None and not holds(_attributes(connection, operation.key), operation.expect)
        ]
    except DamagedItem as damaged:
        return damaged
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
        return sqlite_rows.decode(key, body)
    return None
