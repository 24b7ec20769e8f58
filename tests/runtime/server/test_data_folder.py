"""A real server whose disk fills up, or whose data folder is taken away: callers, `/health` and the log are told."""

import http.client
import json
import resource
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from openrek.runtime.cli.main import main
from openrek.store.disk.location import FULL, LOST
from tests.support.server import ServerProcess, client


def health(server: ServerProcess) -> tuple[int, dict[str, Any]]:
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    connection.request("GET", "/health")
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer = raised.value.response
    facts = answer["ResponseMetadata"]
    return facts["HTTPStatusCode"], answer["Error"]["Code"], facts["HTTPHeaders"]["x-openrek-reason"]


def test_a_full_disk_and_then_room_again(tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes]) -> None:
    server = ServerProcess(tmp_path, weights_folder)
    rekognition = client(server.url)
    rekognition.create_collection(CollectionId="people")
    face = {"CollectionId": "people", "Image": {"Bytes": photos["obama.jpg"]}}
    log_bytes = (tmp_path / "items.sqlite3-wal").stat().st_size

    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (log_bytes, before[1]))
    for _ in range(3):
        assert refused(rekognition.index_faces, **face) == (500, "InternalServerError", FULL)
        assert refused(rekognition.create_collection, CollectionId="more") == (500, "InternalServerError", FULL)
    status, told = health(server)
    assert (status, told["ok"], told["store"]) == (503, False, f"cannot be written: {FULL}")
    assert rekognition.list_collections()["CollectionIds"] == ["people"]
    assert rekognition.list_faces(CollectionId="people")["Faces"] == []

    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
    assert health(server)[1]["store"] == "reachable"
    indexed = rekognition.index_faces(**face)["FaceRecords"][0]["Face"]["FaceId"]
    found = rekognition.search_faces_by_image(CollectionId="people", Image={"Bytes": photos["obama2.jpg"]})
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [indexed]
    code, log = server.stop()
    assert (code, log.count("\n")) == (0, 1)
    assert log.endswith(f" ERROR {tmp_path / 'items.sqlite3'}: {FULL}\n")


@pytest.mark.parametrize("replaced", [True, False])
def test_a_data_folder_that_is_taken_away(tmp_path: Path, weights_folder: Path, replaced: bool) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data, weights_folder)
    rekognition = client(server.url)
    rekognition.create_collection(CollectionId="before")

    if replaced:
        shutil.copytree(data, tmp_path / "backup")
        shutil.rmtree(data)
        shutil.move(tmp_path / "backup", data)
    else:
        shutil.rmtree(data)

    for name in ("one", "two"):
        assert refused(rekognition.create_collection, CollectionId=name) == (500, "InternalServerError", LOST)
    status, told = health(server)
    assert (status, told["ok"], told["store"]) == (503, False, f"cannot be written: {LOST}")
    code, log = server.stop()
    assert code == 0
    assert f"{data / 'items.sqlite3'}: {LOST}\n" in log
    assert "Traceback" not in log
    assert data.exists() is replaced
    if replaced:
        again = ServerProcess(data, weights_folder)
        assert client(again.url).list_collections()["CollectionIds"] == ["before"]
        assert again.stop() == (0, "")


def test_a_damaged_segment_is_named_to_who_searches_and_in_the_log(
    tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes]
) -> None:
    server = ServerProcess(tmp_path, weights_folder)
    rekognition = client(server.url)
    for name in ("people", "others"):
        rekognition.create_collection(CollectionId=name)
        rekognition.index_faces(CollectionId=name, Image={"Bytes": photos["obama.jpg"]})
    assert server.stop() == (0, "")
    assert CliRunner().invoke(main, ["purge", "--data", str(tmp_path)]).exit_code == 0
    segment, _ = sorted((tmp_path / "blobs").glob("*/*.segment"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)

    server = ServerProcess(tmp_path, weights_folder)
    rekognition = client(server.url)
    answers = []
    for name in ("people", "others"):
        asked = {"CollectionId": name, "Image": {"Bytes": photos["obama2.jpg"]}}
        try:
            answers.append(len(rekognition.search_faces_by_image(**asked)["FaceMatches"]))
        except ClientError:
            status, code, reason = refused(rekognition.search_faces_by_image, **asked)
            named = f"The segment {segment.parent.name}/{segment.name} of the collection {name} is damaged"
            assert (status, code) == (500, "InternalServerError")
            assert reason == f"{named} (a column's checksum is wrong); `openrek verify` says more."
    exit_code, log = server.stop()
    assert answers == [1]
    assert (exit_code, log.count("\n")) == (0, 1)
    assert log.endswith(f" ERROR {reason}\n")
