import threading

import pytest

from openrek.runtime.server.sweeper import Sweeper
from openrek.store.items.port import DamagedItem, Key


def test_it_sweeps_at_once_again_and_again_and_stops() -> None:
    swept = threading.Semaphore(0)
    sweeper = Sweeper(swept.release, tolerate=(), interval_s=0.01)
    sweeper.start()
    for _ in range(3):
        assert swept.acquire(timeout=10)
    sweeper.stop()
    while swept.acquire(blocking=False):
        pass
    assert not swept.acquire(timeout=0.1)


def test_what_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    outcomes = [OSError("disk full"), None]
    done = threading.Event()

    def sweep() -> None:
        outcome = outcomes.pop(0) if outcomes else None
        if outcome is not None:
            raise outcome
        done.set()

    sweeper = Sweeper(sweep, tolerate=(OSError,), interval_s=0.01)
    sweeper.start()
    assert done.wait(10)
    sweeper.stop()
    assert "disk full" in caplog.text


def test_a_damaged_item_is_told_without_its_name(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()
    damaged = [DamagedItem(Key("0123/user", "ann-smith"))]

    def sweep() -> None:
        if damaged:
            raise damaged.pop()
        done.set()

    sweeper = Sweeper(sweep, tolerate=(DamagedItem,), interval_s=0.01)
    sweeper.start()
    assert done.wait(10)
    sweeper.stop()
    assert "An item of 0123/user is damaged; `openrek verify` says which." in caplog.text
    assert "ann-smith" not in caplog.text


def test_what_nobody_foresaw_does_not_end_it_and_is_told_without_names(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()
    users: dict[str, str] = {}
    tries = iter(range(2))

    def sweep() -> None:
        if next(tries, None) is not None:
            users["ann-smith"]
        done.set()

    sweeper = Sweeper(sweep, tolerate=(), interval_s=0.01)
    sweeper.start()
    assert done.wait(10)
    sweeper.stop()
    assert "KeyError" in caplog.text
    assert "in sweep" in caplog.text
    assert "ann-smith" not in caplog.text.replace('users["ann-smith"]', "")
