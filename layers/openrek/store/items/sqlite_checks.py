"""The check of the database file itself: its pages, its structure, and the checksums of its items."""

from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.store.items import sqlite_rows
from openrek.store.items.findings import Findings
from openrek.store.items.port import DamagedItem, Key
from openrek.store.items.sqlite_opening import damage_as_error, for_raw_reading

ATTEMPTS: Final = 4
PAUSE_S: Final = 0.05


def faults(
    connection: apsw.Connection,
    path: Path,
    superseded: Collection[int] = (),
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> list[str]:
    """Return the faults in sentences.

    `superseded`: pages of which the write-ahead log holds a newer copy.
    """
    findings = Findings()
    _check_pages(path, superseded, findings, clock)
    _check_structure(connection, findings)
    _check_rows(connection, findings)
    return list(findings.lines())


def _check_pages(path: Path, superseded: Collection[int], findings: Findings, clock: Clock) -> None:
    """Check each page's checksum; a page that a server may just be writing is looked at again."""
    attempts = ATTEMPTS if path.with_name(f"{path.name}-shm").exists() else 1
    with closing(for_raw_reading(path)) as raw:
        page_bytes = raw.pragma("page_size")
        for place in range(-(-path.stat().st_size // page_bytes)):
            for attempt in range(attempts):
                if place + 1 in superseded or _is_whole(raw, place * page_bytes, page_bytes):
                    break
                if attempt < attempts - 1:
                    clock.sleep(PAUSE_S)
            else:
                findings.add("a page's checksum is wrong", f"page {place + 1}")


def _is_whole(raw: apsw.Connection, offset: int, page_bytes: int) -> bool:
    try:
        raw.read("main", 0, offset, page_bytes)
    except apsw.IOError:
        return False
    return True


def _check_structure(connection: apsw.Connection, findings: Findings) -> None:
    try:
        for (sentence,) in connection.execute("PRAGMA quick_check(10)"):
            if sentence != "ok":
                findings.add("its structure is damaged", sentence)
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError, UnicodeDecodeError) as error:
        findings.add("its structure cannot be checked", str(error))


def _check_rows(connection: apsw.Connection, findings: Findings) -> None:
    """Check every item: from the first on and, where a part of the table cannot be read, back to it from the last."""
    begins = _check_in_order(connection, "ASC", findings)
    if begins is not None:
        ends = _check_in_order(connection, "DESC", findings)
        first = f"after {begins.partition} {begins.sort}" if begins.partition else "from the first one on"
        last = f"before {ends.partition} {ends.sort}" if ends and ends.partition else "to the last one"
        findings.add("items that cannot be read", f"those {first}, {last}")


def _check_in_order(connection: apsw.Connection, order: str, findings: Findings) -> Key | None:
    """Check the items in that order; return the key where the table cannot be read any further, None at its end."""
    last = Key("", "")
    try:
        with damage_as_error():
            sql = f"SELECT partition, sort, body FROM items ORDER BY partition {order}, sort {order}"  # noqa: S608
            for partition, sort, body in connection.execute(sql):
                key = Key(partition, sort)
                if not (isinstance(partition, str) and isinstance(sort, str)):
                    findings.add("a damaged item", f"{partition!r} {sort!r}")
                    continue
                try:
                    sqlite_rows.decode(key, body)
                except DamagedItem:
                    findings.add_once("a damaged item", f"{partition} {sort}")
                # SQLite goes by the order in which they lie: what is out of order is not found.
                if last.partition and (key <= last if order == "ASC" else key >= last):
                    findings.add("an item out of order", f"{partition} {sort}")
                last = key
    except DamagedItem:
        return last
    return None
