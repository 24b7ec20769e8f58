"""The owner's label pack where openrek runs: from a folder, from S3, beside the built-in labels, or not at all."""

from pathlib import Path

import pytest
from PIL import Image

from openrek.runtime.parts import label_packs
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.settings import Settings, SettingsError
from openrek.vision.images.decode import Upright
from openrek.vision.labels.pack_files import LabelPackError
from tests.support.aws import LocalAws
from tests.support.label_pack import write

RED = Image.new("RGB", (90, 90), "red")


def settings(data: Path, weights: Path, pack: object) -> Settings:
    return Settings(data=data, weights=weights, workers=1, threads=1, queue=1, label_pack=str(pack))


@pytest.fixture
def in_bucket(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """The URI of a pack in S3, and the temporary folder that it is fetched to."""
    bucket, temporary = aws.new_bucket(), tmp_path / "tmp"
    temporary.mkdir()
    for path in write(tmp_path / "pack").iterdir():
        aws.s3().put_object(Bucket=bucket, Key=f"packs/colours/{path.name}", Body=path.read_bytes())
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return f"s3://{bucket}/packs/colours", temporary


def said(pack: label_packs.LabelPack) -> list[str]:
    return [label.name for label in pack.said(RED, 50, 99.9)]


def test_the_labels_of_a_pack_are_answered_beside_the_built_in_ones(tmp_path: Path, weights_folder: Path) -> None:
    adapters = Adapters(settings(tmp_path / "data", weights_folder, write(tmp_path / "pack")))

    photo = adapters.label_reader().read_upright(Upright(RED, 90, 90))

    found = {label.name for label in photo.labels() if label.confidence > 90}
    assert found >= {"Company Red", "Red"}
    assert {"Company Red", "Cat"} <= photo.vocabulary.keys()


def test_a_pack_that_cannot_be_used_is_an_error_of_the_settings(tmp_path: Path, weights_folder: Path) -> None:
    folder = write(tmp_path / "pack")
    (folder / "labels.npy").write_bytes(b"another")

    adapters = Adapters(settings(tmp_path / "data", weights_folder, folder))

    with pytest.raises(SettingsError, match=r"labels\.npy does not have the sha256"):
        adapters.label_pack()
    assert Adapters(Settings.of({})).label_pack() is None
    assert Settings.of({"OPENREK_LABEL_PACK": "packs/mine"}).label_pack == "packs/mine"


def test_a_pack_is_fetched_from_s3_and_once_only(aws: LocalAws, in_bucket: tuple[str, Path]) -> None:
    place, temporary = in_bucket
    assert said(label_packs.opened(place, 1, aws.s3)) == ["Company Red"]
    (folder,) = temporary.iterdir()
    tower = folder / "tower.onnx"
    first = tower.stat().st_ino
    assert folder.stat().st_mode & 0o077 == 0

    assert said(label_packs.opened(place, 1, aws.s3)) == ["Company Red"]
    assert tower.stat().st_ino == first

    tower.write_bytes(b"cut off")
    assert said(label_packs.opened(place, 1, aws.s3)) == ["Company Red"]


def test_what_finds_no_room_is_refused_before_it_is_fetched(
    aws: LocalAws, in_bucket: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, temporary = in_bucket
    monkeypatch.setattr(label_packs, "SPARE_BYTES", 1 << 60)

    with pytest.raises(LabelPackError, match=r"pack\.toml of the label pack has \d+ bytes; there is room for 0"):
        label_packs.opened(place, 1, aws.s3)
    assert [path.name for path in temporary.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("place", ["s3://", "s3://B", "s3://bucket/../x y", "s3://bucket/a*b"])
def test_a_place_that_is_none_is_refused(aws: LocalAws, place: str) -> None:
    with pytest.raises(LabelPackError, match="must be a folder or s3://bucket/prefix"):
        label_packs.opened(place, 1, aws.s3)


def test_a_pack_that_is_not_there_is_told(aws: LocalAws, in_bucket: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(LabelPackError, match="cannot be read"):
        label_packs.opened(f"{in_bucket[0]}/elsewhere", 1, aws.s3)
    with pytest.raises(LabelPackError, match=r"pack\.toml of the label pack is missing"):
        label_packs.opened(str(tmp_path), 1, aws.s3)
