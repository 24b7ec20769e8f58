"""The row scan: scores of int8 rows against int8 queries, and the best score of each group of rows.

It takes nearly all of a search's time. There are two scans with the same results, bit for bit: in C (row_scan.c, built
by build_row_scan), which is nearly as fast as memory, and in numpy, for machines that the C was not built for. Sums are
of integers below 2**24, exact in any order; a score is one product in float32.
"""

import ctypes
import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openrek.store.segments import sketches
from openrek.store.segments.sketches import Sketch

Int8Matrix: TypeAlias = NDArray[np.int8]
Float32Vector: TypeAlias = NDArray[np.float32]
Float32Matrix: TypeAlias = NDArray[np.float32]

SOURCE: Final = Path(__file__).with_name("row_scan.c")
RECIPE: Final = Path(__file__).with_name("build_row_scan.py")
BUILT: Final = Path(__file__).with_name("built")
ROWS_PER_PART: Final = 4096
"""As many are widened from int8 to float32 at a time."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """A block of n stored rows: vectors int8 [n, d], scales float32 [n], ids uint8 [n, 16], dead bool [n] or None.

    `longest` is the largest norm of any row (scale times int8 vector). A scan reads the `sketch` instead of the vectors
    where there is one.
    """

    vectors: Int8Matrix
    scales: Float32Vector
    ids: NDArray[np.uint8]
    dead: NDArray[np.bool_] | None
    longest: float
    sketch: Sketch | None = None

    def part(self, rows: slice) -> "RowBlock":
        dead = None if self.dead is None else self.dead[rows]
        sketch = None if self.sketch is None else Sketch(self.sketch.nibbles[rows], self.sketch.rest)
        return RowBlock(self.vectors[rows], self.scales[rows], self.ids[rows], dead, self.longest, sketch)


class Scan(Protocol):
    """A row scan: writes to `scores` float32 [q, n] the score of each row with each query of int8 [q, d], (integer dot
    product) * scale, or an upper bound of it if there is a sketch; dead rows get -inf. It writes to `maxima` float32
    [q, ceil(n / group_rows)] the best score of each `group_rows` rows that follow each other.

    `group_rows` is a multiple of 4. `scores` and `maxima` may be columns of wider arrays.
    """

    def __call__(
        self, queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a score: ((sum of products - less) * times + plus) * scale; less int32 [q], plus float32 [q]."""

    less: NDArray[np.int32]
    times: float
    plus: Float32Vector


def terms_of(queries: Int8Matrix, sketch: Sketch | None) -> Terms:
    """Return the terms that give the sum itself for whole rows, and its upper bound for sketches (see `sketches`)."""
    if sketch is None:
        return Terms(np.zeros(len(queries), np.int32), 1.0, np.zeros(len(queries), np.float32))
    sums = queries.sum(axis=1, dtype=np.int32)
    norms = np.linalg.norm(queries.astype(np.float64), axis=1)
    plus = (sketches.MIDDLE * sums + norms * sketch.rest).astype(np.float32)
    return Terms(sketches.OFFSET * sums, float(sketches.STEP), np.nextafter(plus, np.float32(np.inf)))


def numpy_scan(
    queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
) -> None:
    """Scan in numpy, as Scan says."""
    wide, terms = queries.astype(np.float32), terms_of(queries, block.sketch)
    for start in range(0, len(block.scales), ROWS_PER_PART):
        part = slice(start, start + ROWS_PER_PART)
        rows = block.vectors[part] if block.sketch is None else sketches.unpacked(block.sketch.nibbles[part])
        scores[:, part] = wide @ rows.astype(np.float32).T
    scores -= terms.less[:, None].astype(np.float32)
    scores *= np.float32(terms.times)
    scores += terms.plus[:, None]
    scores *= block.scales
    if block.dead is not None:
        scores[:, block.dead] = -np.inf
    np.maximum.reduceat(scores, np.arange(0, len(block.scales), group_rows), axis=1, out=maxima)


class _BlockStruct(ctypes.Structure):
    """`struct block` of row_scan.c."""

    _fields_ = (
        ("rows", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("dead", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("row_bytes", ctypes.c_size_t),
        ("dimensions", ctypes.c_size_t),
    )


class _QueriesStruct(ctypes.Structure):
    """`struct queries` of row_scan.c."""

    _fields_ = (
        ("vectors", ctypes.c_void_p),
        ("less", ctypes.c_void_p),
        ("plus", ctypes.c_void_p),
        ("times", ctypes.c_float),
        ("count", ctypes.c_size_t),
        ("scores", ctypes.c_size_t),
        ("maxima", ctypes.c_size_t),
    )


class NativeScan:
    """The scan in C. It does not hold the interpreter's lock, so threads may scan at the same time."""

    def __init__(self, library: ctypes.CDLL, path: int) -> None:
        """Take the scan out of a loaded library. `path` selects the processor's instructions; 0 runs everywhere."""
        self._path = path
        self._run = library.openrek_row_scan
        self._run.restype = None
        self._run.argtypes = (
            ctypes.c_int,
            ctypes.c_int,
            ctypes.POINTER(_QueriesStruct),
            ctypes.POINTER(_BlockStruct),
            ctypes.c_size_t,
            ctypes.c_void_p,
            ctypes.c_void_p,
        )

    def __call__(
        self, queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
    ) -> None:
        """Scan, as Scan says. Raises ValueError for other arrays: nothing is read or written beyond their ends."""
        (count, dimensions), rows, sketch = queries.shape, len(block.scales), block.sketch
        if group_rows % 4 or group_rows <= 0 or dimensions == 0 or (sketch and not sketches.fits(dimensions)):
            raise ValueError("the scan takes groups of a multiple of 4 rows, of dimensions that fit")
        row_bytes = dimensions if sketch is None else dimensions // 2
        stored = _BlockStruct(
            _address(block.vectors, np.int8, rows, dimensions)
            if sketch is None
            else _address(sketch.nibbles, np.uint8, rows, row_bytes),
            _address(block.scales, np.float32, rows),
            None if block.dead is None else _address(block.dead, np.bool_, rows),
            rows,
            row_bytes,
            dimensions,
        )
        outputs = (
            _address(scores, np.float32, count, rows, apart=True),
            _address(maxima, np.float32, count, -(-rows // group_rows), apart=True),
        )
        terms = terms_of(queries, sketch)
        asked = _QueriesStruct(
            _address(queries, np.int8, count, dimensions),
            terms.less.ctypes.data,
            terms.plus.ctypes.data,
            terms.times,
            count,
            scores.strides[0] // 4,
            maxima.strides[0] // 4,
        )
        self._run(self._path, sketch is not None, asked, stored, group_rows, *outputs)


def _address(array: NDArray[Any], dtype: type[np.generic], *shape: int, apart: bool = False) -> int:
    """Return the array's address. Raises ValueError if it is not of that type, shape and layout: without gaps or, if
    `apart`, with gaps of whole numbers between its rows.
    """
    dense = array.flags.c_contiguous
    if apart and not dense:
        dense = array[:1].flags.c_contiguous and array.strides[0] >= 0 and array.strides[0] % array.itemsize == 0
    if array.dtype != dtype or array.shape != shape or not dense:
        raise ValueError(f"the scan takes a contiguous {dtype.__name__} {shape}, not {array.dtype} {array.shape}")
    return array.ctypes.data


def library_path(system: str, machine: str) -> Path:
    """Return the path of the scan in C for such a machine; a change of its sources or its recipe changes the name."""
    digest = hashlib.sha256(SOURCE.read_bytes() + RECIPE.read_bytes()).hexdigest()[:12]
    return BUILT / f"row_scan-{system}-{machine}-{digest}.so"


def this_machine() -> tuple[str, str]:
    """Return (linux or macos or another system, x86_64 or aarch64 or another machine)."""
    system = platform.system().lower().replace("darwin", "macos")
    return system, {"amd64": "x86_64", "arm64": "aarch64"}.get(machine := platform.machine().lower(), machine)


def native_scans(path: Path) -> tuple[NativeScan, ...]:
    """Load a scan for each instruction set of this machine, the plainest first; none if the C can't be loaded."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError:
        return ()
    return tuple(NativeScan(library, number) for number in range(library.openrek_row_scan_paths()))


@cache
def fastest_scan() -> Scan:
    """Return the fastest scan that works on this machine, the same one at each call."""
    return first_correct([*reversed(native_scans(library_path(*this_machine()))), numpy_scan])


def first_correct(scans: Sequence[Scan]) -> Scan:
    """Return the first scan that gives the same bits as numpy's on this machine.

    A scan that is wrong would tell people wrong things about people, and the check takes a millisecond or two, once.
    """
    return next(scan for scan in scans if scan is numpy_scan or _is_correct(scan))


def _is_correct(scan: Scan) -> bool:
    """Compare the scan with numpy's on a few rows: vectors of odd ends, values at their limits, some rows dead."""
    scales, dead = np.linspace(0.001, 0.01, 71, dtype=np.float32), np.arange(71) % 9 == 5
    for dimensions in (16, 128, 143, 256):
        vectors = np.resize(np.arange(-127, 128, dtype=np.int16), (71, dimensions)).astype(np.int8)
        sketch = sketches.sketch_of(vectors) if dimensions == 256 else None
        block = RowBlock(vectors, scales, np.empty((71, 16), np.uint8), dead, 20.0, sketch)
        results = []
        for each in (scan, numpy_scan):
            scores, maxima = np.empty((2, 71), np.float32), np.empty((2, 5), np.float32)
            each(vectors[3:5], block, 16, scores, maxima)
            results.append(scores.tobytes() + maxima.tobytes())
        if results[0] != results[1]:
            return False
    return True
