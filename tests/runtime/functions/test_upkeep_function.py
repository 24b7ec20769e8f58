"""The upkeep function over DynamoDB and S3: its work for each event, and the time when it stops."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snapshot_restore_py import get_after_restore

from openrek.domain.collections import Collection
from openrek.domain.models import SFACE
from openrek.runtime.functions.gateway_event import Event
from openrek.runtime.functions.upkeep import RESERVE_MS, serve_upkeep
from openrek.runtime.settings import AwsSettings, Settings, SettingsError
from openrek.store.blobs.port import BlobMissing
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.dynamo import DynamoItems
from openrek.store.items.port import Put
from openrek.store.log.head import FOLD_BYTES, Head, require_head
from tests.store.synthetic import Embedder, picture, slots
from tests.support.aws import LocalAws


class Context:
    aws_request_id = "an-invocation"

    def __init__(self, left_ms: int) -> None:
        self._left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms


class Deployed:
    """A table and a bucket, and the upkeep function over them."""

    def __init__(self, aws: LocalAws) -> None:
        table, bucket = aws.new_table(), aws.new_bucket()
        self.items: DynamoItems = aws.items(table)
        self.handler = serve_upkeep(settings(AwsSettings(table, bucket, upkeep="nobody-is-called")))

    def run(self, event: Event, left_ms: int = 900_000) -> dict[str, Any]:
        return self.handler(event, Context(left_ms))

    def filled(self, name: str) -> Collection:
        """Make a collection whose log is due."""
        made = StoredCollections(self.items).create(name, SFACE, {})
        StoredFaces(self.items).index(made, picture(1), slots(3), Embedder(picture(1)))
        self.items.transact([Put(self.head(made).key, {**self.head(made).attributes(), "log_bytes": FOLD_BYTES})])
        return made

    def head(self, collection: Collection) -> Head:
        return require_head(self.items, collection)


def settings(aws: AwsSettings | None) -> Settings:
    return Settings(data=None, weights=Path("nowhere"), workers=1, threads=1, queue=1, aws=aws)


@pytest.fixture
def deployed(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    made = Deployed(aws)
    yield made
    made.items.close()


@pytest.mark.parametrize("event", [{}, {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}])
def test_a_schedule_means_everything_that_is_due(deployed: Deployed, event: Event) -> None:
    one, two = deployed.filled("one"), deployed.filled("two")
    assert deployed.run(event) == {"done": True}
    assert [deployed.head(each).compacted_through for each in (one, two)] == [1, 1]


def test_a_named_collection_is_compacted_and_no_other(deployed: Deployed) -> None:
    one, two = deployed.filled("one"), deployed.filled("two")
    assert deployed.run({"collection": "two"}) == {"done": True}
    assert [deployed.head(each).compacted_through for each in (one, two)] == [0, 1]
    assert deployed.run({"collection": "never-there"}) == {"done": True}


@pytest.mark.parametrize("event", [{}, {"collection": "one"}])
def test_nothing_begins_that_could_not_end_in_time(deployed: Deployed, event: Event) -> None:
    one = deployed.filled("one")
    assert deployed.run(event, RESERVE_MS - 1) == {"done": False}
    assert deployed.head(one).compacted_through == 0
    assert deployed.run(event, RESERVE_MS) == {"done": True}
    assert deployed.head(one).compacted_through == 1


@pytest.mark.parametrize("name", [7, "", "x" * 256, ["one"]])
def test_an_event_that_names_nothing_is_an_error(deployed: Deployed, name: object) -> None:
    with pytest.raises(ValueError, match="names a collection by its id"):
        deployed.run({"collection": name})


def test_a_damaged_collection_fails_the_invocation_after_the_others_are_done(deployed: Deployed) -> None:
    bad, good = deployed.filled("bad"), deployed.filled("good")
    head = deployed.head(bad)
    deployed.items.transact([Put(head.key, {**head.attributes(), "manifest": f"{bad.uid.hex}/0-x.manifest"})])
    with pytest.raises(BlobMissing):
        deployed.run({})
    assert deployed.head(good).compacted_through == 1


def test_upkeep_needs_a_deployed_store() -> None:
    with pytest.raises(SettingsError, match=r"^OPENREK_TABLE and OPENREK_BUCKET are missing"):
        serve_upkeep(settings(None))


def test_restored_copies_sweep_in_orders_of_their_own(aws: LocalAws) -> None:
    hooks = len(get_after_restore())
    Deployed(aws)
    ((again, arguments, options),) = get_after_restore()[hooks:]
    random.seed(1)
    before = random.random()
    random.seed(1)
    again(*arguments, **options)
    assert random.random() != before
