"""What compaction makes of any log is what a dictionary would hold, whatever it folds, merges, rewrites and trims."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openrek.store.blobs.port import BlobMissing
from openrek.store.log.entries import LogGap
from openrek.store.segments.columns import Table
from openrek.store.upkeep import compaction
from openrek.store.upkeep.compaction import FOLD_AFTER_MS, REWRITE_AFTER_MS, Compactor
from openrek.store.upkeep.folding import fold
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.memory_blobs import MemoryBlobs
from tests.store.upkeep.logged_store import LoggedStore, fill, name_of, vector
from tests.support.clocks import FakeClock

WRITES = st.tuples(st.sets(st.integers(0, 40), max_size=12), st.sets(st.integers(0, 40), max_size=5))
STEPS = st.one_of(
    st.tuples(st.just("write"), WRITES),
    st.tuples(st.just("step"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(0, 24)),
    st.tuples(st.just("collect"), st.booleans()),
)


@given(st.lists(STEPS, max_size=25), st.integers(0, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_log_compacted_at_any_time_is_what_a_dictionary_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]], few: int
) -> None:
    store = LoggedStore(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        if few:  # small limits, so that folds and rewrites come in parts
            store.fold_entries = few
            patch.setattr("openrek.store.upkeep.folding.ROWS_PER_STEP", 8 * few)
            store.small_bytes = 500 * few
            patch.setattr(compaction, "STEP_BYTES", 3000 * few)
            patch.setattr(compaction, "SEGMENT_BYTES", 6000 * few)
        for position, (what, how) in enumerate(steps):
            if what == "write":
                added, deleted = how  # type: ignore[misc]
                rows = {name_of(number): vector(100 * position + number) for number in sorted(added)}
                store.write(rows, [name_of(number) for number in sorted(deleted - added)])
            elif what == "step":
                store.compactor.step(store.name, force=bool(how))
            elif what == "wait":
                store.now_s += 3600 * int(how)  # type: ignore[call-overload]
            else:
                GarbageCollector(store.items, store.blobs, clock=FakeClock()).collect(store.name, force=bool(how))
            assert store.stored() == store.model
        Upkeep(store.items, store.blobs, clock=FakeClock(store.now_s)).purge()
        assert store.stored() == store.model
        assert store.log() == []
        assert all(ref.tombstones is None for ref in store.manifest.segments)
        assert sum(ref.rows for ref in store.manifest.segments) == len(store.model)
        assert set(store.blobs.names()) == store.manifest.blobs | ({store.head.manifest} - {""})
    store.items.close()


def test_folding_keeps_the_last_of_each_row_and_remembers_all_names(store: LoggedStore) -> None:
    fill(store, range(5))
    fill(store, range(3, 8), seed=50)
    store.write({}, [name_of(4), name_of(30)])

    log = fold(store.items, store.head, after=0)
    folded = log.faces

    assert log.through == 3
    assert {table_id(folded.rows, place) for place in range(len(folded.rows))} == {*map(name_of, (0, 1, 2, 3, 5, 6, 7))}
    assert folded.named[name_of(4)] == folded.named[name_of(30)] == 3
    assert folded.named[name_of(0)] == 1
    outdated = folded.outdated(folded.rows.sorted().ids, np.zeros(7, np.uint64))
    assert sorted(outdated.tolist()) == list(range(7))
    assert not len(folded.outdated(folded.rows.sorted().ids, folded.rows.sorted().seqs))
    with pytest.raises(LogGap):
        fold(store.items, store.head.advanced(faces=0, users=0, entry_bytes=0), after=0)


def table_id(table: Table, place: int) -> bytes:
    return table.ids[place].tobytes()


def test_a_log_is_folded_when_it_is_long_or_old(store: LoggedStore) -> None:
    assert not store.compactor.step(store.name)
    fill(store, range(4))
    store.now_s = store.head.created_ms / 1000
    assert not store.compactor.step(store.name)
    assert store.head.version == 0

    store.now_s += FOLD_AFTER_MS / 1000 + 1
    assert store.compactor.step(store.name)

    assert (store.head.version, store.head.compacted_through, store.head.log_bytes) == (1, 1, 0)
    assert store.log() == []
    assert store.stored() == store.model
    assert not store.compactor.step(store.name)


def test_a_row_is_written_again_only_for_good_reason(store: LoggedStore) -> None:
    """Small segments are merged with one of their size; a large one is left alone until enough of it is dead."""
    store.small_bytes = 3000
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    large = store.manifest.segments[0].name
    for number in range(101, 104):
        fill(store, range(number, number + 1))
        store.now_s += FOLD_AFTER_MS / 1000 + 1
        assert store.compactor.step(store.name)
    assert [ref.rows for ref in store.manifest.segments] == [100, 3]
    assert store.manifest.segments[0].name == large

    folded_s = store.now_s
    store.write({}, [name_of(number) for number in range(5)])
    store.now_s += FOLD_AFTER_MS / 1000 + 1
    assert store.compactor.step(store.name)
    marked = store.manifest.segments[0]
    assert (marked.name, marked.dead, marked.dead_since_ms) == (large, 5, int(folded_s * 1000))
    assert not store.compactor.step(store.name)

    store.now_s = folded_s + REWRITE_AFTER_MS / 1000 - 1
    assert not store.compactor.step(store.name)
    store.now_s += 2
    assert store.compactor.step(store.name)
    assert sorted((ref.rows, ref.dead) for ref in store.manifest.segments) == [(3, 0), (95, 0)]
    assert store.stored() == store.model


def test_more_rows_of_a_segment_die_later(store: LoggedStore) -> None:
    store.fold_entries, store.small_bytes = 1, 0
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    for dead, place in ((1, 7), (2, 99)):
        store.write({}, [name_of(place)])
        store.compactor.step(store.name)
        assert [(ref.rows, ref.dead) for ref in store.manifest.segments] == [(100, dead)]
        assert store.stored() == store.model


def test_a_rewrite_does_not_put_off_the_fold_of_what_waits(store: LoggedStore) -> None:
    store.small_bytes = 0
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    begun_s = store.now_s
    store.write({}, [name_of(0)])
    store.now_s = begun_s + REWRITE_AFTER_MS / 2000 + 60
    assert store.compactor.step(store.name)
    folded_s = store.now_s

    store.write({}, [name_of(1)])
    store.now_s = begun_s + REWRITE_AFTER_MS / 1000
    assert store.compactor.step(store.name)
    assert [(ref.rows, ref.dead) for ref in store.manifest.segments] == [(99, 0)]
    assert len(store.log()) == 1
    assert not store.compactor.step(store.name)

    store.now_s = folded_s + FOLD_AFTER_MS / 1000
    assert store.compactor.step(store.name)
    assert store.log() == []
    assert store.stored() == store.model


class Hourly(FakeClock):
    """An hour passes after each look at it."""

    def now_s(self) -> float:
        self.sleep(3600.0)
        return self.at_s - 3600.0


def test_what_came_while_a_step_was_at_work_is_not_taken_for_younger(store: LoggedStore) -> None:
    """A step reads the head, and is done an hour later."""
    fill(store, range(4))
    begun_s = store.now_s

    Compactor(store.items, store.blobs, clock=Hourly(begun_s)).step(store.name, force=True)

    assert store.manifest.made_ms == int(begun_s * 1000)


def test_folds_of_single_rows_do_not_pile_up_files(store: LoggedStore) -> None:
    for number in range(40):
        fill(store, range(number, number + 1))
        store.now_s += FOLD_AFTER_MS / 1000 + 1
        store.compactor.step(store.name)
        GarbageCollector(store.items, store.blobs, clock=FakeClock()).collect(store.name)

    assert [ref.rows for ref in store.manifest.segments] == [40]
    assert len(list(store.blobs.names())) <= 3
    assert store.stored() == store.model


def test_a_quarter_of_dead_rows_is_enough_at_once(store: LoggedStore) -> None:
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    store.write({}, [name_of(number) for number in range(25)])
    store.now_s += FOLD_AFTER_MS / 1000 + 1

    store.compactor.step(store.name)

    assert [(ref.rows, ref.dead) for ref in store.manifest.segments] == [(75, 0)]


def test_a_collection_of_which_everything_is_deleted_has_no_segment(store: LoggedStore) -> None:
    fill(store, range(9))
    store.compactor.step(store.name, force=True)
    store.write({}, [name_of(number) for number in range(9)])

    while store.compactor.step(store.name, force=True):
        pass

    assert store.manifest.segments == ()
    assert store.stored() == {}


def test_trimming_takes_what_is_covered_and_no_more(store: LoggedStore) -> None:
    for number in range(230):
        fill(store, range(number % 100, number % 100 + 1))

    store.compactor.trim(store.head, 205)

    assert store.log() == list(range(206, 231))
    store.compactor.trim(store.head, 205)
    assert len(store.log()) == 25


def test_a_deleted_vector_leaves_the_log_after_11_hours_and_the_segments_after_22(store: LoggedStore) -> None:
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    store.write({}, [name_of(0)])
    done = []
    for hour in range(1, 25):
        store.now_s += 3600
        if store.compactor.step(store.name):
            done.append((hour, len(store.log()), [(ref.rows, ref.dead) for ref in store.manifest.segments]))
    assert done == [(11, 0, [(100, 1)]), (22, 0, [(99, 0)])]


@pytest.mark.parametrize(("less_bytes", "segments"), [(0, [101]), (1, [100, 1])])
def test_a_fold_takes_in_segments_of_up_to_twice_its_size(
    store: LoggedStore, less_bytes: int, segments: list[int]
) -> None:
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    (whole,) = store.manifest.segments
    assert whole.size_bytes % 2 == 0
    store.small_bytes = whole.size_bytes // 2 - less_bytes
    fill(store, range(200, 201))
    store.now_s += FOLD_AFTER_MS / 1000 + 1

    assert store.compactor.step(store.name)

    assert [ref.rows for ref in store.manifest.segments] == segments


def test_what_others_compacted_meanwhile_is_no_failure_and_there_may_be_more(store: LoggedStore) -> None:
    """The segment that a step is about to read is gone, because another step replaced it."""
    fill(store, range(9))
    store.compactor.step(store.name, force=True)
    store.write({}, [name_of(0)])

    class Overtaken(MemoryBlobs):
        """Hides the segments once, after another compactor has been here."""

        def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
            if name.endswith(".segment") or "segment" in name:
                store.compactor.step(store.name, force=True)
                raise BlobMissing(name)
            return store.blobs.get(name, start=start, length=length)

        def open(self, name: str) -> bytes:
            return self.get(name)

    late = Compactor(store.items, Overtaken(), clock=FakeClock(store.now_s))
    assert late.step(store.name, force=True) is True
    assert store.stored() == store.model


def test_a_blob_that_is_missing_without_anybody_having_compacted_is_told(store: LoggedStore) -> None:
    fill(store, range(9))
    store.compactor.step(store.name, force=True)
    store.write({}, [name_of(0)])
    (segment,) = store.manifest.segments
    store.blobs.delete(segment.name)
    with pytest.raises(BlobMissing):
        store.compactor.step(store.name, force=True)
