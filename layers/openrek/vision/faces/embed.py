"""SFace: an aligned crop -> a unit vector.

Source: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss" (2021); the graph normalises its input itself.
"""

from array import array

import numpy
from onnxruntime import InferenceSession

from openrek.domain.faces import Embedding
from openrek.vision.images.arrays import Crop


def embed(session: InferenceSession, crop: Crop) -> Embedding:
    """uint8 [112, 112, 3] RGB -> float32 [128], unit length."""
    tensor = numpy.ascontiguousarray(crop.transpose(2, 0, 1)[None], numpy.float32)
    (vectors,) = session.run(["fc1"], {"data": tensor})
    vector = vectors[0].astype(numpy.float64)
    unit = vector / max(float(numpy.linalg.norm(vector)), 1e-12)
    return array("f", unit.astype(numpy.float32).tobytes())
