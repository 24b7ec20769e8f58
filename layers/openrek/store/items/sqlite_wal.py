"""The check of SQLite's write-ahead log from outside: is everything that was written to it still there?

SQLite reads the log up to the first frame whose checksum is wrong, and says nothing of the frames after it: a log that
was cut short or damaged silently loses acknowledged transactions. The traces show it: frames of the same generation
(their salts) beyond that point, half a frame, or the log's index in shared memory, which holds the number of frames.
sqlite.org/fileformat2.html#the_write_ahead_log describes the file, sqlite.org/walformat.html its index.
"""

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.clock import SYSTEM_CLOCK, Clock

HEADER: Final = struct.Struct(">IIII8sII")
"""Magic, version, page size, checkpoints, both salts, both checksums of these."""

FRAME: Final = struct.Struct(">II8sII")
"""Page number, the database's pages after a commit or 0, both salts, both checksums so far."""

INDEX: Final = struct.Struct("=12xB3xI12x8s8x48xI")
"""What begins the shared memory, in the machine's own byte order: whether it is made, how many frames there are, both
salts; a second copy of that; how many frames were copied into the database."""

MAGIC: Final = 0x377F0682
"""The lowest bit tells the byte order of the checksums."""

SMALLEST_PAGE: Final = 512
LARGEST_PAGE: Final = 65536
ATTEMPTS: Final = 5
PAUSE_S: Final = 0.1

Sums = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Log:
    """A write-ahead log. `committed`: the frames up to the last whole transaction, which SQLite reads; `pages` are
    theirs.

    `trailing`: something of the same generation follows; `lost`: that was a whole transaction which another had
    followed already, and so had been acknowledged.
    """

    salts: bytes
    committed: int
    pages: frozenset[int]
    trailing: bool
    lost: bool


NO_LOG: Final = Log(b"", 0, frozenset(), trailing=False, lost=False)


def log_of(path: Path, *, clock: Clock = SYSTEM_CLOCK) -> tuple[Log, list[str], list[str]]:
    """Return the log beside the database `path`, its faults, and the things that are merely worth a note.

    Call it before this process opens the database: to close a file of shared memory drops SQLite's locks on it. A log
    that a server is just writing is looked at again.
    """
    for attempt in range(ATTEMPTS):
        index = _read_index(path.with_name(f"{path.name}-shm"))  # first: the log only grows beyond what it tells
        log = read_log(path.with_name(f"{path.name}-wal"))
        known = index.frames if index is not None and index.salts == log.salts else None
        gone = index is not None and not log.salts and index.frames > index.copied
        if gone and attempt < ATTEMPTS - 1:
            clock.sleep(PAUSE_S)  # a server may just have copied the last frames, and emptied the log
            continue
        if gone or log.lost or (known is not None and known > log.committed):
            return log, ["the write-ahead log lost its end, and with it changes that were acknowledged"], []
        if not log.trailing:
            return log, [], []
        if known == log.committed:
            return log, [], ["the write-ahead log ends in a change that was never finished"]
        if attempt < ATTEMPTS - 1:
            clock.sleep(PAUSE_S)
    doubtful = (
        "the write-ahead log lost its end, or its last change was never finished: it breaks off after "
        f"{log.committed} whole frames"
    )
    return log, [doubtful], []


def read_log(path: Path) -> Log:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return NO_LOG
    if len(content) < HEADER.size:
        return Log(b"", 0, frozenset(), trailing=len(content) > 0, lost=False)
    magic, _, page_bytes, _, salts, *stored_sums = HEADER.unpack_from(content)
    fits = SMALLEST_PAGE <= page_bytes <= LARGEST_PAGE and page_bytes & (page_bytes - 1) == 0
    sums = _checksum(content[: HEADER.size - 8], magic, (0, 0))
    if magic & ~1 != MAGIC or not fits or list(sums) != stored_sums:
        return Log(b"", 0, frozenset(), trailing=True, lost=len(content) > HEADER.size)
    return _read_frames(content, magic, page_bytes, salts, sums)


def _read_frames(content: bytes, magic: int, page_bytes: int, salts: bytes, sums: Sums) -> Log:
    size = FRAME.size + page_bytes
    whole = (len(content) - HEADER.size) // size
    pages: list[int] = []
    committed = place = 0
    while place < whole:
        start = HEADER.size + place * size
        number, after, own, *stored_sums = FRAME.unpack_from(content, start)
        sums = _checksum(content[start : start + 8], magic, sums)
        sums = _checksum(content[start + FRAME.size : start + size], magic, sums)
        if own != salts or number == 0 or list(sums) != stored_sums:
            break
        place += 1
        pages.append(number)
        if after:
            committed = place
    beyond = [FRAME.unpack_from(content, HEADER.size + at * size) for at in range(place, whole)]
    ours = [frame for frame in beyond if frame[2] == salts]
    half = content[HEADER.size + whole * size :]
    # What was left of an older generation may be cut anywhere.
    broken = len(half) > 0 and place == whole and salts.startswith(half[8:16])
    ends = place > committed or bool(ours) or broken
    return Log(
        salts, committed, frozenset(pages[:committed]), trailing=ends, lost=sum(1 for frame in ours if frame[1]) > 1
    )


@dataclass(frozen=True, slots=True)
class Index:
    """The state of the log by its index in shared memory."""

    frames: int
    salts: bytes
    copied: int


def _read_index(path: Path) -> Index | None:
    try:
        with path.open("rb") as file:
            header = file.read(INDEX.size)
    except OSError:
        return None
    if len(header) < INDEX.size:
        return None
    made, frames, salts, copied = INDEX.unpack(header)
    return Index(frames, salts, copied) if made else None


def _checksum(content: bytes, magic: int, sums: Sums) -> Sums:
    """Continue SQLite's checksum over `content`: for each pair of numbers s0 += x + s1, then s1 += y + s0."""
    numbers = np.frombuffer(content, ">u4" if magic & 1 else "<u4").astype(np.uint32).reshape(-1, 2)
    weights, (a, b, c, d) = _weights(len(numbers))
    x, both = numbers[:, 0], numbers[:, 0] + numbers[:, 1]
    parts = [int((one * x + other * both).sum(dtype=np.uint32)) for one, other in weights]
    first, second = sums
    return (parts[0] + a * first + b * second) & 0xFFFFFFFF, (parts[1] + c * first + d * second) & 0xFFFFFFFF


@cache
def _weights(pairs: int) -> tuple[list[tuple[NDArray[np.uint32], NDArray[np.uint32]]], tuple[int, int, int, int]]:
    """Return the weights of each pair in the final sums, and of the sums from before.

    A pair turns (s0, s1) into M (s0, s1) + (x, x + y), with M = ((1, 1), (1, 2)): the weights are the powers of M.
    """
    powers = [(1, 0, 0, 1)]
    for _ in range(pairs):
        a, b, c, d = powers[-1]
        grown = (a + c, b + d, a + 2 * c, b + 2 * d)
        powers.append(tuple(each & 0xFFFFFFFF for each in grown))  # type: ignore[arg-type]
    columns = np.array(powers[:pairs][::-1], np.uint32).reshape(-1, 4).T
    return [(columns[0], columns[1]), (columns[2], columns[3])], powers[pairs]
