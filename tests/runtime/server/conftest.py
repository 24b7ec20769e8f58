"""The local server over stub operations; suites with stubs of their own override both."""

from collections.abc import Iterator

import pytest

from tests.runtime.server.stub_calls import Stubs
from tests.support.server import stub_server


@pytest.fixture
def stubs() -> Stubs:
    return Stubs()


@pytest.fixture
def server(stubs: Stubs) -> Iterator[tuple[str, int]]:
    operations = {
        "DetectFaces": stubs.detect_faces,
        "ListCollections": stubs.list_collections,
        "CompareFaces": stubs.compare_faces,
    }
    with stub_server(operations, ["DetectFaces", "CompareFaces"]) as address:
        yield address
        stubs.go.set()
