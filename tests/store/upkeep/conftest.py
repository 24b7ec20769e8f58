"""Fixtures of the tests that write a log directly."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.upkeep.logged_store import LoggedStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LoggedStore]:
    made = LoggedStore(tmp_path)
    yield made
    made.items.close()
