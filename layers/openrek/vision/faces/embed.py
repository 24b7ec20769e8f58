"""Embedding with SFace: an aligned crop becomes a unit vector.

Source: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss" (2021); the graph normalises its input itself.
"""

from array import array

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from openrek.domain.faces import Embedding
from openrek.vision.images.arrays import Crop


def embed(session: InferenceSession, crop: Crop) -> Embedding:
    """Return the embedding, float32 [128] of unit length, of a crop, uint8 [112, 112, 3] RGB."""
    return unit(raw_vector(session, crop))


def raw_vector(session: InferenceSession, crop: Crop) -> NDArray[np.float64]:
    """Return the vector, float64 [128], of a crop, uint8 [112, 112, 3] RGB, as long as the network makes it: the less a
    crop shows, the shorter."""
    tensor = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
    (vectors,) = session.run(["fc1"], {"data": tensor})
    vector: NDArray[np.float64] = vectors[0].astype(np.float64)
    return vector


def unit(vector: NDArray[np.float64]) -> Embedding:
    """Return the vector as an embedding, float32 of unit length."""
    one = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return array("f", one.astype(np.float32).tobytes())
