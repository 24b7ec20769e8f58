"""Which address `openrek serve` binds: exactly the one that was asked for, and 127.0.0.1 when none was."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from openrek.runtime.server.socket_server import listener
from tests.support.server import ServerProcess


def addresses_of_this_machine() -> list[str]:
    """Loopback addresses, and the one that other machines would use; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        try:
            outward.connect(("192.0.2.1", 9))
        except OSError:  # no network
            return ["127.0.0.1", "127.0.0.2"]
        return ["127.0.0.1", "127.0.0.2", outward.getsockname()[0]]


def answering(port: int) -> list[str]:
    """On which of this machine's addresses somebody listens at the port."""
    found = []
    for address in addresses_of_this_machine():
        with socket.socket() as asking:
            asking.settimeout(5)
            if asking.connect_ex((address, port)) == 0:
                found.append(address)
    return found


@pytest.mark.parametrize("arguments", [[], ["--host", "127.0.0.1"]], ids=["default", "named"])
def test_the_server_is_reached_at_127_0_0_1_only(tmp_path: Path, weights_folder: Path, arguments: list[str]) -> None:
    server = ServerProcess(tmp_path, weights_folder, arguments)
    try:
        place = urlsplit(server.url)
        assert place.hostname == "127.0.0.1"
        assert answering(place.port or 0) == ["127.0.0.1"]
    finally:
        assert server.stop() == (0, "")


@pytest.mark.parametrize("signed", [False, True])
def test_an_address_is_bound_exactly(signed: bool) -> None:
    for host in ("127.0.0.1", "127.0.0.2"):
        with listener(host, 0, anywhere=signed) as bound:
            bound.listen()
            assert answering(bound.getsockname()[1]) == [host]


def test_with_keys_every_address_can_be_bound() -> None:
    with listener("0.0.0.0", 0, anywhere=True) as bound:
        bound.listen()
        assert answering(bound.getsockname()[1]) == addresses_of_this_machine()


def test_a_port_published_on_loopback_is_bound_everywhere_and_guarded_as_ever(
    tmp_path: Path, weights_folder: Path
) -> None:
    """As in a container, where whoever publishes the port sees to it that only this machine reaches it."""
    server = ServerProcess(tmp_path, weights_folder, ["--host", "0.0.0.0", "--trust-published-loopback"])
    try:
        port = urlsplit(server.url).port or 0
        assert answering(port) == addresses_of_this_machine()
        told = [
            requests.get(f"http://127.0.0.1:{port}/health", headers=headers, timeout=30).status_code
            for headers in ({}, {"Host": f"localhost:{port}"}, {"Host": "example.org"}, {"Origin": "http://localhost"})
        ]
        assert told == [200, 200, 400, 400]
    finally:
        assert server.stop() == (0, "")
