"""Every scan gives the same bits, touches nothing but its arrays, and is only used where it is right."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from openrek.store.search import build_row_scan, row_scan
from openrek.store.search.row_scan import (
    Float32Matrix,
    Int8Matrix,
    RowBlock,
    Scan,
    first_correct,
    native_scans,
    numpy_scan,
)
from openrek.store.segments.sketches import MIDDLE, OFFSET, STEP, Sketch, fits, sketch_of, unpacked
from tests.support.arm import ArmScan

Bits = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def scans() -> dict[str, Scan]:
    """All that can run here, those for arm64 in an emulator."""
    here, arm = build_row_scan.build(print, [row_scan.this_machine(), ("linux", "aarch64")])
    native = native_scans(here)
    assert native
    return {
        "numpy": numpy_scan,
        **{f"native {number}": scan for number, scan in enumerate(native)},
        **{f"arm64 {number}": ArmScan(arm, number) for number in range(2)},
    }


def bits(scan: Scan, queries: NDArray[np.int8], block: RowBlock, group_rows: int) -> Bits:
    rows = len(block.scales)
    scores = np.full((len(queries), rows), np.nan, np.float32)
    maxima = np.full((len(queries), -(-rows // group_rows)), np.nan, np.float32)
    scan(queries, block, group_rows, scores, maxima)
    return scores.tobytes(), maxima.tobytes()


@st.composite
def scanned(draw: st.DrawFn) -> tuple[NDArray[np.int8], RowBlock, int]:
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    dimensions = draw(st.sampled_from([1, 3, 15, 16, 17, 63, 64, 65, 127, 128, 128, 128, 129, 256, 512, 1024, 1040]))
    rows = draw(st.sampled_from([1, 2, 3, 4, 5, 15, 16, 63, 64, 65, 127, 200]))
    vectors = chance.integers(-127, 128, (rows, dimensions), dtype=np.int8)
    vectors[chance.random(rows) < 0.2] = draw(st.sampled_from([127, -127, 0]))
    scales = (10.0 ** chance.uniform(-40, 0, rows)).astype(np.float32)
    dead = draw(st.sampled_from([None, 0.0, 0.3, 1.0]))
    marks = None if dead is None else chance.random(rows) < dead
    queries = chance.integers(-127, 128, (draw(st.integers(1, 4)), dimensions), dtype=np.int8)
    queries[0] = vectors[0]
    sketch = sketch_of(vectors) if fits(dimensions) and draw(st.booleans()) else None
    block = RowBlock(vectors, scales, np.zeros((rows, 16), np.uint8), marks, 1.0, sketch)
    return queries, block, draw(st.sampled_from([4, 16, 64]))


@settings(max_examples=150)
@given(scanned())
def test_every_scan_gives_the_same_bits(scans: dict[str, Scan], given: tuple[NDArray[np.int8], RowBlock, int]) -> None:
    queries, block, group_rows = given
    found = {name: bits(scan, queries, block, group_rows) for name, scan in scans.items()}
    assert found == dict.fromkeys(scans, found["numpy"])


@pytest.mark.parametrize("dimensions", [1, 7, 64, 127, 128, 513, 1040])
def test_sums_are_exact_at_the_extremes(scans: dict[str, Scan], dimensions: int) -> None:
    chance = np.random.default_rng(dimensions)
    rows = chance.integers(-127, 128, (70, dimensions), dtype=np.int8)
    rows[0], rows[1] = 127, -127
    rows[2] = np.where(np.arange(dimensions) % 2, 127, -127)
    block = RowBlock(rows, np.ones(70, np.float32), np.zeros((70, 16), np.uint8), None, 1.0)
    for scan in scans.values():
        scores, maxima = np.empty((4, 70), np.float32), np.empty((4, 5), np.float32)
        scan(rows[:4], block, 16, scores, maxima)
        for query, got, best in zip(rows[:4], scores, maxima, strict=True):
            wanted = rows.astype(np.int64) @ query.astype(np.int64)
            assert got.astype(np.int64).tolist() == wanted.tolist()
            assert best.tolist() == [wanted[start : start + 16].max() for start in range(0, 70, 16)]


@settings(max_examples=100)
@given(scanned())
def test_no_row_scores_more_than_its_sketch_says(
    scans: dict[str, Scan], given: tuple[NDArray[np.int8], RowBlock, int]
) -> None:
    queries, block, _ = given
    if not block.sketch:
        return
    most, maxima = np.empty((len(queries), len(block.scales)), np.float32), np.empty((len(queries), 50), np.float32)
    numpy_scan(queries, block, 4, most, maxima[:, : -(-len(block.scales) // 4)])
    true = queries.astype(np.float64) @ block.vectors.astype(np.float64).T * block.scales.astype(np.float64)
    rounding = 1e-6 * np.abs(queries).max() * 127 * queries.shape[1] * block.scales.astype(np.float64)
    alive = slice(None) if block.dead is None else ~block.dead
    assert (most[:, alive] >= (true - rounding)[:, alive]).all()


@settings(max_examples=50)
@given(scanned())
def test_a_sketch_holds_the_higher_halves(given: tuple[NDArray[np.int8], RowBlock, int]) -> None:
    _, block, _ = given
    if block.sketch:
        high = unpacked(block.sketch.nibbles).astype(np.int64) - OFFSET
        rest = block.vectors.astype(np.float64) - STEP * high - MIDDLE
        assert np.abs(rest).max() <= MIDDLE
        assert block.sketch.rest == np.linalg.norm(rest, axis=1).max()


def test_many_queries_of_more_rows_than_a_turn_takes(scans: dict[str, Scan]) -> None:
    """Into columns of wider arrays, whose others stay as they are."""
    chance = np.random.default_rng(3)
    vectors = chance.integers(-127, 128, (9_001, 128), dtype=np.int8)
    block = RowBlock(vectors, chance.random(9_001, np.float32), np.zeros((9_001, 16), np.uint8), None, 1.0)
    queries = chance.integers(-127, 128, (3, 128), dtype=np.int8)
    wanted = (queries.astype(np.float32) @ vectors.astype(np.float32).T) * block.scales
    for scan in scans.values():
        scores, maxima = np.full((3, 9_011), np.nan, np.float32), np.full((3, 150), np.nan, np.float32)
        scan(queries, block, 64, scores[:, 5:9_006], maxima[:, 4:145])
        assert scores[:, 5:9_006].tobytes() == wanted.tobytes()
        assert maxima[:, 4:145].tobytes() == np.maximum.reduceat(wanted, np.arange(0, 9_001, 64), axis=1).tobytes()
        assert np.isnan(scores[:, :5]).all()
        assert np.isnan(scores[:, 9_006:]).all()
        assert np.isnan(maxima[:, :4]).all()
        assert np.isnan(maxima[:, 145:]).all()


BEYOND_THE_END = """
import ctypes, mmap, sys
import numpy as np
from openrek.store.search.row_scan import RowBlock, library_path, native_scans, this_machine
from openrek.store.segments.sketches import Sketch, fits, sketch_of

libc, page = ctypes.CDLL(None), mmap.PAGESIZE
kept = []

def at_the_end(array):
    '''The same array, with memory right after it that nobody may touch.'''
    pages = -(-array.nbytes // page)
    memory = mmap.mmap(-1, (pages + 1) * page)
    kept.append(memory)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert libc.mprotect(ctypes.c_void_p(start + pages * page), page, 0) == 0
    copy = np.frombuffer(memory, array.dtype, array.size, pages * page - array.nbytes).reshape(array.shape)
    copy[...] = array
    return copy

for dimensions in (1, 16, 63, 64, 65, 128, 513):
    for rows in (1, 3, 4, 67, 128):
        vectors = at_the_end(np.ones((rows, dimensions), np.int8))
        sketches = [None]
        if fits(dimensions):
            sketches.append(Sketch(at_the_end(sketch_of(vectors).nibbles), sketch_of(vectors).rest))
        scales, dead = at_the_end(np.ones(rows, np.float32)), at_the_end(np.zeros(rows, np.bool_))
        queries = at_the_end(np.ones((2, dimensions), np.int8))
        for scan in native_scans(library_path(*this_machine())):
            for sketch in sketches:
                block = RowBlock(vectors, scales, np.zeros((rows, 16), np.uint8), dead, 1.0, sketch)
                scores = at_the_end(np.zeros((2, rows), np.float32))
                maxima = at_the_end(np.zeros((2, -(-rows // 16)), np.float32))
                scan(queries, block, 16, scores, maxima)
                assert (scores >= dimensions).all() and (maxima >= dimensions).all()
                assert sketch or (scores == dimensions).all() and (maxima == dimensions).all()
print("untouched")
"""


def test_nothing_beyond_the_arrays_is_touched(scans: dict[str, Scan]) -> None:
    done = subprocess.run([sys.executable, "-c", BEYOND_THE_END], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "untouched\n"), done.stderr


def wrong_calls() -> dict[str, Callable[[Scan], None]]:
    rows, wide = np.ones((8, 4), np.int8), np.ones((8, 128), np.int8)
    block = RowBlock(rows, np.ones(8, np.float32), np.zeros((8, 16), np.uint8), None, 1.0)
    query, scores, maxima = rows[:1], np.empty((1, 8), np.float32), np.empty((1, 2), np.float32)
    other = {name: getattr(block, name) for name in ("vectors", "scales", "ids", "dead", "longest")}
    return {
        "a short query": lambda scan: scan(query[:, :3], block, 4, scores, maxima),
        "a float query": lambda scan: scan(query.astype(np.float32), block, 4, scores, maxima),  # type: ignore[arg-type]
        "few scores": lambda scan: scan(query, block, 4, scores[:, :7], maxima),
        "wide scores": lambda scan: scan(query, block, 4, scores.astype(np.float64), maxima),  # type: ignore[arg-type]
        "few maxima": lambda scan: scan(query, block, 4, scores, maxima[:, :1]),
        "one score for two queries": lambda scan: scan(rows[:2], block, 4, scores, maxima),
        "every other score": lambda scan: scan(query, block, 4, np.empty((1, 16), np.float32)[:, ::2], maxima),
        "an odd group": lambda scan: scan(query, block, 6, scores, maxima),
        "no group": lambda scan: scan(query, block, 0, scores, maxima),
        "every other row": lambda scan: scan(
            query, RowBlock(**{**other, "vectors": np.ones((16, 4), np.int8)[::2]}), 4, scores, maxima
        ),
        "few scales": lambda scan: scan(query, RowBlock(**{**other, "scales": block.scales[:7]}), 4, scores, maxima),
        "a short sketch": lambda scan: scan(
            wide[:1], RowBlock(wide, block.scales, block.ids, None, 1.0, sketch_of(wide[:7])), 4, scores, maxima
        ),
        "a sketch of dimensions that do not fit": lambda scan: scan(
            query, RowBlock(**{**other, "sketch": Sketch(np.zeros((8, 2), np.uint8), 1.0)}), 4, scores, maxima
        ),
        "few dead": lambda scan: scan(query, RowBlock(**{**other, "dead": np.zeros(7, np.bool_)}), 4, scores, maxima),
    }


@pytest.mark.parametrize("name", wrong_calls())
def test_arrays_that_do_not_fit_are_refused(scans: dict[str, Scan], name: str) -> None:
    with pytest.raises(ValueError, match="the scan takes"):
        wrong_calls()[name](scans["native 0"])


def test_a_scan_that_is_wrong_here_is_not_used(scans: dict[str, Scan]) -> None:
    def off_by_one(
        queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
    ) -> None:
        numpy_scan(queries, block, group_rows, scores, maxima)
        scores[-1, -1] += 1

    def reviving(
        queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
    ) -> None:
        numpy_scan(queries, replace(block, dead=None), group_rows, scores, maxima)

    right = scans["native 0"]
    assert first_correct([off_by_one, reviving, right, numpy_scan]) is right
    assert first_correct([off_by_one, numpy_scan]) is numpy_scan


def test_without_a_library_or_with_a_damaged_one_numpy_searches(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.so"
    damaged.write_bytes(b"\x7fELF" + bytes(100))
    assert native_scans(tmp_path / "missing.so") == native_scans(damaged) == ()


def test_what_is_built_is_not_built_again(scans: dict[str, Scan]) -> None:
    progress: list[str] = []
    (path,) = build_row_scan.build(progress.append)
    assert path.is_file()
    assert progress == []


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The source and its builder in a folder of their own."""
    store = tmp_path / "openrek" / "store"
    source = row_scan.SOURCE.parents[1]
    for name in ("search/row_scan.c", "search/row_scan.py", "search/build_row_scan.py", "segments/sketches.py"):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, store / name)
    for package in (store.parent, store, store / "search", store / "segments"):
        (package / "__init__.py").touch()
    return store / "search"


def build_copy(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from openrek.store.search.build_row_scan import build; print(build(lambda _: None)[0].name)"
    environ = {"PYTHONPATH": str(folder.parents[2]), "PATH": "/usr/bin:/bin"}
    return subprocess.run([sys.executable, "-c", code], env=environ, check=False, capture_output=True, text=True)


def test_the_same_source_gives_the_same_bytes_and_another_one_another_name_and_nothing_else_is_printed(
    scans: dict[str, Scan], copied: Path
) -> None:
    here = row_scan.library_path(*row_scan.this_machine())
    assert build_copy(copied).stdout == f"{here.name}\n"
    assert (copied / "built" / here.name).read_bytes() == here.read_bytes()

    source = copied / "row_scan.c"
    source.write_text(source.read_text("utf-8").replace("8192", "4096"), "utf-8")
    again = build_copy(copied).stdout.rstrip("\n")

    assert again != here.name
    assert [path.name for path in (copied / "built").glob("*.so")] == [again]


def test_a_build_that_fails_says_so_and_leaves_nothing(copied: Path) -> None:
    (copied / "row_scan.c").write_text("int nothing(", "utf-8")
    done = build_copy(copied)
    assert "ScanBuildError: `ziglang cc` failed" in done.stderr
    assert list((copied / "built").glob("*.so")) == []
