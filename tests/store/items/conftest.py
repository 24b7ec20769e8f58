"""A table of DynamoDB, and a database that an earlier openrek wrote."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from openrek.store.items.dynamo import DynamoItems
from tests.store.items.dynamo_table import opened_with
from tests.support.aws import TIMEOUT_S, LocalAws

EARLIER = Path(__file__).parents[1] / "earlier" / "format-2" / "data" / "items.sqlite3"


@pytest.fixture
def dynamo(aws: LocalAws) -> Iterable[DynamoItems]:
    opened = opened_with(aws, read_timeout_s=TIMEOUT_S)
    yield opened
    opened.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a database that an earlier openrek wrote."""
    shutil.copy(EARLIER, tmp_path / "items.sqlite3")
    return tmp_path
