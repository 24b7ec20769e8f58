"""Parts are made lazily and once, and an operation gets exactly what its parameters name."""

import gc
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.domain.ports import Buckets
from openrek.runtime.buckets.folder import FolderBuckets
from openrek.runtime.buckets.s3 import S3Buckets
from openrek.runtime.keys.ssm_keys import SsmKeys
from openrek.runtime.parts.adapters import Adapters, bind, needs
from openrek.runtime.parts.aws import AwsParts
from openrek.runtime.parts.lazy import Lazy
from openrek.runtime.settings import AwsSettings, Settings, SettingsError
from openrek.store.blobs.folder import ASIDE
from openrek.store.blobs.port import BlobMissing
from openrek.store.blobs.s3 import S3Blobs
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.dynamo import DynamoItems
from openrek.store.log.head import require_head
from openrek.store.log.keys import deployment_key
from openrek.store.log.watch import LogWatch
from openrek.store.search.cache import OpenCollection
from openrek.store.upkeep.upkeep import Upkeep
from openrek.vision.models.zoo import WeightsError
from openrek.wire.sigv4 import SigV4
from tests.store.synthetic import Embedder, new_collection, picture, slots
from tests.support.aws import TIMEOUT_S, LocalAws
from tests.support.signing import new_key, signed


def settings(data: Path | None, aws: AwsSettings | None = None) -> Settings:
    return Settings(data=data, weights=Path("nowhere"), workers=1, threads=1, queue=1, aws=aws)


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

    part = Lazy(slowly)
    assert not part.made
    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(part) for _ in range(8)]} == {1}
    assert len(made) == 1


def test_a_part_that_could_not_be_made_is_tried_again() -> None:
    outcomes: list[Exception | int] = [OSError("full"), 7]

    def sometimes() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    part = Lazy(sometimes)
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


AWS = AwsSettings("items", "blobs", keys="/openrek/main/keys")


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def test_with_a_table_the_parts_are_those_of_aws(region: None) -> None:
    parts = Adapters(settings(None, replace(AWS, image_buckets=frozenset({"photos"}))))
    assert isinstance(parts.items(), DynamoItems)
    assert isinstance(parts.blobs(), S3Blobs)
    assert isinstance(parts.part("buckets"), S3Buckets)
    assert isinstance(parts.authenticate(), SigV4)
    assert parts.items() is parts.items()
    parts.close()


def test_clients_share_one_session_and_dynamo_sends_a_write_once(region: None) -> None:
    parts = Adapters(settings(None, AWS))
    client = parts.items().client  # type: ignore[attr-defined]
    assert client.meta.config.retries == {"total_max_attempts": 1, "mode": "standard"}
    assert client.meta.region_name == "eu-west-1"
    parts.close()


@pytest.mark.parametrize(("told", "awaited"), [(None, (3.0, 10.0)), (60, (60.0, 60.0))])
def test_a_slow_aws_can_be_given_time(region: None, told: int | None, awaited: tuple[float, float]) -> None:
    parts = AwsParts(replace(AWS, timeout_s=told))
    items, blobs = parts.items(), parts.blobs()
    assert isinstance(items, DynamoItems)

    clients = (items.client, blobs._client)
    assert tuple(client.meta.config.read_timeout for client in clients) == awaited
    parts.close()


def test_where_an_upkeep_function_is_named_long_logs_are_told(region: None) -> None:
    assert isinstance(Adapters(settings(None, replace(AWS, upkeep="openrek-Upkeep:live"))).items(), LogWatch)


def test_a_deployed_function_without_keys_answers_nobody() -> None:
    with pytest.raises(SettingsError, match=r"^OPENREK_KEYS is missing"):
        Adapters(settings(None, replace(AWS, keys=None))).authenticate()


def test_whoever_signs_is_of_the_account_that_the_deployment_is_in(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", aws.url)
    key = new_key()
    SsmKeys(AWS.keys, client=aws.ssm()).add(key)
    parts = Adapters(settings(None, replace(AWS, account="123456789012", timeout_s=TIMEOUT_S)))
    assert parts.authenticate()(signed(key)).account == "123456789012"
    parts.close()


def test_two_places_for_the_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^OPENREK_DATA and OPENREK_TABLE name two places"):
        Adapters(settings(tmp_path, AWS))


def test_what_only_the_embedded_store_has_is_not_looked_for_in_aws() -> None:
    with pytest.raises(SettingsError, match="works on a data folder"):
        Adapters(settings(None, AWS)).embedded()


def test_a_part_can_be_given_instead(tmp_path: Path) -> None:
    mine = FolderBuckets(tmp_path)
    bound = bind(show, Adapters(settings(None)), buckets=lambda: mine)
    assert bound({}, Caller())["buckets"] is mine


def test_only_the_models_that_a_function_carries_are_loaded(tmp_path: Path, weights_folder: Path) -> None:
    shutil.copy(weights_folder / "yunet-2023mar.onnx", tmp_path)
    parts = Adapters(replace(settings(None), weights=tmp_path))
    parts.load_models(["faces"], present=True)
    (tmp_path / "yunet-2023mar.onnx").unlink()
    assert parts.reader().session("yunet")
    with pytest.raises(WeightsError):
        parts.load_models(["faces"])


@pytest.mark.parametrize(("search_bytes", "kept"), [(None, 3), (1, 1)])
def test_searches_keep_as_many_collections_as_the_settings_allow(
    tmp_path: Path, search_bytes: int | None, kept: int
) -> None:
    before = open_collections()
    adapters = Adapters(replace(settings(tmp_path), search_bytes=search_bytes))
    for name in ("one", "two", "three"):
        made = new_collection(adapters.items(), name)
        StoredFaces(adapters.items()).index(made, picture(1), slots(2), Embedder(picture(1)))
        adapters.search().prepare(require_head(adapters.items(), made).collection())

    assert open_collections() - before == kept
    adapters.collections().delete("three")
    adapters.sweep()
    assert open_collections() - before == kept - 1, "what was deleted leaves memory"
    adapters.close()


def open_collections() -> int:
    gc.collect()
    return sum(isinstance(each, OpenCollection) for each in gc.get_objects())


def test_a_damaged_collection_does_not_keep_deleted_vectors_in_the_files(tmp_path: Path) -> None:
    """Check that it holds up neither the vacuum of the database nor the clearing of the blobs' folder."""
    adapters = Adapters(settings(tmp_path))
    items, blobs = adapters.embedded().items(), adapters.embedded().blobs()
    StoredFaces(items).index(new_collection(items), picture(1), slots(2), Embedder(picture(1)))
    Upkeep(items, blobs).purge()
    for name in list(blobs.names()):
        blobs.delete(name)
    left = tmp_path / "blobs" / ASIDE / "of a killed upload"
    left.write_bytes(b"vectors")
    os.utime(left, (0.0, 0.0))

    with pytest.raises(BlobMissing):
        adapters.sweep()

    assert items.get(deployment_key("wiped")) is not None
    assert not left.exists()
    adapters.close()


def test_what_killed_uploads_left_goes_while_a_server_runs(tmp_path: Path) -> None:
    adapters = Adapters(settings(tmp_path))
    adapters.sweep()
    left = tmp_path / "blobs" / ASIDE / "of a killed upload"
    left.write_bytes(b"vectors")
    adapters.sweep()
    assert left.exists(), "it may be under way"
    os.utime(left, (0.0, 0.0))

    adapters.sweep()

    assert not left.exists()
    adapters.close()
