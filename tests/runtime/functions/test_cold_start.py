"""The parts that are made while a function starts, and the wait before a snapshot."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from snapshot_restore_py import get_after_restore, get_before_snapshot

from openrek.operations.registry import Operation
from openrek.runtime.functions.cold_start import start
from tests.support.server import soon


class Parts:
    """A stand-in for the adapters that notes the parts that are made; models load at a signal."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.go = threading.Event()
        self.loaded = threading.Event()

    def knows(self, name: str) -> bool:
        return name != "caller"

    def part(self, name: str) -> object:
        self.made.append(name)
        return self

    def infers(self, name: str) -> bool:
        return name == "photo_reader"

    def load_models(self, packs: tuple[str, ...], *, present: bool) -> None:
        assert (packs, present) == (("labels", "faces"), True)
        assert self.go.wait(10)
        self.loaded.set()


LOOKS = (Operation("ListFaces"), ("collections", "caller"))
READS = (Operation("DetectLabels", packs=("labels", "faces")), ("collections", "photo_reader", "search"))


def test_models_load_beside_the_other_parts() -> None:
    parts = Parts()
    start(*READS, parts)  # type: ignore[arg-type]
    assert parts.made == ["collections", "search"]
    assert not parts.loaded.is_set()
    parts.go.set()
    assert parts.loaded.wait(10)
    assert soon(lambda: parts.made == ["collections", "search", "photo_reader"])


def test_a_function_without_photos_loads_no_models() -> None:
    parts = Parts()
    parts.go.set()
    hooks = len(get_before_snapshot())
    start(*LOOKS, parts)  # type: ignore[arg-type]
    assert parts.made == ["collections"]
    assert not parts.loaded.is_set()
    assert len(get_before_snapshot()) == hooks


def test_a_snapshot_is_taken_with_the_models_and_not_before() -> None:
    parts = Parts()
    start(*READS, parts)  # type: ignore[arg-type]
    ready, arguments, options = get_before_snapshot()[-1]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ready, *arguments, **options)
        assert not waiting.done()
        parts.go.set()
        waiting.result(10)
    assert parts.loaded.is_set()


def test_models_that_cannot_be_loaded_fail_the_snapshot() -> None:
    class Broken(Parts):
        def load_models(self, packs: tuple[str, ...], *, present: bool) -> None:
            raise OSError("no such file")

    start(*READS, Broken())  # type: ignore[arg-type]
    ready, arguments, options = get_before_snapshot()[-1]
    with pytest.raises(OSError, match="no such file"):
        ready(*arguments, **options)


def test_retries_of_restored_copies_are_not_all_at_the_same_time() -> None:
    """Check that each copy seeds `random`, whose state a snapshot holds, anew."""
    start(*LOOKS, Parts())  # type: ignore[arg-type]
    again, arguments, options = get_after_restore()[-1]
    random.seed(1)
    before = random.random()
    random.seed(1)
    again(*arguments, **options)
    assert random.random() != before
