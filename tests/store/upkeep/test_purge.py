"""Deleted vectors are gone from every byte of every file: at once by a purge, and within a day by the sweeps."""

import contextlib
import os
import random
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import apsw
import pytest

from openrek.domain.collections import Collection
from openrek.domain.models import SFACE
from openrek.store.blobs.folder import ASIDE, FolderBlobs
from openrek.store.blobs.port import BlobMissing
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.rebuild import rebuild
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Delete, Items, Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import deployment_key, log_key, user_key
from openrek.store.log.quantisation import quantise
from openrek.store.segments.manifest import blob_name
from openrek.store.upkeep.compaction import Compactor, current_manifest
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.upkeep.sqlite_vacuum import VACUUM_AFTER_S, vacuum_if_due
from openrek.store.upkeep.upkeep import Upkeep
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Killed
from tests.store.invariants import marked_faces
from tests.store.synthetic import Embedder, no_pause, picture, slots, vector_of
from tests.store.tables import open_fast

NOW_S = 1_700_000_000.0


@dataclass
class Traces:
    """What the store must hold of the faces that live, and must not of those that are gone."""

    living: dict[UUID, tuple[bytes, ...]] = field(default_factory=dict)
    gone: list[tuple[bytes, ...]] = field(default_factory=list)

    def found(self, folder: Path) -> tuple[int, int]:
        """Count the living faces whose vector is in some file (all must be), and the traces of deleted ones."""
        files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        living = sum(any(trace[0] in content for content in files) for trace in self.living.values())
        return living, sum(part in content for trace in self.gone for part in trace for content in files)


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items = open_fast(folder)
        self.blobs = FolderBlobs(folder / "blobs")
        self.traces = Traces()

    def fill(self, name: str, pictures: range, faces: int = 12) -> Collection:
        made = StoredCollections(self.items).create(name, SFACE, {})
        for number in pictures:
            of = picture(number, f"{name}:{number}")
            for face in StoredFaces(self.items).index(made, of, slots(faces), Embedder(of)):
                vector, scale = quantise(vector_of(of, face.box))
                spelled = str(face.face_id).encode()
                row = struct.pack("<f", scale) + face.face_id.bytes
                self.traces.living[face.face_id] = (vector, face.face_id.bytes, spelled, row)
        return made

    def delete(self, collection: Collection, face_ids: list[UUID]) -> None:
        StoredFaces(self.items).delete(collection, face_ids)
        self.traces.gone += [self.traces.living.pop(face_id) for face_id in face_ids]

    def delete_collection(self, collection: Collection) -> None:
        faces = StoredFaces(self.items).page(collection, None, 4096).rows
        StoredCollections(self.items).delete(collection.collection_id)
        self.traces.gone += [self.traces.living.pop(face.face_id) for face in faces]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Faces in segments and in the log; some deleted from each, and a collection too. The segment of "kept" is too
    large to be merged with others at once."""
    made = Store(tmp_path)
    kept = made.fill("kept", range(10), 80)
    made.fill("other", range(20, 22))
    gone = made.fill("gone", range(30, 36))
    Upkeep(made.items, made.blobs, pause=no_pause).purge()
    late = made.fill("late", range(40, 46))
    made.delete(kept, [face.face_id for face in StoredFaces(made.items).page(kept, None, 4096).rows[::20]])
    made.delete(late, [face.face_id for face in StoredFaces(made.items).page(late, None, 4096).rows[::3]])
    made.delete_collection(gone)
    yield made
    made.items.close()


def test_a_purge_leaves_no_trace(store: Store) -> None:
    living, traces = store.traces.found(store.folder)
    assert living == len(store.traces.living)
    assert traces > 2 * len(store.traces.gone)

    Upkeep(store.items, store.blobs, pause=no_pause).purge()
    assert store.items.vacuum()

    assert store.traces.found(store.folder) == (len(store.traces.living), 0)
    assert (store.folder / "items.sqlite3-wal").stat().st_size == 0
    for name in ("kept", "late", "other"):
        assert verify(store.items, store.blobs, name).findings == ()
    assert list((store.folder / "blobs" / ASIDE).iterdir()) == []


def test_the_sweeps_of_a_day_leave_no_trace(store: Store) -> None:
    """A segment is rewritten for a single dead row, and a log of one entry is folded."""
    start_s = time.time()
    for quarter in range(24 * 4):
        now_s = start_s + quarter * 900
        Upkeep(store.items, store.blobs, clock=lambda now=now_s: now, pause=no_pause).sweep()  # type: ignore[misc]
        vacuum_if_due(store.items, clock=lambda now=now_s: now)  # type: ignore[misc]

    assert store.traces.found(store.folder) == (len(store.traces.living), 0)
    for name in ("kept", "late", "other"):
        assert verify(store.items, store.blobs, name).findings == ()


def test_the_first_sweep_after_a_day_without_a_server_leaves_no_trace(store: Store) -> None:
    """The last deletion is still in the log, and nothing tells its time."""
    now_s = time.time() + 24 * 3600

    Upkeep(store.items, store.blobs, clock=lambda: now_s, pause=no_pause).sweep()
    assert vacuum_if_due(store.items, clock=lambda: now_s)

    assert store.traces.found(store.folder) == (len(store.traces.living), 0)


def head(store: Store, name: str) -> Head:
    found = head_now(store.items, name)
    assert found is not None
    return found


def test_secure_delete_alone_is_not_enough_for_rows_that_moved(tmp_path: Path) -> None:
    """Rows of changing size move between pages; a vacuum removes the copies that this leaves in gaps."""
    items = open_fast(tmp_path)
    living: dict[Key, bytes] = {}
    gone: list[bytes] = []
    chance = random.Random(1)
    for _ in range(30):
        fresh = {Key("p", f"{chance.getrandbits(128):032x}"): chance.randbytes(128) for _ in range(40)}
        items.transact([Put(key, {"v": value, "pad": bytes(chance.randrange(300))}) for key, value in fresh.items()])
        living |= fresh
        changed = chance.sample(sorted(living), min(40, len(living)))
        gone += [living[key] for key in changed]
        living |= {key: chance.randbytes(128) for key in changed}
        items.transact([Put(key, {"v": living[key], "pad": bytes(chance.randrange(1500))}) for key in changed])
        doomed = chance.sample(sorted(living), 30)
        gone += [living.pop(key) for key in doomed]
        items.transact([Delete(key) for key in doomed])

    assert items.vacuum()

    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(value in content for value in gone)
    assert all(value in content for value in living.values())
    items.close()


def test_a_vacuum_says_when_a_reader_holds_it_back(tmp_path: Path) -> None:
    items = SqliteItems(tmp_path / "items.sqlite3", busy_timeout_ms=50)
    items.transact([Put(Key("p", "a"), {"v": b"a secret of sixteen bytes"})])
    reader = open_fast(tmp_path)._connection()
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM items").fetchall()
    items.transact([Delete(Key("p", "a"))])
    log = tmp_path / "items.sqlite3-wal"
    size_bytes = log.stat().st_size

    for _ in range(3):
        assert not items.vacuum()
    assert log.stat().st_size == size_bytes, "nor is the file copied into the log, again and again"
    reader.execute("COMMIT")
    assert items.vacuum()

    assert not any(b"a secret of" in path.read_bytes() for path in tmp_path.iterdir())
    assert items.get(Key("p", "a")) is None
    items.close()


def test_a_vacuum_is_due_twice_a_day_whoever_asks(tmp_path: Path) -> None:
    items = open_fast(tmp_path)
    assert vacuum_if_due(items, clock=lambda: NOW_S), "nobody knows what was forgotten before"
    assert not vacuum_if_due(items, clock=lambda: NOW_S + VACUUM_AFTER_S + 1)

    forget(items)
    assert not vacuum_if_due(items, clock=lambda: NOW_S + VACUUM_AFTER_S - 1)
    assert vacuum_if_due(items, clock=lambda: NOW_S + VACUUM_AFTER_S + 1)
    forget(items)
    assert vacuum_if_due(items, clock=lambda: NOW_S), "a clock that was put back must not stop it"
    items.close()


def forget(items: Items) -> None:
    items.transact([Delete(Key("p", "a"), forget=True)])


def test_a_folder_of_before_is_vacuumed_once_in_its_turn(tmp_path: Path) -> None:
    """Its database counts nothing, and says only when it was vacuumed last."""
    items = open_fast(tmp_path)
    items.transact([Put(deployment_key("wiped"), {"at_ms": int(NOW_S * 1000)})])
    items._connection().execute("DROP TABLE forgotten")
    items._connection().pragma("user_version", 1)
    items.close()

    items = open_fast(tmp_path)

    assert not vacuum_if_due(items, clock=lambda: NOW_S + VACUUM_AFTER_S - 1)
    assert vacuum_if_due(items, clock=lambda: NOW_S + VACUUM_AFTER_S + 1)
    assert not vacuum_if_due(items, clock=lambda: NOW_S + 3 * VACUUM_AFTER_S)
    items.close()


def test_what_is_forgotten_during_a_vacuum_remains_for_the_next(tmp_path: Path) -> None:
    class Meanwhile(SqliteItems):
        def vacuum(self) -> bool:
            done = super().vacuum()
            forget(self)
            return done

    items = Meanwhile(tmp_path / "items.sqlite3")
    assert vacuum_if_due(items, clock=lambda: NOW_S)
    assert vacuum_if_due(items, clock=lambda: NOW_S + VACUUM_AFTER_S + 1)
    items.close()


def delete_a_face(store: Store) -> None:
    store.delete(_collection(store, "kept"), [next(iter(store.traces.living))])


def delete_a_collection(store: Store) -> None:
    store.delete_collection(_collection(store, "other"))


def die_in_a_large_call(store: Store) -> None:
    kept, of, dying = _collection(store, "kept"), picture(99), FaultyItems(store.items)
    dying.choose = lambda _: Fault.KILLED_BEFORE if marked_faces(store.items, kept) else Fault.NONE
    with pytest.raises(Killed):
        StoredFaces(dying, faces_per_commit=3, pause=no_pause).index(kept, of, slots(7), Embedder(of))


def change_a_user(store: Store) -> None:
    users = StoredUsers(store.items, pause=no_pause)
    kept = _collection(store, "kept")
    users.create(kept, "ann", None)
    users.associate(kept, "ann", list(store.traces.living)[:2], lowest_cosine=-1.0, idempotency_token=None)
    users.disassociate(kept, "ann", list(store.traces.living)[:1], None)


def add_faces(store: Store) -> None:
    of = picture(98)
    StoredFaces(store.items).index(_collection(store, "kept"), of, slots(5), Embedder(of))


@pytest.mark.parametrize(
    ("change", "due"),
    [
        (delete_a_face, True),
        (delete_a_collection, True),
        (die_in_a_large_call, True),
        (change_a_user, True),
        (add_faces, False),
    ],
)
def test_only_what_was_deleted_or_replaced_makes_a_vacuum_due(
    tmp_path: Path, change: Callable[[Store], None], due: bool
) -> None:
    store = Store(tmp_path)
    for name in ("kept", "other"):
        store.fill(name, range(2), 4)
    now_s = time.time() + 12 * 3600
    vacuum_if_due(store.items, clock=lambda: now_s)

    change(store)
    now_s += 12 * 3600
    Upkeep(store.items, store.blobs, clock=lambda: now_s, pause=no_pause).sweep()

    assert vacuum_if_due(store.items, clock=lambda: now_s) == due
    assert not vacuum_if_due(store.items, clock=lambda: now_s + 12 * 3600)
    store.items.close()


def spoil_a_user(store: Store) -> None:
    """Its vector is that of other faces; no log tells of it."""
    found = store.items.get(user_key(_collection(store, "kept").uid, "ann"))
    assert found is not None
    store.items.transact([Put(found.key, {**found.attributes, "vector": bytes(127) + b"1"})])


def leave_a_stray_entry(store: Store) -> None:
    """Of no change; what it holds is nowhere else."""
    at = head(store, "kept")
    store.items.transact([Put(log_key(at.uid, at.seq + 1), {"writer": b"", "rows": [], "deleted": []})])


@pytest.mark.parametrize("damage", [spoil_a_user, leave_a_stray_entry])
def test_a_mended_collection_makes_a_vacuum_due(tmp_path: Path, damage: Callable[[Store], None]) -> None:
    store = Store(tmp_path)
    kept = store.fill("kept", range(2), 4)
    users = StoredUsers(store.items, pause=no_pause)
    users.create(kept, "ann", None)
    users.associate(kept, "ann", list(store.traces.living)[:2], lowest_cosine=-1.0, idempotency_token=None)
    Upkeep(store.items, store.blobs, pause=no_pause).purge()
    assert vacuum_if_due(store.items, clock=lambda: NOW_S)
    damage(store)

    rebuild(store.items, store.blobs, "kept", pause=no_pause)

    assert vacuum_if_due(store.items, clock=lambda: NOW_S + VACUUM_AFTER_S + 1)
    store.items.close()


def _collection(store: Store, name: str) -> Collection:
    return head(store, name).collection()


class Hindered(SqliteItems):
    """Its vacuums come to nothing: readers are in the way, or it raises `why`."""

    why: Exception | None = None
    tries = 0

    def vacuum(self) -> bool:
        self.tries += 1
        if self.why is not None:
            raise self.why
        return False


@pytest.mark.parametrize("why", [None, apsw.FullError("database or disk is full")])
def test_a_vacuum_that_came_to_nothing_is_tried_again_after_an_hour(tmp_path: Path, why: Exception | None) -> None:
    items = Hindered(tmp_path / "items.sqlite3")
    items.why = why
    for minute in range(3 * 60):
        with contextlib.suppress(apsw.FullError):
            assert not vacuum_if_due(items, clock=lambda now=NOW_S + 60 * minute: now)  # type: ignore[misc]
    assert items.tries == 3
    items.close()


def test_what_killed_uploads_left_goes(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    old, young = tmp_path / ASIDE / "old", tmp_path / ASIDE / "young"
    for path in (old, young):
        path.write_bytes(b"vectors")
    os.utime(old, (time.time() - 61, time.time() - 61))

    assert blobs.clear_aside(60.0) == 1

    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("step", range(0, 40, 2))
def test_a_purge_wins_over_others_who_compact_meanwhile(tmp_path: Path, step: int) -> None:
    """Somebody moves the manifest on without removing anything, just before the purge would."""
    store = Store(tmp_path)
    kept = store.fill("kept", range(3), 4)
    Upkeep(store.items, store.blobs, pause=no_pause).purge()
    store.delete(kept, [next(iter(store.traces.living))])
    store.blobs.put(blob_name(kept.uid, head(store, "kept").version, "segment"), b"of a killed compactor")

    def others(now: int) -> None:
        if now == step:
            GarbageCollector(store.items, store.blobs, pause=no_pause)._move_version(head(store, "kept"))

    faulty: Items = FaultyItems(store.items, before=others)
    Upkeep(faulty, store.blobs, pause=no_pause).purge()

    assert [ref.dead for ref in current_manifest(store.blobs, head(store, "kept")).segments] == [0]
    assert len(list(store.blobs.names())) <= 3
    assert not any(b"killed" in store.blobs.get(name) for name in store.blobs.names())
    assert not Compactor(store.items, store.blobs, pause=no_pause).step("kept", force=True)
    store.items.close()


def test_foreign_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.fill("kept", range(2), 2)
    for name in ("thumbs.db", "a/b/c", f"{made.uid.hex}/notes", "0" * 32):
        store.blobs.put(name, b"somebody else's")

    Upkeep(store.items, store.blobs, pause=no_pause).purge()

    assert {"thumbs.db", "a/b/c", f"{made.uid.hex}/notes", "0" * 32} <= set(store.blobs.names())
    assert verify(store.items, store.blobs, "kept").findings == ()
    store.items.close()


def test_a_damaged_collection_does_not_keep_others_from_being_purged(store: Store) -> None:
    for name in list(store.blobs.names(head(store, "kept").uid.hex)):
        store.blobs.delete(name)
    at_s = time.time() + 12 * 3600

    for upkeep in (Upkeep(store.items, store.blobs, clock=lambda: at_s).sweep, Upkeep(store.items, store.blobs).purge):
        with pytest.raises(BlobMissing):
            upkeep()

    assert all(not ref.dead for ref in current_manifest(store.blobs, head(store, "late")).segments)
    assert head(store, "late").compacted_through == head(store, "late").seq
    assert len({name.split("/")[0] for name in store.blobs.names()}) == 2
