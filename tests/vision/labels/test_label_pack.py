"""An owner's label pack: labels near the tower's vector are said, and whatever is not as described is refused."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openrek.domain.labels import Label
from openrek.vision.labels import pack_files
from openrek.vision.labels.label_pack import LabelPack, open_pack
from openrek.vision.labels.pack_files import LabelPackError
from tests.support import label_pack
from tests.support.label_pack import ROWS, VECTORS, files, names, npy, write


def said(pack: LabelPack, color: str | tuple[int, int, int], least_pct: float = 1.0) -> dict[str, Label]:
    return {each.name: each for each in pack.said(Image.new("RGB", (90, 60), color), least_pct, 99.9)}


def confidence(color: tuple[float, float, float], row: int, temperature: float = 40.0) -> float:
    """The documented formula, of means of channels from -1 to 1."""
    one, other = np.array(color), np.array(VECTORS[row])
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return float(100 / (1 + np.exp(-temperature * (cosine - float(ROWS[row][3])))))


def test_what_is_near_is_said_as_the_formula_has_it(tmp_path: Path) -> None:
    pack = open_pack(write(tmp_path / "pack"), threads=1)

    found = said(pack, "red")
    assert set(found) == {"Company Red"}
    assert found["Company Red"].confidence == pytest.approx(confidence((1, -1, -1), 0), abs=0.01)
    orange = said(pack, (255, 64, 0))
    assert orange["Company Red"].confidence == pytest.approx(confidence((1, 64 / 127.5 - 1, -1), 0), abs=0.5)
    assert set(said(pack, "blue")) == {"Company Blue"}
    assert said(pack, "red", least_pct=99.0) == {}


def test_entries_have_the_packs_place_and_built_in_ones_their_own(tmp_path: Path) -> None:
    entries = {entry.name: entry for entry in open_pack(write(tmp_path / "pack"), threads=1).labels.entries}

    assert entries["Company Blue"].category == "Our Colours"
    assert entries["Company Blue"].ancestors == ("Accessories", "Company Palette")
    assert entries["Cat"].category == "Animals and Pets"


@pytest.mark.parametrize(
    ("change", "color"),
    [
        ({"channels": '"BGR"'}, "blue"),
        ({"mean": "[0.5, 0.5, 0.4999]"}, "red"),
        ({"resampling": '"lanczos"', "fit": '"squeeze"'}, "red"),
    ],
)
def test_the_row_says_how_pictures_are_fed(tmp_path: Path, change: dict[str, str], color: str) -> None:
    assert set(said(open_pack(write(tmp_path / "pack", **change), threads=1), color)) == {"Company Red"}


def test_the_middle_is_what_is_looked_at_unless_it_is_squeezed(tmp_path: Path) -> None:
    picture = Image.new("RGB", (300, 100), "white")
    picture.paste("red", (100, 0, 200, 100))

    crop, squeeze = (open_pack(write(tmp_path / fit, fit=f'"{fit}"'), threads=1) for fit in ("crop", "squeeze"))

    assert [each.name for each in crop.said(picture, 50, 99.9)] == ["Company Red"]
    assert [each.name for each in squeeze.said(picture, 50, 99.9)] == []


def refused(folder: Path) -> str:
    with pytest.raises(LabelPackError) as raised:
        open_pack(folder, threads=1)
    return str(raised.value)


@pytest.mark.parametrize("name", ["tower.onnx", "labels.csv", "labels.npy"])
def test_a_file_that_is_another_or_missing_is_refused(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "pack")
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    assert f"{name} does not have the sha256" in refused(folder)
    (folder / name).unlink()
    assert f"{name} of the label pack is missing" in refused(folder)


def test_files_are_bounded_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "pack")
    with (folder / "tower.onnx").open("r+b") as file:
        file.truncate(pack_files.MOST_TOWER_BYTES + 1)  # a hole, which takes no disk
    assert f"tower.onnx of the label pack has more than {1 << 30} bytes" in refused(folder)
    (folder / "pack.toml").write_bytes(b"#" * (pack_files.MOST_ROW_BYTES + 1))
    assert "pack.toml of the label pack has more than" in refused(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"layout": '"CHW"'}, {"channels": "3"}, {"size_px": "8"}, {"size_px": "100000"}, {"mean": "[0.5, 0.5]"},
        {"std": "[0.0, 0.5, 0.5]"}, {"temperature": "nan"}, {"temperature": "0"}, {"file": '"../tower.onnx"'},
        {"names": '"/etc/passwd"'}, {"sha256": "7"}, {"input": '""'}, {"output": "["},
    ],
)  # fmt: skip
def test_a_row_that_says_something_else_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    assert refused(write(tmp_path / "pack", **change)).startswith("pack.toml of the label pack lacks something")


class Opened:
    """What a pickle could make of the reader of a matrix."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (npy(VECTORS)[:-1], "as many bytes"),
        (npy(VECTORS) + b"\0", "as many bytes"),
        (npy(VECTORS[:3]), "4 names and 3 rows"),
        (npy(VECTORS, "<f8"), "float16 or float32"),
        (npy(np.asfortranarray(VECTORS)), "rows first"),
        (npy(VECTORS[0]), r"\[labels, d\]"),
        (npy(((0, 0, 0), *VECTORS[1:])), "zeros"),
        (npy(((np.nan, 0, 0), *VECTORS[1:])), "finite"),
        (b"\x80\x04K\x01.", "no .npy file"),
        (npy(VECTORS).replace(b"(4, 3), }      ", b"(20000, 3), }  "), "as many bytes"),
        (npy(VECTORS).replace(b"(4, 3), }      ", b"(90000, 3), }  "), "20000 rows"),
        (npy(VECTORS).replace(b"(4, 3), }", b"(4, 3, }("), "no .npy file"),
        (npy(VECTORS).replace(b"'descr'", b"'hello'"), "no .npy file"),
        (npy([row * 2 for row in VECTORS]), "makes 3 numbers of a picture; its matrix has 6"),
    ],
)
def test_a_matrix_that_is_none_is_refused(tmp_path: Path, matrix: bytes, why: str) -> None:
    assert re.search(why, refused(write(tmp_path / "pack", files(matrix=matrix))))


def test_a_matrix_is_never_a_pickle(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.array([[Opened()]], dtype=object), allow_pickle=True)
    assert "float16 or float32" in refused(write(tmp_path / "pack", files(matrix=file.getvalue())))


def test_a_matrix_of_half_precision_does(tmp_path: Path) -> None:
    pack = open_pack(write(tmp_path / "pack", files(matrix=npy(VECTORS, "<f2"))), threads=1)
    assert set(said(pack, "red")) == {"Company Red"}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ((), "1 to 20000 rows"),
        ((*ROWS[:3], ROWS[0]), "one twice"),
        ((*ROWS[:3], ("Dot", "", "", 1.5)), "must be a cosine"),
        ((*ROWS[:3], ("Dot", "", "", "high")), "must be a cosine"),
        ((*ROWS[:3], ("<b>", "", "", 0.5)), "none can be"),
        ((*ROWS[:3], ("Dot", "", "Gadget", 0.5)), "'Gadget' of Dot is no label"),
        ((*ROWS[:2], ("Company Palette", "", "Company Blue", 0.5), ROWS[3]), "its own ancestor"),
        ((*ROWS[:3], ("Dot", "")), "too short"),
    ],
)
def test_names_that_no_pack_can_have_are_refused(
    tmp_path: Path, rows: tuple[tuple[object, ...], ...], why: str
) -> None:
    assert why in refused(write(tmp_path / "pack", files(names=names(rows))))


def test_a_tower_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    broken = write(tmp_path / "broken", files(tower=b"no graph"))
    other = write(tmp_path / "other", files(tower=label_pack.tower("something else")))

    assert "cannot be run" in refused(broken)
    assert "cannot be run" in refused(other)
    assert "cannot be run" in refused(write(tmp_path / "input", input='"image"'))
    assert "cannot be run" in refused(write(tmp_path / "layout", layout='"NHWC"'))
