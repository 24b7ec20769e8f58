"""Embedding: an aligned crop becomes the vector of a face pack's network, and that an embedding."""

from array import array

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from openrek.domain.faces import Embedding, FaceVector
from openrek.vision.faces.packs import FacePack, projected
from openrek.vision.images.arrays import Crop

SHORTEST: float = 1e-12
"""A vector that is shorter is divided by this: its embedding has next to no length."""


def raw_vector(session: InferenceSession, crop: Crop, pack: FacePack) -> NDArray[np.float64]:
    """Return the vector, float64 [dimensions], of a crop, uint8 [112, 112, 3] RGB, as long as the network makes it: the
    less a crop shows, the shorter."""
    tensor = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
    if (pack.mean, pack.deviation) != (0.0, 1.0):
        tensor = (tensor - np.float32(pack.mean)) / np.float32(pack.deviation)
    (vectors,) = session.run([pack.output_name], {pack.input_name: tensor})
    vector: NDArray[np.float64] = vectors[0].astype(np.float64)
    return vector


def face_vector(raw: NDArray[np.float64], pack: FacePack) -> FaceVector:
    """Return what the pack makes of a raw vector [dimensions]; length and cosine are those of the raw one."""
    length = float(np.linalg.norm(raw))
    child = pack.child_direction
    return FaceVector(
        embedding=unit(raw if pack.project_out is None else projected(raw, pack.project_out)),
        length=length,
        child_cosine=None if child is None else max(-1.0, min(1.0, float(raw @ child) / max(length, SHORTEST))),
    )


def unit(vector: NDArray[np.float64]) -> Embedding:
    """Return the vector as an embedding, float32 of unit length."""
    one = vector / max(float(np.linalg.norm(vector)), SHORTEST)
    return array("f", one.astype(np.float32).tobytes())
