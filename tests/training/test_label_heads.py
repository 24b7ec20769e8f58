"""Heads of labels are learnt from folders and captions: calibrated, and the same bytes from the same input."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openrek.vision.labels.evidence import HEADS
from openrek.vision.models.learnt_parts import decode
from training.label_heads import SETTINGS, features_of, learn, read

ABOUT = {name: name for name in ("name", "what", "reads", "learnt_from", "learnt_by", "licence")}
SETTINGS_OF_TEST: dict[str, Any] = {
    "about": ABOUT,
    "settings": {"penalty": 0.001, "folds": 5},
    "rarer": {"categories": 0.0, "captions": 1.0},
    "categories": {"Anchor": ["anchor"]},
    "captions": {"Kitchen": "kitchens?"},
}
SIZE = 8


@pytest.fixture
def table(tmp_path: Path) -> tuple[Path, Path]:
    """Write 240 rows: the first feature tells an anchor, the second a kitchen; 30 rows are of another source."""
    random = np.random.default_rng(3)
    features = np.abs(random.normal(0, 1, (240, SIZE)))
    sources = np.array(["caltech101"] * 120 + ["coco2017"] * 90 + ["imagenet-sample"] * 30)
    labels = np.array(["anchor" if row % 3 == 0 and row < 120 else "" for row in range(240)])
    features[labels == "anchor", 0] += 4
    said = {}
    for row in range(120, 210):
        if row % 3 == 0:
            features[row, 1] += 4
            said[f"{row}.jpg"] = ["A kitchen.", "Two Kitchens.", "a stove"]
        else:
            said[f"{row}.jpg"] = ["a street", "a dog"] + (["kitchen"] if row % 9 == 1 else [])
    features[210:, 0] = 1000
    np.savez(
        tmp_path / "features.npz",
        f=features.astype(np.float16),
        name=np.array([f"val2017/{row}.jpg" for row in range(240)]),
        source=sources,
        label=labels,
    )
    (tmp_path / "captions.json").write_text(json.dumps(said), "utf-8")
    return tmp_path / "features.npz", tmp_path / "captions.json"


def test_heads_are_calibrated_logits(table: tuple[Path, Path]) -> None:
    rows = read(*table)
    part = decode(learn(rows, SETTINGS_OF_TEST))

    chances = 1 / (1 + np.exp(-(rows.features @ part.arrays["weights"].T + part.arrays["biases"])))

    assert part.names == ("Anchor", "Kitchen")
    assert len(rows.features) == 210
    anchors = np.array([folder == "anchor" for folder in rows.folders])
    assert chances[anchors, 0].mean() > 0.8
    assert chances[~anchors, 0].mean() < 0.15
    kitchens = np.array([said is not None and said[0] == "A kitchen." for said in rows.captions])
    assert chances[kitchens, 1].mean() > 2 * chances[~kitchens, 1].mean()


def test_the_same_rows_give_the_same_bytes(table: tuple[Path, Path]) -> None:
    assert learn(read(*table), SETTINGS_OF_TEST) == learn(read(*table), SETTINGS_OF_TEST)


def test_a_label_that_no_row_shows_is_an_error(table: tuple[Path, Path]) -> None:
    nowhere = {**SETTINGS_OF_TEST, "categories": {"Anchor": ["nowhere"]}}
    with pytest.raises(ValueError, match="one of the two signs"):
        learn(read(*table), nowhere)


def test_a_folder_of_pictures_gives_rows(tmp_path: Path, weights_folder: Path, photos: dict[str, bytes]) -> None:
    for label, name in (("cat", "chelsea.png"), ("cup", "coffee.png")):
        (tmp_path / label).mkdir()
        (tmp_path / label / name).write_bytes(photos[name])

    (first, cat), (second, cup) = features_of(tmp_path, weights_folder)

    assert (first, second) == ("cat", "cup")
    assert cat.shape == (1280,)
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-5)
    assert cat @ cup < 0.9


def test_what_is_shipped_has_the_labels_of_the_settings() -> None:
    settings = tomllib.loads(SETTINGS.read_text("utf-8"))
    part = decode(HEADS.read_bytes())

    assert part.names == (*settings["categories"], *settings["captions"])
    assert part.provenance.learnt_from == settings["about"]["learnt_from"]
    assert part.arrays["weights"].shape == (len(part.names), 1280)
