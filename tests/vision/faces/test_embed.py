"""SFace: the rewritten graph gives the vectors of the published one."""

import io
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from openrek.vision.faces import sface
from openrek.vision.faces.embed import raw_vector, unit
from openrek.vision.faces.reader import FaceReader
from tests.support.originals import originals

PACK = sface.NETWORKS
GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text("utf-8"))


def pattern() -> np.ndarray:
    y, x, channel = np.mgrid[0:112, 0:112, 0:3]
    return ((x * y + 37 * channel) % 256).astype(np.uint8)


def astronaut(photos: dict[str, bytes]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(photos["astronaut.png"])).convert("RGB"))[60:172, 170:282]


@pytest.mark.parametrize("name", ["pattern", "astronaut"])
def test_golden_vectors(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    crop = pattern() if name == "pattern" else astronaut(photos)

    vector = unit(raw_vector(reader.session("sface"), crop, PACK))

    assert vector.typecode == "f"
    assert np.linalg.norm(np.array(vector)) == pytest.approx(1, abs=1e-6)
    assert np.array(vector) == pytest.approx(np.array(GOLDEN["sface"][name]), abs=5e-6)


def test_swapped_channels_give_another_vector(reader: FaceReader, photos: dict[str, bytes]) -> None:
    vector = unit(raw_vector(reader.session("sface"), astronaut(photos)[:, :, ::-1], PACK))

    assert float(np.array(vector) @ np.array(GOLDEN["sface"]["astronaut"])) < 0.98


def test_rewritten_graph_equals_the_published_one(reader: FaceReader, photos: dict[str, bytes]) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    published = onnxruntime.InferenceSession(
        str(originals() / "sface-2021dec.onnx"), options, providers=["CPUExecutionProvider"]
    )
    random = np.random.default_rng(7)
    crops = [pattern(), astronaut(photos), random.integers(0, 256, (112, 112, 3)), np.zeros((112, 112, 3))]

    tensors = np.stack([np.asarray(crop, np.float32).transpose(2, 0, 1) for crop in crops])
    (built,) = reader.session("sface").run(None, {"data": tensors})

    for tensor, vector in zip(tensors, built, strict=True):
        (expected,) = published.run(None, {"data": tensor[None]})
        assert np.abs(vector - expected[0]).max() <= 1e-5 * np.abs(expected).max()
