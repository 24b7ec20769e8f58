"""Detection with YuNet: upright pixels become boxes, scores and five points. Decoding equals OpenCV's FaceDetectorYN.

A picture is searched twice: finely, at a longest side of 1280 px (enlarged up to four times to get there, because faces
of 20 px are often missed and faces of 80 px hardly ever; from 1025 px on enlarging finds next to nothing more), and
coarsely, at a quarter of that and a sixteenth of the cost, because YuNet misses faces that are higher than some 500 px,
such as a portrait that fills the picture.

Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector" (2023), and opencv_zoo's reference code.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.images.arrays import Floats
from openrek.vision.images.resample import COARSER, coarse_size, enlarged_tensor, reduced_tensor, reduced_tensors

LONGEST_SIDE_PX = 1280
LEAST_ENLARGEMENT = 1.25
LARGEST_ENLARGEMENT = 4
LEAST_SCORE = 0.7
LARGEST_OVERLAP = 0.3
FINE_UP_TO_PX = 480
COARSE_FROM_PX = 320
LEAST_WITHIN = 0.8
_STRIDES = (8, 16, 32)
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES for kind in ("cls", "obj", "bbox", "kps")]
_SCORES = [name for name in _OUTPUTS if name.startswith(("cls", "obj"))]


@dataclass(frozen=True, slots=True)
class Detections:
    """The n faces that were detected, best score first, in pixels of the picture that was searched.

    `boxes` [n, 4] left, top, width, height; `scores` [n] 0..1;
    `points` [n, 5, 2] x, y of the viewer's left eye, right eye, nose tip, left mouth corner, right mouth corner;
    `heights` [n]: how high, in pixels, the face was in the search that found it.
    """

    boxes: Floats
    scores: Floats
    points: Floats
    heights: Floats


def detect(session: InferenceSession, image: Image.Image) -> Detections:
    """Detect the faces of an upright RGB picture."""
    size = searched_size(image.size)
    fine, coarse, step = tensors(image)
    found = _merged(search(session, fine), search(session, coarse), step)
    zoom = np.array([image.width / size[0], image.height / size[1]], np.float32)
    return Detections(found.boxes * np.tile(zoom, 2), found.scores, found.points * zoom, found.heights)


def searched_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height at which a picture of `size` is searched finely."""
    zoom = min(LONGEST_SIDE_PX / max(size), LARGEST_ENLARGEMENT)
    if 1 < zoom < LEAST_ENLARGEMENT:
        return size
    return max(1, round(size[0] * zoom)), max(1, round(size[1] * zoom))


def tensors(image: Image.Image) -> tuple[Floats, Floats, Floats]:
    """Return the fine tensor, the coarse one, some COARSER times smaller, and the width and height of a coarse pixel in
    fine ones, [2].

    Coarse pixels are means of all fine ones below: fewer samples would lose the faces of dithered pictures.
    """
    size = searched_size(image.size)
    if size[0] <= image.width:
        return *reduced_tensors(image, size), np.full(2, COARSER, np.float32)
    small = coarse_size(size)
    coarse = reduced_tensor(image.resize(small, Image.Resampling.BOX), small)
    return enlarged_tensor(image, size), coarse, np.divide(size, small, dtype=np.float32)


def search(session: InferenceSession, tensor: Floats) -> Detections:
    """Detect the faces of a tensor (see resample), in its pixels."""
    outputs = dict(zip(_OUTPUTS, session.run(_OUTPUTS, {"input": tensor}), strict=True))
    grids = [_decoded(outputs, stride, tensor.shape[3] // stride) for stride in _STRIDES]
    boxes, scores, points = (np.concatenate(parts) for parts in zip(*grids, strict=True))
    kept = _without_overlaps(boxes, scores)
    return Detections(boxes[kept], scores[kept], points[kept], boxes[kept, 3])


def best_score(session: InferenceSession, tensor: Floats) -> float:
    """Return the highest score, 0..1, that any place of a tensor has, however low."""
    outputs = dict(zip(_SCORES, session.run(_SCORES, {"input": tensor}), strict=True))
    return max(float(np.sqrt((outputs[f"cls_{stride}"] * outputs[f"obj_{stride}"]).max())) for stride in _STRIDES)


def _merged(fine: Detections, coarse: Detections, step: Floats) -> Detections:
    """Merge the faces of both searches, each for the heights that it is good at, in pixels of the fine one."""
    coarse_boxes = coarse.boxes * np.tile(step, 2)
    small = fine.boxes[:, 3] <= FINE_UP_TO_PX
    large = coarse_boxes[:, 3] >= COARSE_FROM_PX
    boxes = np.concatenate([fine.boxes[small], coarse_boxes[large]])
    scores = np.concatenate([fine.scores[small], coarse.scores[large]])
    points = np.concatenate([fine.points[small], coarse.points[large] * step])
    heights = np.concatenate([fine.heights[small], coarse.heights[large]])
    kept = _without_overlaps(boxes, scores)
    kept = kept[~_is_piece(boxes[kept])]
    return Detections(boxes[kept], scores[kept], points[kept], heights[kept])


def _is_piece(boxes: Floats) -> NDArray[np.bool_]:
    """Mark the boxes that lie within one too large for the fine search, which may see faces in parts of a face."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    sides = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    shared = np.prod(np.maximum(sides, 0), axis=2)
    within: NDArray[np.bool_] = (shared > LEAST_WITHIN * np.prod(boxes[:, 2:], axis=1)[:, None]) & (
        boxes[:, 3] > FINE_UP_TO_PX
    )
    np.fill_diagonal(within, False)
    return np.asarray(within.any(axis=1))


def _decoded(outputs: dict[str, Floats], stride: int, columns: int) -> tuple[Floats, Floats, Floats]:
    """Decode the cells of one grid that reach LEAST_SCORE: boxes [n, 4], scores [n] and points [n, 5, 2]."""
    scores = np.sqrt(outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0])
    cells = np.flatnonzero(scores >= np.float32(LEAST_SCORE))
    corner = np.stack([cells % columns, cells // columns], axis=1).astype(np.float32)
    raw = outputs[f"bbox_{stride}"][0, cells]
    size = np.exp(raw[:, 2:]) * stride
    middle = (corner + raw[:, :2]) * stride
    points = (corner[:, None] + outputs[f"kps_{stride}"][0, cells].reshape(-1, 5, 2)) * stride
    return np.concatenate([middle - size / 2, size], axis=1), scores[cells], points


def _without_overlaps(boxes: Floats, scores: Floats) -> NDArray[np.intp]:
    """Suppress overlapping boxes (greedy non-maximum suppression): return the kept indices, best score first."""
    order = np.argsort(-scores, kind="stable")
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    area = boxes[:, 2] * boxes[:, 3]
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        sides = np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        order = rest[shared <= LARGEST_OVERLAP * (area[best] + area[rest] - shared)]
    return np.array(kept, np.intp)
