"""Foreground and background by the optional pack, where its file is there; a graph of two nodes stands in."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openrek.vision.images.decode import Upright
from openrek.vision.labels import foreground
from openrek.vision.labels.reader import LabelReader
from openrek.vision.models import zoo
from openrek.vision.models.sessions import ModelSessions
from tests.support.onnx_bytes import field, model, node, port


def bright() -> bytes:
    """Return a model: [1, 3, 224, 224] -> the sigmoid of the first channel, [1, 1, 224, 224]."""
    red = node("Slice", "input_image", "red", {"axes": [1], "starts": [0], "ends": [1]})
    nodes = field(1, red) + field(1, node("Sigmoid", "red", "heat", {}))
    return model(nodes, "bright", port("input_image", [1, 3, 224, 224]), port("heat", [1, 1, 224, 224]))


def load(folder: Path, name: str) -> bytes:
    return bright() if name == foreground.SUBJECTS else zoo.load(folder, name)


def sessions(weights: Path, tmp_path: Path, *, built: bool) -> ModelSessions:
    for file in weights.glob("*.onnx"):
        if file.name != zoo.manifest().weights[foreground.SUBJECTS].file:
            (tmp_path / file.name).symlink_to(file)
    if built:
        (tmp_path / zoo.manifest().weights[foreground.SUBJECTS].file).touch()
    return ModelSessions(tmp_path, load=load)


@pytest.fixture
def sunny() -> Upright:
    """A wide dark picture, whose right quarter is red."""
    picture = Image.new("RGB", (400, 200), "navy")
    picture.paste("red", (300, 0, 400, 200))
    return Upright(picture, 400, 200)


def test_the_foreground_is_where_the_network_sees_the_subject(
    weights_folder: Path, tmp_path: Path, sunny: Upright
) -> None:
    properties = LabelReader(sessions(weights_folder, tmp_path, built=True)).read_upright(sunny).properties(10)

    assert properties.foreground is not None
    assert properties.background is not None
    assert [color.css_name for color in properties.foreground.colors] == ["red"]
    assert [color.css_name for color in properties.background.colors] == ["navy"]
    assert {color.css_name: color.pixel_pct for color in properties.colors} == pytest.approx({"navy": 75, "red": 25})


def test_without_the_file_boxes_decide(weights_folder: Path, tmp_path: Path, sunny: Upright) -> None:
    properties = LabelReader(sessions(weights_folder, tmp_path, built=False)).read_upright(sunny).properties(10)

    assert properties.foreground is None


@pytest.mark.parametrize("size", [(400, 200), (200, 400), (224, 224), (5000, 80)])
def test_the_map_has_the_shape_of_the_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "red")

    found = foreground.heat(ModelSessions(tmp_path, load=load).session(foreground.SUBJECTS), picture)

    assert max(found.shape) == foreground.SIDE_PX
    assert found.shape[1] / found.shape[0] == pytest.approx(size[0] / size[1], rel=0.15)
    assert np.all(found > 0.5)
