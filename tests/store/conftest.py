"""Fixtures for the AWS adapters, an empty store, and a collection of people on every store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openrek.domain.collections import Collection
from openrek.store.items.port import Items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import People
from tests.store.synthetic import new_collection, open_items
from tests.support.aws import LocalAws, local_aws


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """DynamoDB and S3 on this machine; tests take tables and buckets of their own."""
    with local_aws() as running:
        yield running


@pytest.fixture
def items(tmp_path: Path) -> Iterator[Items]:
    opened = open_items(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def collection(items: Items) -> Collection:
    return new_collection(items)


@pytest.fixture(params=["sqlite", "dynamo"])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[People]:
    """Each test runs on either store."""
    if request.param == "sqlite":
        items: Items = open_items(tmp_path)
    else:
        items = request.getfixturevalue("aws").items()
    yield People(items, MemoryBlobs(), new_collection(items))
    items.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[People]:
    """On SQLite only."""
    items = open_items(tmp_path)
    yield People(items, MemoryBlobs(), new_collection(items))
    items.close()
