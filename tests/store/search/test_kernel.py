"""`nearest` against brute force in exact arithmetic, on data made to break bounds, ties and slices."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from openrek.store.search import kernel
from openrek.store.search.kernel import Hits, nearest, nearest_each
from openrek.store.search.query import Probe
from openrek.store.search.row_scan import Float32Matrix, Int8Matrix, RowBlock, fastest_scan, numpy_scan
from openrek.store.segments.sketches import fits, sketch_of

pytestmark = pytest.mark.usefixtures("row_scan")

Vectors = NDArray[np.int8]
Search: TypeAlias = tuple[NDArray[np.float32], list[RowBlock], int, float]


def block(
    vectors: Vectors, scales: NDArray[np.float32], ids: NDArray[np.uint8], dead: NDArray[np.bool_] | None
) -> RowBlock:
    """With a sketch where one fits."""
    norms = scales.astype(np.float64) * np.linalg.norm(vectors.astype(np.float64), axis=1)
    sketch = sketch_of(vectors) if fits(vectors.shape[1]) and len(vectors) else None
    return RowBlock(vectors, scales, ids, dead, float(norms.max(initial=0.0)), sketch)


def exact_score(query: NDArray[np.float32], vector: Vectors, scale: np.float32) -> float:
    """In integers: the query rounded to multiples of 2**-40, as nearest documents."""
    fixed = [int(x) for x in np.rint(query.astype(np.float64) * 2.0**40)]
    total = sum(a * int(b) for a, b in zip(fixed, vector, strict=True))
    return float(Fraction(total, 2**40)) * float(scale)


def brute_force(
    query: NDArray[np.float32], blocks: Sequence[RowBlock], limit: int, lowest: float
) -> list[tuple[bytes, int, int, float]]:
    found = [
        (found.ids[row].tobytes(), number, row, exact_score(query, found.vectors[row], found.scales[row]))
        for number, found in enumerate(blocks)
        for row in range(len(found.scales))
        if found.dead is None or not found.dead[row]
    ]
    found = [hit for hit in found if hit[3] >= lowest]
    return sorted(found, key=lambda hit: (-hit[3], hit[0]))[:limit]


def as_list(hits: Hits, blocks: Sequence[RowBlock]) -> list[tuple[bytes, int, int, float]]:
    places = zip(hits.block.tolist(), hits.row.tolist(), hits.score.tolist(), strict=True)
    return [(blocks[number].ids[row].tobytes(), number, row, score) for number, row, score in places]


def query_of(shape: str, dimensions: int, length: float, chance: np.random.Generator) -> NDArray[np.float32]:
    query = chance.standard_normal(dimensions)
    if shape == "sparse":
        query *= chance.random(dimensions) < 0.1
        query[0] = 1.0
    elif shape == "equal":
        query = np.sign(query)
    elif shape == "one":
        query[1:] = 0.0
    elif shape == "tiny rest":
        query[1:] *= 1e-9
    return (length * query / np.linalg.norm(query)).astype(np.float32)


def vectors_of(kind: str, rows: int, query: NDArray[np.float32], chance: np.random.Generator) -> Vectors:
    dimensions = len(query)
    aligned = np.clip(np.rint(query / np.abs(query).max() * 127), -127, 127)
    vectors = {
        "random": chance.integers(-127, 128, (rows, dimensions)),
        "clustered": np.clip(aligned * 0.7 + chance.integers(-2, 3, (rows, dimensions)), -127, 127),
        "same": np.tile(chance.integers(-127, 128, dimensions), (rows, 1)),
        "aligned": np.clip(aligned + chance.integers(-1, 2, (rows, dimensions)), -127, 127),
        "opposite": np.tile(-aligned, (rows, 1)),
    }[kind]
    return np.ascontiguousarray(vectors.astype(np.int8))


def scales_of(kind: str, vectors: Vectors, chance: np.random.Generator) -> NDArray[np.float32]:
    rows = len(vectors)
    norms = np.maximum(np.linalg.norm(vectors.astype(np.float64), axis=1), 1.0)
    if kind == "like real ones":
        return (1.0 / norms).astype(np.float32)
    if kind == "wild":
        return (10.0 ** chance.uniform(-30, 0, rows) / norms).astype(np.float32)
    return np.full(rows, np.float32(1e-45))


def ids_of(numbers: range, chance: np.random.Generator) -> NDArray[np.uint8]:
    """In any order; no two of different numbers are equal."""
    ids = np.zeros((len(numbers), 16), np.uint8)
    for row, number in enumerate(numbers):
        start = int(chance.integers(1, 2**62)).to_bytes(8, "big")
        ids[row] = np.frombuffer(start + number.to_bytes(8, "big"), np.uint8)
    return ids


@st.composite
def searches(draw: st.DrawFn) -> Search:
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    dimensions = draw(st.sampled_from([1, 2, 3, 31, 64, 65, 127, 128, 128, 128, 129, 256, 512, 1040]))
    shape = draw(st.sampled_from(["random", "sparse", "equal", "one", "tiny rest"]))
    length = draw(st.sampled_from([1.0, 1.0, 1.99, 1e-9]))
    query = query_of(shape, dimensions, length, chance)

    blocks: list[RowBlock] = []
    kind = draw(st.sampled_from(["random", "clustered", "same", "aligned", "opposite"]))
    scale_kind = draw(st.sampled_from(["like real ones", "wild", "smallest"]))
    first = 0
    for rows in draw(st.lists(st.sampled_from([0, 1, 2, 63, 64, 65, 130, 300]), min_size=0, max_size=3)):
        vectors = vectors_of(kind, rows, query, chance)
        scales = scales_of(scale_kind, vectors, chance)
        ids = ids_of(range(first, first + rows), chance)
        first += rows
        dead = draw(st.sampled_from([None, 0.0, 0.3, 1.0]))
        blocks.append(block(vectors, scales, ids, None if dead is None else chance.random(rows) < dead))
    limit = draw(st.sampled_from([1, 2, 5, 64, 100, 4096]))
    lowest = draw(st.sampled_from([-np.inf, -1.0, 0.0, 1e-3, 0.3, 0.7, 0.999, 1.0, 1.1]))
    return query, blocks, limit, lowest * length


@settings(max_examples=200, deadline=None)
@given(searches())
def test_nearest_is_brute_force(search: Search) -> None:
    query, blocks, limit, lowest = search

    hits = nearest(query, blocks, limit=limit, lowest=lowest)

    assert as_list(hits, blocks) == brute_force(query, blocks, limit, lowest)


@settings(max_examples=60, deadline=None)
@given(searches(), st.integers(0, 1000))
def test_a_threshold_that_a_row_just_reaches_keeps_that_row(search: Search, pick: int) -> None:
    query, blocks, _, _ = search
    everyone = brute_force(query, blocks, 4096, -np.inf)
    if not everyone:
        return
    lowest = everyone[pick % len(everyone)][3]

    hits = nearest(query, blocks, limit=4096, lowest=lowest)

    assert as_list(hits, blocks) == [hit for hit in everyone if hit[3] >= lowest]


@settings(max_examples=60, deadline=None)
@given(searches())
def test_nearest_is_float64_brute_force_but_for_its_rounding(
    search: Search,
) -> None:
    query, blocks, limit, _ = search
    scores = np.concatenate(
        [np.empty(0)]
        + [
            (found.vectors.astype(np.float64) @ query.astype(np.float64) * found.scales)[
                slice(None) if found.dead is None else ~found.dead
            ]
            for found in blocks
        ]
    )

    hits = nearest(query, blocks, limit=limit, lowest=-np.inf)

    assert np.allclose(hits.score, -np.sort(-scores)[:limit], rtol=0, atol=2e-11)


@settings(max_examples=60, deadline=None)
@given(searches())
def test_numpy_finds_the_same(search: Search) -> None:
    query, blocks, limit, lowest = search

    first = nearest(query, blocks, limit=limit, lowest=lowest)
    second = nearest(query, blocks, limit=limit, lowest=lowest, scan=numpy_scan)

    assert as_list(first, blocks) == as_list(second, blocks)
    assert first.score.tobytes() == second.score.tobytes()


@settings(max_examples=100, deadline=None)
@given(searches(), st.integers(0, 20), st.sampled_from([0, 1 << 13, 64 << 20]), st.sampled_from([0.0, 0.2, 1.0]))
def test_many_queries_give_what_each_gives_alone(
    search: Search, number: int, scores_bytes: int, most_candidates: float
) -> None:
    query, blocks, limit, lowest = search
    queries = [np.roll(query, shift) for shift in range(number)]

    together = nearest_each(
        queries,
        blocks,
        limit=limit,
        lowest=lowest,
        threads=2,
        scores_bytes=scores_bytes,
        most_candidates=most_candidates,
    )

    whole = [replace(block, sketch=None) for block in blocks]
    alone = [nearest(each, whole, limit=limit, lowest=lowest) for each in queries]
    assert [as_list(hits, blocks) for hits in together] == [as_list(hits, blocks) for hits in alone]


class Recording:
    """The fastest scan; `rows` and `nibbles` count what it read of each kind."""

    def __init__(self) -> None:
        self.rows = self.nibbles = 0

    def __call__(
        self, queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
    ) -> None:
        self.rows += 0 if block.sketch else len(block.scales)
        self.nibbles += len(block.scales) if block.sketch else 0
        fastest_scan()(queries, block, group_rows, scores, maxima)


def test_sketches_are_read_where_they_leave_few_rows_and_rows_once_where_they_do_not() -> None:
    """Twenty photos of one person among strangers; nobody knows the second query."""
    chance = np.random.default_rng(21)
    rows = 2 * kernel.SAMPLE_ROWS
    loose = chance.standard_normal((rows, 256))
    loose[1000:1020] = loose[0] + 0.5 * chance.standard_normal((20, 256))
    loose /= np.abs(loose).max(axis=1, keepdims=True)
    vectors = np.rint(127 * loose).astype(np.int8)
    scales = (1.0 / np.linalg.norm(vectors.astype(np.float64), axis=1)).astype(np.float32)
    blocks = [block(vectors, scales, np.zeros((rows, 16), np.uint8), None)]
    known = (loose[0] / np.linalg.norm(loose[0])).astype(np.float32)
    stranger = chance.standard_normal(256)
    stranger = (stranger / np.linalg.norm(stranger)).astype(np.float32)

    def read(query: NDArray[np.float32], limit: int, lowest: float) -> tuple[bool, int]:
        """Return True if the sketches of all rows were read, and the number of rows read whole."""
        scan = Recording()
        nearest(query, blocks, limit=limit, lowest=lowest, scan=scan)
        return scan.nibbles >= rows, scan.rows

    assert read(known, 5, -1.0) == (True, 0)
    assert read(known, 4096, 0.4) == (True, 0)
    assert read(stranger, 4096, 0.4) == (True, 0)
    assert read(stranger, 5, -1.0) == (True, rows)
    assert read(stranger, 1000, -1.0) == (False, rows)


def test_thread_counts_and_slices_give_the_same_bits() -> None:
    """More rows than one slice holds, in clusters: thousands are within the bound of the last place."""
    chance = np.random.default_rng(7)
    rows = kernel.ROWS_PER_SLICE + 5_000
    centre = chance.integers(-100, 101, 16)
    vectors = np.clip(centre + chance.integers(-1, 2, (rows, 16)), -127, 127).astype(np.int8)
    scales = np.full(rows, np.float32(1 / 300))
    ids = np.frombuffer(chance.bytes(rows * 16), np.uint8).reshape(rows, 16)
    dead = chance.random(rows) < 0.2
    blocks = [block(vectors, scales, ids, dead), block(vectors[:1000], scales[:1000], ids[:1000] ^ 1, None)]
    query = (centre / np.linalg.norm(centre)).astype(np.float32)

    found = [
        nearest(query, blocks, limit=100, lowest=0.0, threads=threads, scan=scan)
        for threads, scan in ((1, None), (2, None), (5, None), (2, numpy_scan))
    ]

    assert len({(hits.block.tobytes(), hits.row.tobytes(), hits.score.tobytes()) for hits in found}) == 1
    exact = [
        (vectors.astype(np.float64) @ np.rint(query.astype(np.float64) * 2.0**40) / 2.0**40 * scales.astype(np.float64))
    ]
    living = np.concatenate([np.where(dead, -np.inf, exact[0]), exact[0][:1000]])
    assert found[0].score.tolist() == (-np.sort(-living))[:100].tolist()


def test_equal_scores_are_in_the_order_of_their_ids() -> None:
    chance = np.random.default_rng(3)
    vectors = np.tile(chance.integers(-127, 128, 8).astype(np.int8), (500, 1))
    ids = np.frombuffer(chance.bytes(500 * 16), np.uint8).reshape(500, 16).copy()
    ids[:, :8] = 200  # only the last eight bytes differ, and some have their highest bit set
    blocks = [block(vectors, np.full(500, np.float32(0.01)), ids, None)]
    query = vectors[0].astype(np.float32) / np.float32(np.linalg.norm(vectors[0].astype(np.float64)))

    hits = nearest(query, blocks, limit=10, lowest=-1.0)

    assert [row[0] for row in as_list(hits, blocks)] == sorted(row.tobytes() for row in ids)[:10]


def worst_pair(chance: np.random.Generator, dimensions: int) -> tuple[NDArray[np.float32], Vectors]:
    """A query whose rounding rest is as long as can be, and two rows: the one that the scan misjudges most against the
    query, and one that it sees a little better although it is worse.
    """
    steps = chance.integers(-126, 126, dimensions) + 0.5 - 1e-4 * chance.random(dimensions)
    steps[0] = 127.0
    query = (steps / np.linalg.norm(steps)).astype(np.float32)
    exact = query.astype(np.float64)
    scale = np.abs(exact).max() / 127.0
    rest = exact - scale * np.rint(exact / scale)
    towards = np.clip(np.rint(rest / np.abs(rest).max() * 127), -127, 127)
    return query, np.stack([towards, -towards]).astype(np.int8)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 16, 128, 1040]), st.integers(1, 3))
def test_the_bound_holds_for_rows_along_the_rounding_rest(seed: int, dimensions: int, limit: int) -> None:
    """Rows parallel and opposite to e = q - s qi: their scanned scores are off by just ||e|| ||row||."""
    chance = np.random.default_rng(seed)
    query, pair = worst_pair(chance, dimensions)
    mixed = [
        np.clip(np.rint(pair[0] * share + chance.integers(-3, 4, dimensions)), -127, 127)
        for share in chance.uniform(-1, 1, 198)
    ]
    vectors = np.concatenate([pair, np.array(mixed)]).astype(np.int8)
    scales = (1.0 / np.maximum(np.linalg.norm(vectors.astype(np.float64), axis=1), 1.0)).astype(np.float32)
    ids = np.frombuffer(chance.bytes(len(vectors) * 16), np.uint8).reshape(-1, 16)
    blocks = [block(vectors, scales, ids, None)]

    hits = nearest(query, blocks, limit=limit, lowest=-np.inf)

    assert as_list(hits, blocks) == brute_force(query, blocks, limit, -np.inf)


@settings(max_examples=100, deadline=None)
@given(searches())
def test_the_bound_is_a_bound(search: Search) -> None:
    """No scanned score is further from the true one than `margin` says."""
    query, blocks, _, _ = search
    probe = Probe(query)
    exact = probe.fixed / 2.0**40
    for found in blocks:
        living = RowBlock(found.vectors, found.scales, found.ids, None, found.longest)
        rows = len(found.scales)
        scanned, maxima = np.empty((1, rows), np.float32), np.empty((1, -(-rows // 4)), np.float32)
        fastest_scan()(probe.int8[None], living, 4, scanned, maxima)
        true = found.vectors.astype(np.float64) @ exact * found.scales.astype(np.float64)
        assert (
            np.abs(scanned[0].astype(np.float64) * probe.scale - true) <= probe.margin(found.longest) * probe.scale
        ).all()


@pytest.mark.parametrize(
    "query",
    [np.zeros(4), np.array([np.nan, 1.0]), np.array([np.inf]), np.full(1041, 0.03), np.array([2.1, 0.0]), np.empty(0)],
    ids=["zero", "nan", "inf", "too many", "too long", "empty"],
)
def test_queries_that_cannot_be_searched(query: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="a query must"):
        nearest(query.astype(np.float32), [], limit=1, lowest=0.0)


def test_sums_are_exact_up_to_the_longest_query() -> None:
    """The largest sums that can occur: a query of length 2 against rows of all 127, at 1040 dimensions."""
    query = np.full(1040, 1.999 / np.sqrt(1040), np.float32)
    vectors = np.full((3, 1040), 127, np.int8)
    vectors[1, 0], vectors[2, -1] = 126, 125
    ids = np.arange(48, dtype=np.uint8).reshape(3, 16)
    blocks = [block(vectors, np.full(3, np.float32(1e-3)), ids, None)]

    hits = nearest(query, blocks, limit=3, lowest=-np.inf)

    assert as_list(hits, blocks) == brute_force(query, blocks, 3, -np.inf)
