"""A second face pack beside the real one: a small graph of 512 numbers, which sees colours and no person."""

from pathlib import Path

from openrek.domain.models import SFACE, FaceModel, FaceModels
from openrek.runtime.parts.face_packs import FaceOffer
from openrek.vision.faces import sface
from openrek.vision.faces.packs import FacePack
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models import zoo
from openrek.vision.models.sessions import ModelSessions
from tests.support.onnx_bytes import field, model, node, port

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
    pooled = node("AveragePool", "crop", "pooled", {"kernel_shape": [7, 7], "strides": [7, 7]})
    flat = node("Flatten", "pooled", "flat", {})
    first = node("Slice", "flat", "numbers", {"axes": [1], "starts": [0], "ends": [512]})
    nodes = b"".join(field(1, each) for each in (pooled, flat, first))
    return model(nodes, "colours", port("crop", [1, 3, 112, 112]), port("numbers", [1, 512]))
