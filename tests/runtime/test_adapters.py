"""Parts are made lazily and once, and an operation gets exactly what its parameters name."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.domain.ports import Buckets
from openrek.runtime.adapters import Adapters, Once, bind, needs
from openrek.runtime.folder_buckets import FolderBuckets
from openrek.runtime.settings import Settings, SettingsError


def settings(data: Path | None) -> Settings:
    return Settings(data=data, weights=Path("nowhere"), workers=1, threads=1, queue=1)


def show(request: dict[str, Any], *, buckets: Buckets, caller: Caller) -> dict[str, Any]:
    return {"request": request, "buckets": buckets, "caller": caller}


def test_an_operation_is_bound_to_its_needs_and_to_each_caller(tmp_path: Path) -> None:
    bound = bind(show, Adapters(settings(tmp_path)))
    first = bound({"a": 1}, Caller(region="eu-west-1"))
    second = bound({}, Caller())
    assert needs(show) == ("buckets", "caller")
    assert (first["request"], first["caller"].region) == ({"a": 1}, "eu-west-1")
    assert isinstance(first["buckets"], FolderBuckets)
    assert first["buckets"] is second["buckets"]
    assert second["caller"] == Caller()


def test_a_need_that_nobody_serves_is_refused_when_it_is_bound(tmp_path: Path) -> None:
    def odd(request: dict[str, Any], *, moon: object) -> dict[str, Any]:
        return {}

    with pytest.raises(LookupError, match="odd needs moon"):
        bind(odd, Adapters(settings(tmp_path)))


def test_a_part_is_made_once_whoever_asks_at_the_same_time() -> None:
    made: list[int] = []

    def slowly() -> int:
        time.sleep(0.05)
        made.append(threading.get_ident())
        return len(made)

    part = Once(slowly)
    assert not part.made
    with ThreadPoolExecutor(8) as pool:
        assert {answer.result() for answer in [pool.submit(part) for _ in range(8)]} == {1}
    assert len(made) == 1


def test_a_part_that_could_not_be_made_is_tried_again() -> None:
    outcomes: list[Exception | int] = [OSError("full"), 7]

    def sometimes() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    part = Once(sometimes)
    with pytest.raises(OSError, match="full"):
        part()
    assert part() == 7


def test_without_a_data_folder_the_store_says_what_is_missing() -> None:
    with pytest.raises(SettingsError, match=r"^There is no data folder: set OPENREK_DATA .*\.$"):
        Adapters(settings(None)).part("collections")


def test_nothing_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    adapters = Adapters(settings(tmp_path / "data"))
    adapters.close()
    assert not (tmp_path / "data").exists()
