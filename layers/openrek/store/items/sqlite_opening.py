"""Opening of the embedded store's database file: its format, its durability, and the checksums of its pages.

Formats (user_version): 2 counts the transactions that need a vacuum, 3 has items with checksums (sqlite_rows), 4 has
pages with checksums, too. A file of format 2 becomes one of 3 when it is opened for writing; its rows stay as they are
until they are written. Its pages get checksums when all of them are written anew while nobody else has the file open
(`rewrite_with_checksums`); a new file has format 4 from the start.

The pages are checked by SQLite's own checksum VFS (sqlite.org/cksumvfs.html), which apsw carries along.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw
import apsw.sqlite_extra

from openrek.store.items.port import DamagedItem

CHECKED_ITEMS: Final = 3
CHECKED_PAGES: Final = 4
EXTENSION: Final = "cksumvfs"
VFS: Final = "cksmvfs"
CHECKSUM_BYTES: Final = 8
"""At the end of each page; the VFS goes by this number in the file's header."""

OPENING_S: Final = 10.0
MIN_SQLITE: Final = 3_051_003
"""Older versions can corrupt a WAL database that several connections write (sqlite.org/wal.html, "WAL-reset bug")."""

DAMAGED_READS: Final = (apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_SHORT_READ)
"""Kinds of I/O error: a page's checksum is wrong, or the page is not there."""

_registering: Final = threading.Lock()


class UnusableStore(Exception):
    """The data folder cannot be used; the text is one sentence for the person who started us."""


class NoDatabase(UnusableStore):
    """The file is not there, is empty, or has no table of ours."""


class DamagedDatabase(UnusableStore):
    """The file is there, but so damaged that nothing in it can be read."""


@contextmanager
def damage_as_error() -> Iterator[None]:
    """Turn SQLite's errors about a damaged file into DamagedItem."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
        raise DamagedItem(None, why=type(error).__name__) from error
    except apsw.IOError as error:
        if getattr(error, "extendedresult", 0) in DAMAGED_READS:  # apsw's stubs do not know it
            raise DamagedItem(None, why="a page's checksum is wrong") from error
        raise


def check_library() -> None:
    """Load SQLite's checksums. Raises UnusableStore where SQLite is too old, or without them."""
    if apsw.SQLITE_VERSION_NUMBER < MIN_SQLITE:
        raise UnusableStore(f"SQLite {apsw.sqlite_lib_version()} is too old to share a database safely.")
    with _registering:
        if VFS in apsw.vfs_names():
            return
        try:
            with closing(apsw.Connection(":memory:")) as connection:
                apsw.sqlite_extra.load(connection, EXTENSION)
        except (apsw.sqlite_extra.NotAvailable, LookupError, apsw.Error) as error:
            raise UnusableStore(f"This build of apsw lacks SQLite's checksums ({error}); install its wheel.") from None
        apsw.set_default_vfs(apsw.vfs_names()[1])  # the new one went before the one it builds on


def for_writing(path: Path, *, busy_timeout_ms: int) -> apsw.Connection:
    """Return a connection that waits `busy_timeout_ms` for others' commits.

    Makes the file. Raises UnusableStore or apsw.Error.
    """
    for _ in range(2):
        found = apsw.Connection(str(path), vfs=VFS)
        try:
            found.set_busy_timeout(busy_timeout_ms)
            if _write_ahead(found) != "wal":
                raise UnusableStore(f"The file system of {path} does not support SQLite's write-ahead log.")
            found.pragma("synchronous", "FULL")
            found.pragma("secure_delete", True)
            found.pragma("cell_size_check", True)
            if checks_pages(found) or found.pragma("user_version") < CHECKED_PAGES:
                return found
        except BaseException:
            found.close()
            raise
        # The file was still empty when the VFS looked, and another process has filled it since: it must look again.
        found.close()
    raise DamagedDatabase(f"The header of {path} is damaged: it denies that the file's pages have checksums.")


def for_reading(path: Path) -> apsw.Connection:
    """Return a connection that writes nothing at all, neither to the file nor beside it.

    A write-ahead log that no process has open is read as far as it is whole. Raises UnusableStore or apsw.Error.
    """
    name, suffixes = quote(str(path)), ("-wal", "-shm", "-journal")
    beside = {suffix: path.with_name(path.name + suffix) for suffix in suffixes}
    if beside["-journal"].exists():
        raise UnusableStore(f"{path} is being rewritten, or that was interrupted: `openrek purge` finishes it.")
    shared, logged = beside["-shm"].exists(), beside["-wal"].exists() and beside["-wal"].stat().st_size > 0
    how, vfs = ("readonly_shm=1", VFS) if shared else ("", "unix-none") if logged else ("immutable=1", VFS)
    found = apsw.Connection(
        f"file:{name}?mode=ro&{how}", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI, vfs=vfs
    )
    try:
        found.set_busy_timeout(int(OPENING_S * 1000))
        found.pragma("cell_size_check", True)
        if vfs != VFS:
            found.pragma("locking_mode", "exclusive")  # the log's index stays in memory
        elif found.pragma("user_version") >= CHECKED_PAGES and not checks_pages(found):
            raise DamagedDatabase(f"The header of {path} is damaged: it denies that the file's pages have checksums.")
    except BaseException:
        found.close()
        raise
    return found


def for_raw_reading(path: Path) -> apsw.Connection:
    """Return a connection whose `read` gives the file's own pages, and fails where a page's checksum is wrong."""
    found = apsw.Connection(
        f"file:{quote(str(path))}?mode=ro&immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI, vfs=VFS
    )
    found.read("main", 0, 0, 100)  # the header shows whether there are checksums
    return found


def checks_pages(connection: apsw.Connection) -> bool:
    """Return True if the VFS checks the pages that this connection reads.

    To demand that it does has no effect on a file without checksums.
    """
    return int(connection.pragma("checksum_verification", 1)) == 1


def prepare(connection: apsw.Connection, path: Path, *, new: bool) -> None:
    """Bring the file to the format of now; `new`: make the tables if there are none. Raises UnusableStore."""
    version = connection.pragma("user_version")
    _refuse_newer(path, version)
    there = connection.table_exists("main", "items")
    if not (there or new):
        raise NoDatabase(f"There is no database in {path}.")
    if there and version >= (CHECKED_PAGES if checks_pages(connection) else CHECKED_ITEMS):
        return
    with immediate(connection):
        connection.execute(
            "CREATE TABLE IF NOT EXISTS items (partition TEXT NOT NULL, sort TEXT NOT NULL, body BLOB NOT NULL, "
            "PRIMARY KEY (partition, sort)) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS forgotten (times INTEGER NOT NULL)")
        connection.execute("INSERT INTO forgotten SELECT 0 WHERE NOT EXISTS (SELECT * FROM forgotten)")
        connection.pragma("user_version", CHECKED_PAGES if checks_pages(connection) else CHECKED_ITEMS)


def rewrite_with_checksums(path: Path) -> bool:
    """Rewrite the file of a format before 4, its pages with checksums; return False if another connection has it open.

    `prepare` writes its new format when it is opened next. Raises apsw.Error when the disk is full.

    Nobody may have it open: a connection that has seen no checksums would go on writing pages without.
    """
    with closing(apsw.Connection(str(path), vfs=VFS)) as connection:
        connection.pragma("locking_mode", "exclusive")
        try:
            if connection.pragma("journal_mode", "delete") != "delete":
                return False
        except apsw.BusyError:
            return False
        connection.reserve_bytes(reserve=CHECKSUM_BYTES)
        connection.execute("VACUUM")
    return True


def check_readable(connection: apsw.Connection, path: Path) -> None:
    """Raise UnusableStore for a file that only a newer openrek reads, or that is none of ours."""
    _refuse_newer(path, connection.pragma("user_version"))
    if not connection.table_exists("main", "items"):
        raise NoDatabase(f"There is no database in {path}.")


def _refuse_newer(path: Path, version: int) -> None:
    if version > CHECKED_PAGES:
        raise UnusableStore(f"The store at {path} was written by a newer openrek (format {version}).")


def keep_private(path: Path) -> None:
    """Let only the owner look into the file, which is made if it does not exist; SQLite gives its log the same mode.

    A file that exists is never opened: to close it would drop the locks that SQLite may hold on it in this process.
    """
    with suppress(FileExistsError):
        path.touch(0o600, exist_ok=False)
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with suppress(FileNotFoundError):
            path.with_name(name).chmod(0o600)


@contextmanager
def immediate(connection: apsw.Connection) -> Iterator[None]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _write_ahead(connection: apsw.Connection) -> object:
    """Turn the write-ahead log on, and checksums in a file that is still empty; return the journal mode.

    Processes that open a new file at once trip over each other, timeout or not.
    """
    give_up_s = time.monotonic() + OPENING_S
    while True:
        try:
            if not connection.pragma("page_count"):
                connection.reserve_bytes(reserve=CHECKSUM_BYTES)
            return connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)
