"""A second face pack beside the real one: a small graph of 512 numbers, which sees the colours of a crop and no person.

The graph is written byte by byte, as onnx.proto3 describes it, since the package onnx is there in builds only.
"""

from pathlib import Path

from openrek.domain.models import SFACE, FaceModel, FaceModels
from openrek.runtime.parts.face_packs import FaceOffer
from openrek.vision.faces import sface
from openrek.vision.faces.packs import FacePack
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models import zoo
from openrek.vision.models.sessions import ModelSessions

WIDE = FaceModel(version="9.5", name="colours", dimensions=512, slope=20.0, midpoint=0.5, clear_length=10.0)
PACK = FacePack(
    WIDE, detector="yunet", embedder="colours", input_name="crop", output_name="numbers", mean=127.5, deviation=128.0
)


def offer(*models: FaceModel) -> FaceOffer:
    """Return an offer of these models, WIDE or those of SFace, over one reader of both packs."""
    return FaceOffer(FaceModels(models or (WIDE, SFACE)), reader, lambda _, __: None)


def reader(sessions: ModelSessions) -> FaceReader:
    return FaceReader(ModelSessions(sessions.weights_folder, load=_load), [*sface.packs(), PACK])


def _load(folder: Path, name: str) -> bytes:
    return graph() if name == PACK.embedder else zoo.load(folder, name)


def graph() -> bytes:
    """Return a model: means of squares of 7 x 7 pixels, of which there are 768, and the first 512 of those."""
    pooled = _node("AveragePool", "crop", "pooled", {"kernel_shape": [7, 7], "strides": [7, 7]})
    flat = _node("Flatten", "pooled", "flat", {})
    first = _node("Slice", "flat", "numbers", {"axes": [1], "starts": [0], "ends": [512]})
    nodes = b"".join(_field(1, node) for node in (pooled, flat, first))
    ports = _field(11, _port("crop", [1, 3, 112, 112])) + _field(12, _port("numbers", [1, 512]))
    version_9 = _number(2, 9)
    return _number(1, 8) + _field(8, version_9) + _field(7, nodes + _field(2, b"colours") + ports)


def _node(operator: str, input_name: str, output_name: str, attributes: dict[str, list[int]]) -> bytes:
    lists = (
        _field(5, _field(1, name.encode()) + b"".join(_number(8, each) for each in values) + _number(20, 7))
        for name, values in attributes.items()
    )
    names = _field(1, input_name.encode()) + _field(2, output_name.encode())
    return names + _field(4, operator.encode()) + b"".join(lists)


def _port(name: str, shape: list[int]) -> bytes:
    sides = b"".join(_field(1, _number(1, side)) for side in shape)
    float32 = _number(1, 1) + _field(2, sides)
    return _field(1, name.encode()) + _field(2, _field(1, float32))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
