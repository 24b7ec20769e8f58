"""A second look at one face, enlarged or reduced to the size at which YuNet's points are good.

YuNet places the points of a face that is some 200 to 400 px high within 2 % of its height, however it leans. Those of a
face of 80 px hardly lean with it (15 degrees off for a lean of 20), and the vector of a crop that leans is another
one: for leans of 10 to 30 degrees the cosine with the upright photo rises from .75 to .94 by looking again, and from
.50 to .85 for faces of 30 px. The box and the score stay those of the search.
"""

import numpy
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.arrays import Floats
from openrek.vision.detect import search
from openrek.vision.resample import enlarged_tensor, reduced_tensor

CLOSE_FROM_PX = 180
CLOSE_UP_TO_PX = 400
LOOK_PX = 352
FACE_PX = 224
LEAST_SHARED = 0.4


def is_close(height_px: float) -> bool:
    """Whether a face of this height in the search needs no second look."""
    return CLOSE_FROM_PX <= height_px <= CLOSE_UP_TO_PX


def closer_points(session: InferenceSession, image: Image.Image, box: Floats, points: Floats) -> Floats:
    """The five points [5, 2] of the face in `box` (left, top, width, height in pixels of `image`) as the second look
    sees them; the given ones when it does not see that face."""
    side = max(2, round(float(max(box[2:])) * LOOK_PX / FACE_PX))
    if side > 1.25 * max(image.size):
        return points
    by = max(1, side // LOOK_PX)
    side -= side % by
    left, top = (
        by * round(float(start + length / 2 - side / 2) / by) for start, length in zip(box[:2], box[2:], strict=True)
    )
    inside = max(left, 0), max(top, 0), min(left + side, image.width), min(top + side, image.height)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return points
    across, down = min(left, 0) // by, min(top, 0) // by
    look = image.reduce(by, inside).crop((across, down, across + side // by, down + side // by))
    to_size = reduced_tensor if look.width >= LOOK_PX else enlarged_tensor
    found = search(session, to_size(look, (LOOK_PX, LOOK_PX)))
    scale = side / LOOK_PX
    boxes = found.boxes * scale + numpy.array([left, top, 0, 0], numpy.float32)
    shared = _shared(box, boxes)
    if not shared.size or shared.max() < LEAST_SHARED:
        return points
    seen: Floats = found.points[shared.argmax()] * scale + numpy.array([left, top], numpy.float32)
    return seen.astype(numpy.float32)


def _shared(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box [4] with others [n, 4] -> [n]."""
    low = numpy.maximum(box[:2], boxes[:, :2])
    high = numpy.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    both = numpy.prod(numpy.maximum(high - low, 0), axis=1)
    either = numpy.prod(box[2:]) + numpy.prod(boxes[:, 2:], axis=1) - both
    return numpy.asarray(both / either, numpy.float32)
