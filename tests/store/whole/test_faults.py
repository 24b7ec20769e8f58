"""A machine that drives two processes over one store through every fault, and compares each answer with a plain model.

OPENREK_STORE_EXAMPLES sets how many histories it tries (100 by default), of up to 60 steps each; a failure prints the
history, and hypothesis prints how to run it again; with OPENREK_STORE_SHRINK set it first looks for a shorter one,
which takes minutes. Ids are random, so rules must not depend on what happened.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from openrek.store.items.port import Items
from openrek.store.upkeep.orphan_sweep import ABANDONED_AFTER_S
from tests.store.faults import Fault, TokenItems, Wire
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import open_items
from tests.store.world.calls import ClientCall, Compact, Create, Delete, Index, Purge, Remove, Sweep, attempt
from tests.store.world.looks import Look
from tests.store.world.model import THROTTLED, UNKNOWN, Event, Model
from tests.store.world.process import Process
from tests.store.world.user_calls import (
    Associate,
    CreateUser,
    DeleteUser,
    Disassociate,
    Erase,
    LookAtUsers,
    unfinished,
)
from tests.store.world.world import World
from tests.support.clocks import FakeClock

EXAMPLES = int(os.environ.get("OPENREK_STORE_EXAMPLES", "100"))
STEPS = 60
TOKENS_SURELY_VALID_H = 15.0
NAMES = ("a", "b")
NOBODYS_FACE = UUID(int=1)

names = st.sampled_from(NAMES)
places = st.tuples(st.integers(0, 2), st.sampled_from([None, "x"]), st.integers(0, 7))
faults = st.dictionaries(
    st.integers(0, 25), st.sampled_from([fault for fault in Fault if fault is not Fault.NONE]), max_size=4
)
silence = st.sampled_from([Fault.LOST, Fault.CONTENDED, Fault.LATE, Fault.UNSAID, Fault.READ_BUSY, Fault.READ_SILENT])
doubts = st.sampled_from([Fault.NONE, Fault.NONE, Fault.LOST, Fault.UNSAID, Fault.LATE])
picks = st.lists(st.integers(0, 1000), max_size=8)

looks = st.tuples(
    st.just("look"), names, st.sampled_from(["describe", "list", "named", "search", "search by face"]), places, picks
)
indexing = st.tuples(
    st.just("index"),
    names,
    st.integers(0, 2),
    st.sampled_from([None, "x"]),
    st.one_of(st.just(range(8)), st.lists(st.integers(0, 7), unique=True, max_size=8)),
)
deletions = st.tuples(st.just("delete"), names, picks)
users = st.sampled_from(["ada", "bob"])
some = st.lists(st.integers(0, 1000), min_size=2, max_size=8)
tokens = st.sampled_from([None, None, "t1", "t2"])
making = st.one_of(
    st.tuples(st.just("create user"), names, users, tokens), st.tuples(st.just("delete user"), names, users, tokens)
)
joining = st.one_of(
    st.tuples(st.just("associate"), names, st.just("ada"), tokens, some),
    st.tuples(st.just("associate"), names, users, tokens, some),
    st.tuples(st.just("disassociate"), names, users, tokens, picks),
)
user_calls = st.one_of(making, joining, joining)
user_looks = st.tuples(
    st.just("look at users"), names, st.sampled_from(["users", "of user", "search", "search by user"]), users, places
)
erasures = st.tuples(st.just("erase"), names, st.one_of(st.tuples(st.just("user"), users), st.just(("external", "x"))))
small = st.one_of(
    st.tuples(st.just("create"), names), st.tuples(st.just("remove"), names), st.tuples(st.just("sweep"), names)
)
compaction = st.one_of(
    st.tuples(st.just("compact"), names, st.sampled_from(["due", "forced", "eager"])),
    st.tuples(st.just("compact"), names, st.just("eager")),
    st.tuples(st.just("purge"), names),
)
calls = st.one_of(
    indexing, indexing, deletions, deletions, looks, small, compaction, user_calls, user_calls, user_looks, erasures
)

special = st.sampled_from([("again",), ("replace",), ("later",), ("deliver",)])
"""What the other process also does meanwhile: the very same call; delete the collection and make it again; let an hour
pass and sweep; see a delayed transaction land."""

CALLS: dict[str, Callable[..., ClientCall]] = {
    "create": Create,
    "remove": Remove,
    "sweep": Sweep,
    "compact": Compact,
    "purge": Purge,
    "index": Index,
    "create user": CreateUser,
    "delete user": DeleteUser,
    "erase": Erase,
    "look at users": LookAtUsers,
}
"""Calls that are made of what was drawn as it is; the others name faces by their ids."""


class TwoProcesses(RuleBasedStateMachine):
    steps = 0
    """Of all histories together."""

    @initialize(tokens=st.booleans())
    def start(self, tokens: bool) -> None:
        """`tokens`: whether the store knows a client token again, as DynamoDB does for ten minutes."""
        self.folder = tempfile.TemporaryDirectory()
        opened = open_items(Path(self.folder.name))
        self.items: Items = TokenItems(opened) if tokens else opened
        self.clock = FakeClock(1_700_000_000.0)
        self.wire = Wire(self.items)
        self.blobs = MemoryBlobs()
        self.processes = [Process(self.items, self.blobs, self.wire, self.clock) for _ in range(2)]
        self.world = World(self.items, self.blobs, NAMES)
        self.open_events: list[Event] = []
        self.last: list[ClientCall] = []
        self.hours = 0.0
        for name in NAMES:
            self.call(0, ("create", name), {})
            self.call(0, ("create user", name, "ada", None), {})
            self.call(0, ("index", name, 0, "x", range(8)), {})
            self.call(0, ("associate", name, "ada", None, list(range(5))), {})

    @rule(who=st.integers(0, 1), call=calls, faults=faults)
    def call(self, who: int, call: tuple[Any, ...], faults: dict[int, Fault]) -> None:
        self.run(who, call, faults, None, [])

    @rule(
        who=st.integers(0, 1),
        call=st.one_of(
            indexing, indexing, deletions, small, looks, compaction, compaction, user_calls, user_calls, user_looks
        ),
        faults=st.one_of(st.just({}), faults),
        step=st.integers(0, 20),
        doubt=doubts,
        others=st.lists(st.one_of(calls, special), max_size=3),
    )
    def suspend(
        self,
        who: int,
        call: tuple[Any, ...],
        faults: dict[int, Fault],
        step: int,
        doubt: Fault,
        others: list[tuple[Any, ...]],
    ) -> None:
        """The client stands still before its call's `step`, perhaps not knowing what became of the step before, while
        the other process makes whole calls.
        """
        self.run(who, call, {**faults, step - 1: doubt}, step, others)

    @rule(
        who=st.integers(0, 1),
        call=st.one_of(indexing, deletions, small, user_calls, erasures),
        doubt=doubts,
        fault=silence,
        step=st.integers(0, 15),
    )
    def silence(self, who: int, call: tuple[Any, ...], doubt: Fault, fault: Fault, step: int) -> None:
        """From that step on the store gives no proper answer any more, perhaps after one that it kept to itself."""
        self.run(who, call, {step: doubt, **dict.fromkeys(range(step + 1, step + 200), fault)}, None, [])

    @rule(who=st.integers(0, 1), which=st.integers(0, 3), faults=st.one_of(st.just({}), faults))
    def repeat(self, who: int, which: int, faults: dict[int, Fault]) -> None:
        """A retry of one of the last calls, by either process."""
        if self.last:
            self.run(who, self.last[-1 - which % len(self.last)], faults, None, [])

    @rule(which=st.integers(0, 5))
    def deliver(self, which: int) -> None:
        self.wire.deliver(which)
        self.world.explain(self.open_events, [])
        if not len(self.wire):
            self.open_events = []

    @rule(hours=st.sampled_from([0.3, 1.1, 30.0]), who=st.integers(0, 1))
    def later(self, hours: float, who: int) -> None:
        """Nothing stays on its way for an hour; request tokens are all valid, or none is."""
        hours = 30.0 if self.hours > TOKENS_SURELY_VALID_H else hours
        while len(self.wire):
            self.deliver(0)
            self.world.look()
        self.pass_hours(hours)
        if hours > TOKENS_SURELY_VALID_H:
            self.hours = 0.0
            for model in self.models():
                model.tokens.clear()
        self.run(who, ("sweep", "a"), {}, None, [])
        if hours > 1.0:  # no erasure is left under way
            for model in self.models():
                model.erasures.clear()

    def pass_hours(self, hours: float) -> None:
        self.clock.at_s += hours * ABANDONED_AFTER_S
        self.hours += hours

    def models(self) -> list[Model]:
        return [model for candidate in self.world.candidates for model in candidate.values()]

    def unfinished(self) -> list[Event]:
        """Erasures that a sweep may go on with."""
        return [unfinished(name, whom) for name in NAMES for whom in self.world.model[name].erasures]

    @rule(who=st.integers(0, 1))
    def reopen(self, who: int) -> None:
        self.processes[who].open()

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        TwoProcesses.steps += 1
        self.world.look()

    def teardown(self) -> None:
        if hasattr(self, "items"):
            self.items.close()
            self.folder.cleanup()

    def run(
        self,
        who: int,
        call: tuple[Any, ...] | ClientCall,
        faults: dict[int, Fault],
        step: int | None,
        others: list[tuple[Any, ...]],
    ) -> None:
        process, other = self.processes[who], self.processes[1 - who]
        operation = self.operation(call)
        sweeps = isinstance(operation, Sweep | Purge)
        if sweeps and self.unfinished():
            others = []  # nobody looks on while it goes on with an erasure, which is not atomic
        if isinstance(operation, Remove):
            operation.doubtful = not {Fault.LOST, Fault.UNSAID, Fault.LATE}.isdisjoint(faults.values())
        meanwhile: list[Event] = []

        def before(now: int) -> None:
            if now == step:
                for each in others:
                    meanwhile.extend(self.beside(operation, each, other))

        process.items.steps = 0
        process.items.choose = lambda now: faults.get(now, Fault.NONE)
        process.items.before = before
        result = attempt(operation, process)
        process.items.choose = lambda _: Fault.NONE
        process.items.before = lambda _: None
        mine = [] if result == THROTTLED else operation.events(result)
        if sweeps:
            mine += self.unfinished()
        self.explain(mine, meanwhile)
        if result == UNKNOWN and len(self.wire):
            self.open_events += mine
        if operation.repeated:
            self.last = [*self.last[-3:], operation]

    def beside(self, operation: ClientCall, each: tuple[Any, ...], other: Process) -> list[Event]:
        """Do one thing while the client of `operation` stands still, and return its events."""
        if self.unfinished() and each[0] in ("deliver", "later", "sweep", "purge"):
            return []
        if each == ("deliver",):
            self.wire.deliver()
            return list(self.open_events)
        if each == ("later",):
            if not len(self.wire) and self.hours < TOKENS_SURELY_VALID_H:
                self.pass_hours(1.1)
                attempt(Sweep("a"), other)
            return []
        name = operation.collection
        again = {"again": [operation], "replace": [("remove", name), ("create", name)]}
        events: list[Event] = []
        for second in map(self.operation, again.get(each[0], [each])):
            events += second.events(attempt(second, other))
        return events

    def explain(self, mine: list[Event], meanwhile: list[Event]) -> None:
        self.world.explain(mine, meanwhile)
        self.world.look()

    def operation(self, call: tuple[Any, ...] | ClientCall) -> ClientCall:
        if isinstance(call, ClientCall):
            return call
        kind, name, *rest = call
        if kind in CALLS:
            return CALLS[kind](name, *rest)
        model = self.world.model[name]
        living = [model.faces[place] for place in sorted(model.faces, key=repr)]
        pool = [*living, *living, *living, *model.given] or [NOBODYS_FACE]
        picked = [pool[pick % len(pool)] for pick in rest[-1]]
        if kind == "delete":
            return Delete(name, picked)
        if kind in ("associate", "disassociate"):
            return {"associate": Associate, "disassociate": Disassociate}[kind](name, rest[0], rest[1], picked)
        return Look(name, rest[0], rest[1], picked or pool[:1])


@pytest.mark.timeout(300 + 2 * EXAMPLES)
class TestTwoProcesses(TwoProcesses.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        print_blob=True,
        phases=[phase for phase in Phase if phase is not Phase.shrink or "OPENREK_STORE_SHRINK" in os.environ],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )

    def runTest(self) -> None:  # noqa: N802 (unittest's name)
        super().runTest()
        print(f"{TwoProcesses.steps} steps")
        assert TwoProcesses.steps > 20 * EXAMPLES
