"""Embedding with SFace: an aligned crop becomes a unit vector.

Source: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss" (2021); the graph normalises its input itself.
"""

from array import array

import numpy as np
from onnxruntime import InferenceSession

from openrek.domain.faces import Embedding
from openrek.vision.images.arrays import Crop


def embed(session: InferenceSession, crop: Crop) -> Embedding:
    """Return the embedding, float32 [128] of unit length, of a crop, uint8 [112, 112, 3] RGB."""
    tensor = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
    (vectors,) = session.run(["fc1"], {"data": tensor})
    vector = vectors[0].astype(np.float64)
    unit = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return array("f", unit.astype(np.float32).tobytes())
