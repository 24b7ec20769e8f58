"""Vacuums: what they remove, and when one is due."""

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.rebuild import rebuild
from openrek.store.items.port import Delete, Items, Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.keys import deployment_key, log_key, user_key
from openrek.store.upkeep.sqlite_vacuum import VACUUM_AFTER_S, vacuum_if_due
from openrek.store.upkeep.upkeep import Upkeep
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Killed
from tests.store.invariants import marked_faces
from tests.store.synthetic import Embedder, picture, slots
from tests.store.tables import open_fast
from tests.store.upkeep.traced_store import TracedStore
from tests.support.clocks import FakeClock

NOW_S = 1_700_000_000.0


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
    assert vacuum_if_due(items, clock=FakeClock(NOW_S)), "nobody knows what was forgotten before"
    assert not vacuum_if_due(items, clock=FakeClock(NOW_S + VACUUM_AFTER_S + 1))

    forget(items)
    assert not vacuum_if_due(items, clock=FakeClock(NOW_S + VACUUM_AFTER_S - 1))
    assert vacuum_if_due(items, clock=FakeClock(NOW_S + VACUUM_AFTER_S + 1))
    forget(items)
    assert vacuum_if_due(items, clock=FakeClock(NOW_S)), "a clock that was put back must not stop it"
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

    assert not vacuum_if_due(items, clock=FakeClock(NOW_S + VACUUM_AFTER_S - 1))
    assert vacuum_if_due(items, clock=FakeClock(NOW_S + VACUUM_AFTER_S + 1))
    assert not vacuum_if_due(items, clock=FakeClock(NOW_S + 3 * VACUUM_AFTER_S))
    items.close()


def test_what_is_forgotten_during_a_vacuum_remains_for_the_next(tmp_path: Path) -> None:
    class Meanwhile(SqliteItems):
        def vacuum(self) -> bool:
            done = super().vacuum()
            forget(self)
            return done

    items = Meanwhile(tmp_path / "items.sqlite3")
    assert vacuum_if_due(items, clock=FakeClock(NOW_S))
    assert vacuum_if_due(items, clock=FakeClock(NOW_S + VACUUM_AFTER_S + 1))
    items.close()


def delete_a_face(store: TracedStore) -> None:
    store.delete(store.collection("kept"), [next(iter(store.traces.living))])


def delete_a_collection(store: TracedStore) -> None:
    store.delete_collection(store.collection("other"))


def die_in_a_large_call(store: TracedStore) -> None:
    kept, of, dying = store.collection("kept"), picture(99), FaultyItems(store.items)
    dying.choose = lambda _: Fault.KILLED_BEFORE if marked_faces(store.items, kept) else Fault.NONE
    with pytest.raises(Killed):
        StoredFaces(dying, faces_per_commit=3, clock=FakeClock()).index(kept, of, slots(7), Embedder(of))


def change_a_user(store: TracedStore) -> None:
    users = StoredUsers(store.items, clock=FakeClock())
    kept = store.collection("kept")
    users.create(kept, "ann", None)
    users.associate(kept, "ann", list(store.traces.living)[:2], lowest_cosine=-1.0, idempotency_token=None)
    users.disassociate(kept, "ann", list(store.traces.living)[:1], None)


def add_faces(store: TracedStore) -> None:
    of = picture(98)
    StoredFaces(store.items).index(store.collection("kept"), of, slots(5), Embedder(of))


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
    tmp_path: Path, change: Callable[[TracedStore], None], due: bool
) -> None:
    store = TracedStore(tmp_path)
    for name in ("kept", "other"):
        store.fill(name, range(2), 4)
    now_s = time.time() + 12 * 3600
    vacuum_if_due(store.items, clock=FakeClock(now_s))

    change(store)
    now_s += 12 * 3600
    Upkeep(store.items, store.blobs, clock=FakeClock(now_s)).sweep()

    assert vacuum_if_due(store.items, clock=FakeClock(now_s)) == due
    assert not vacuum_if_due(store.items, clock=FakeClock(now_s + 12 * 3600))
    store.items.close()


def spoil_a_user(store: TracedStore) -> None:
    """Its vector is that of other faces; no log tells of it."""
    found = store.items.get(user_key(store.collection("kept").uid, "ann"))
    assert found is not None
    store.items.transact([Put(found.key, {**found.attributes, "vector": bytes(127) + b"1"})])


def leave_a_stray_entry(store: TracedStore) -> None:
    """Of no change; what it holds is nowhere else."""
    at = store.head("kept")
    store.items.transact([Put(log_key(at.uid, at.seq + 1), {"writer": b"", "rows": [], "deleted": []})])


@pytest.mark.parametrize("damage", [spoil_a_user, leave_a_stray_entry])
def test_a_mended_collection_makes_a_vacuum_due(tmp_path: Path, damage: Callable[[TracedStore], None]) -> None:
    store = TracedStore(tmp_path)
    kept = store.fill("kept", range(2), 4)
    users = StoredUsers(store.items, clock=FakeClock())
    users.create(kept, "ann", None)
    users.associate(kept, "ann", list(store.traces.living)[:2], lowest_cosine=-1.0, idempotency_token=None)
    Upkeep(store.items, store.blobs, clock=FakeClock()).purge()
    assert vacuum_if_due(store.items, clock=FakeClock(NOW_S))
    damage(store)

    rebuild(store.items, store.blobs, "kept", clock=FakeClock())

    assert vacuum_if_due(store.items, clock=FakeClock(NOW_S + VACUUM_AFTER_S + 1))
    store.items.close()


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
            assert not vacuum_if_due(items, clock=FakeClock(NOW_S + 60 * minute))
    assert items.tries == 3
    items.close()
