"""What a change is prepared from is of one moment: the head that it goes by has not moved, or it is prepared anew."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from benchmarks import commits
from openrek.domain.collections import Collection
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import Items, Key, Put
from openrek.store.log.commits import Change, Commits, Moved
from openrek.store.log.head import Head, require_head
from openrek.store.users.users import StoredUsers
from tests.store.faults import FaultyItems
from tests.store.people import People, sound
from tests.store.synthetic import new_collection
from tests.support.clocks import FakeClock

A, B = Key("pair", "a"), Key("pair", "b")


def write_pair(items: Items, collection: Collection, number: int) -> None:
    """Both in one change of the collection."""
    writes = [Put(key, {"n": number}) for key in (A, B)]
    Commits(items, clock=FakeClock()).commit(collection, lambda _: Change(None, writes=writes))


def test_an_answer_that_needs_no_write_is_of_one_moment(items: Items, collection: Collection) -> None:
    """Two reads, and another's change between them: nothing is committed that could still fail."""
    write_pair(items, collection, 1)
    heads: list[int] = []
    commits = Commits(items, clock=FakeClock())

    def prepare(head: Head) -> Change[tuple[int, int]]:
        heads.append(head.seq)
        (a,) = commits.read_at(head, [A])
        if len(heads) == 1:
            write_pair(items, collection, 2)
        (b,) = commits.read_at(head, [B])
        assert a is not None
        assert b is not None
        return Change((a.attributes["n"], b.attributes["n"]))

    assert commits.commit(collection, prepare) == (2, 2)
    assert heads == [1, 2]


MOVES: dict[str, Callable[[Items, Collection], object]] = {
    "a change": lambda items, collection: write_pair(items, collection, 2),
    "a compaction": lambda items, collection: put_head(items, collection, version=1),
    "a deletion": lambda items, collection: StoredCollections(items).delete(collection.collection_id),
    "another of the same name": lambda items, collection: (
        StoredCollections(items).delete(collection.collection_id), new_collection(items)
    ),
}  # fmt: skip


def put_head(items: Items, collection: Collection, **members: int) -> None:
    head = replace(require_head(items, collection), **members)  # type: ignore[arg-type]
    items.transact([Put(head.key, head.attributes())])


@pytest.mark.parametrize("name", MOVES)
def test_a_read_at_a_head_that_moved_is_refused(items: Items, collection: Collection, name: str) -> None:
    commits, head = Commits(items, clock=FakeClock()), require_head(items, collection)
    assert commits.read_at(head, [A]) == [None]
    assert commits.read_at(head, []) == []

    MOVES[name](items, collection)

    for keys in ([A], []):
        with pytest.raises(Moved):
            commits.read_at(head, keys)


def test_the_benchmark_of_commits_counts_right(tmp_path: Path) -> None:
    """It looks into the log itself, and so must follow when that changes."""
    commits.measure(tmp_path, 2, 0.1)


def test_a_user_and_its_faces_are_read_at_one_head(local: People) -> None:
    """While a face joins, another leaves the user and is deleted: at whichever step of the call that happens, the user
    is not taken for damaged."""
    taken = [False]
    for step in count():
        name = f"user-{step}"
        first, second = local.add(name, 2)
        local.user(name, [first])
        taken[0] = False

        def others(now: int, step: int = step, name: str = name, first: object = first) -> None:
            if now == step:
                taken[0] = True
                local.leave(name, [first])  # type: ignore[list-item]
                local.faces.delete(local.collection, [first.face_id])  # type: ignore[attr-defined]

        users = StoredUsers(FaultyItems(local.items, before=others), clock=FakeClock())
        answer = users.associate(local.collection, name, [second.face_id], lowest_cosine=-1.0, idempotency_token=None)

        assert answer.changed == (second.face_id,)
        if not taken[0]:
            break
        assert local.members(name) == {second.face_id}
    assert step > 3
    sound(local)
