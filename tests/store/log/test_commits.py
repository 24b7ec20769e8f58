"""What a change is prepared from is of one moment: the head that it goes by has not moved, or it is prepared anew."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from benchmarks import commits
from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, InternalServerError, Refusal, StoreUnavailable, Throttling
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import ABSENT, Delete, Items, Key, Put
from openrek.store.items.retries import RESENDS
from openrek.store.log.commits import (
    ATTEMPTS,
    PART_DONE,
    TOO_MANY_WRITERS,
    UNFINISHED,
    Change,
    Commits,
    Moved,
    in_pieces,
)
from openrek.store.log.head import Head, require_head
from openrek.store.log.keys import log_key
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, at, first
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


def from_step(step: int, fault: Fault) -> Callable[[int], Fault]:
    return lambda now: fault if now >= step else Fault.NONE


LATER = 2
"""The first step of a commit after its first transaction: the head is read, it is sent, and then this."""
ANSWERS: dict[str, tuple[Callable[[int], Fault], type[Refusal] | None, str]] = {
    "written, but nobody said so": (at(1, Fault.UNSAID), None, ""),
    "lost, and sent again": (at(1, Fault.LOST), None, ""),
    "always busy": (from_step(1, Fault.CONTENDED), Throttling, "too busy; nothing was written"),
    "never an answer": (from_step(1, Fault.LOST), InternalServerError, "did not say whether it wrote"),
    "written, and never an answer": (first(Fault.UNSAID, 1, Fault.LOST), None, ""),
    "lost, and then the log cannot be read": (
        lambda now: Fault.NONE if now < 1 else Fault.READ_BUSY if now > RESENDS else Fault.LOST,
        InternalServerError,
        "did not say whether it wrote",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_change_is_made_once_whatever_becomes_of_the_answers(items: Items, collection: Collection, name: str) -> None:
    """An outcome that the transaction did not tell is read from the log, and never guessed."""
    faults, refused, reason = ANSWERS[name]
    commits = Commits(FaultyItems(items, faults), clock=FakeClock())
    change = Change("done", writes=[Put(A, {"n": 1}, expect=ABSENT)])

    if refused is None:
        assert commits.commit(collection, lambda _: change) == "done"
    else:
        with pytest.raises(refused) as told:
            commits.commit(collection, lambda _: change)
        assert reason in told.value.reason

    written = items.get(A) is not None
    assert written is (refused is None)
    assert require_head(items, collection).seq == int(written)


@pytest.mark.parametrize("name", ["a change", "a compaction"])
def test_a_lost_transaction_that_can_never_land_is_prepared_anew(
    items: Items, collection: Collection, name: str
) -> None:
    """Its answer is lost; before it is sent again another moved the head: entry n+1 is not ours and never will be."""
    prepared: list[int] = []

    def before(now: int) -> None:
        if now == LATER:
            MOVES[name](items, collection)

    def prepare(head: Head) -> Change[str]:
        prepared.append(head.seq)
        return Change("done", writes=[Put(Key("mine", "a"), {"n": 1}, expect=ABSENT)])

    commits = Commits(FaultyItems(items, at(1, Fault.LOST), before=before), clock=FakeClock())

    assert commits.commit(collection, prepare) == "done"
    assert prepared == ([0, 1] if name == "a change" else [0, 0])
    assert items.get(Key("mine", "a")) is not None


def test_a_lost_transaction_whose_log_entry_was_compacted_away_is_not_guessed_at(
    items: Items, collection: Collection
) -> None:
    def before(now: int) -> None:
        if now == LATER:  # another's change, folded into a manifest and trimmed
            write_pair(items, collection, 2)
            head = require_head(items, collection)
            items.transact([Delete(log_key(head.uid, head.seq))])
            put_head(items, collection, version=1)

    commits = Commits(FaultyItems(items, at(1, Fault.LOST), before=before), clock=FakeClock())
    with pytest.raises(InternalServerError) as told:
        commits.commit(collection, lambda _: Change(None, writes=[Put(Key("mine", "a"), {"n": 1})]))
    assert "did not say whether it wrote" in told.value.reason
    assert items.get(Key("mine", "a")) is None


def test_who_always_loses_gives_up_and_says_so(items: Items, collection: Collection) -> None:
    prepared: list[int] = []

    def prepare(head: Head) -> Change[None]:
        prepared.append(head.seq)
        write_pair(items, collection, 1)
        return Change(None, writes=[Put(Key("mine", "a"), {"n": 1})])

    with pytest.raises(Conflict) as told:
        Commits(items, lost=Conflict, clock=FakeClock()).commit(collection, prepare)
    assert told.value.reason == TOO_MANY_WRITERS
    assert prepared == list(range(ATTEMPTS))
    assert items.get(Key("mine", "a")) is None


def test_patience_ends_by_the_clock_too(items: Items, collection: Collection) -> None:
    clock, prepared = FakeClock(), []

    def prepare(head: Head) -> Change[None]:
        prepared.append(head.seq)
        clock.sleep(6.0)
        raise Moved

    with pytest.raises(Throttling):
        Commits(items, clock=clock).commit(collection, prepare)
    assert len(prepared) == 3


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Throttling(reason="full"), UNFINISHED),
        (Conflict(reason="lost"), UNFINISHED),
        (StoreUnavailable(reason="The disk is full."), f"The disk is full. {PART_DONE}"),
    ],
)
def test_a_call_in_pieces_says_that_a_part_may_be_done(refusal: Refusal, reason: str) -> None:
    with pytest.raises(type(refusal)) as told, in_pieces():
        raise refusal
    assert told.value.reason == reason
