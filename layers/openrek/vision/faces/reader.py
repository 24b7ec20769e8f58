"""The face pipeline behind the ports Reader and Photo: decode, detect, look closer, align, measure; embed on demand."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.faces import BoundingBox, DetectedFace, Embedding, Landmark, float32
from openrek.domain.models import SFACE, FaceModel
from openrek.vision.faces.align import aligned, shown
from openrek.vision.faces.detect import Detections
from openrek.vision.faces.embed import raw_vector, unit
from openrek.vision.faces.pose import pose
from openrek.vision.faces.quality import quality
from openrek.vision.faces.rescue import detect_anywhere
from openrek.vision.faces.second_look import closer_points, is_close
from openrek.vision.faces.turned import is_upside_down, turned_over
from openrek.vision.images.arrays import Crop, Floats
from openrek.vision.images.decode import Upright, decode
from openrek.vision.models import zoo
from openrek.vision.models.sessions import open_session

MOST_FACES = 100
_LANDMARKS = {"eyeLeft": 0, "eyeRight": 1, "mouthLeft": 3, "mouthRight": 4, "nose": 2}
"""Rekognition's names in its order, each with its place among the detector's five points."""


class FaceReader:
    """The Reader port over the model files in `weights_folder`; safe for many threads. Sessions open on first use."""

    def __init__(self, weights_folder: Path, threads: int = 1) -> None:
        """Make a reader without open sessions; `threads` work on one inference."""
        self._weights_folder = weights_folder
        self._threads = threads
        self._lock = Lock()
        self._sessions: dict[str, InferenceSession] = {}

    @property
    def model(self) -> FaceModel:
        return SFACE

    def read(self, image: bytes) -> "FacePhoto":
        """Find the faces of a photo.

        Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small); WeightsError.
        """
        return self.read_upright(decode(image))

    def read_upright(self, upright: Upright) -> "FacePhoto":
        """Find the faces of a decoded photo. Raises WeightsError."""
        image, found = detect_anywhere(self.session("yunet"), upright.image)
        areas = found.boxes[:, 2] * found.boxes[:, 3]
        largest_first = np.lexsort((found.boxes[:, 0], found.boxes[:, 1], -areas))[:MOST_FACES]
        crops: dict[tuple[Landmark, ...], Crop] = {}
        faces = []
        for index in largest_first:
            points, crop = self._placed(image, found, index)
            as_sent = crop if image is upright.image else aligned(upright.image, points)
            face = _face(upright, found.boxes[index], float(found.scores[index]), points, as_sent)
            crops[face.landmarks] = crop
            faces.append(face)
        return FacePhoto(self, tuple(faces), crops)

    def _placed(self, image: Image.Image, found: Detections, index: int) -> tuple[Floats, Crop]:
        """Return the points [5, 2] of a detected face, from a second look where that helps, and its crop."""
        yunet, box, score = self.session("yunet"), found.boxes[index], float(found.scores[index])
        points = found.points[index]
        if not is_close(float(found.heights[index]), score):
            points = closer_points(yunet, image, box, points)
        crop = aligned(image, points)
        if is_upside_down(yunet, crop, score):
            points = closer_points(yunet, image, box, turned_over(points))
            crop = aligned(image, points)
        return points, crop

    def session(self, name: str) -> InferenceSession:
        """Return this reader's only session for the model `name`, opened on first use. Raises WeightsError."""
        with self._lock:
            if name not in self._sessions:
                self._sessions[name] = open_session(zoo.load(self._weights_folder, name), self._threads)
            return self._sessions[name]


class FacePhoto:
    """The Photo port: the faces of a photo, and their crops to embed; the full pixels are not kept."""

    def __init__(
        self,
        reader: FaceReader,
        faces: tuple[DetectedFace, ...],
        crops: dict[tuple[Landmark, ...], Crop],
    ) -> None:
        self._reader = reader
        self._faces = faces
        self._crops = crops
        self._vectors: dict[tuple[Landmark, ...], NDArray[np.float64]] = {}

    @property
    def faces(self) -> Sequence[DetectedFace]:
        return self._faces

    def embed(self, face: DetectedFace) -> Embedding:
        return unit(self._vector(face))

    def clearness(self, face: DetectedFace) -> float:
        return float(np.linalg.norm(self._vector(face))) / self._reader.model.clear_length

    def _vector(self, face: DetectedFace) -> NDArray[np.float64]:
        """Return the raw vector of a face, computed when it is first needed."""
        key = face.landmarks
        if key not in self._vectors:
            self._vectors[key] = raw_vector(self._reader.session("sface"), self._crops[key])
        return self._vectors[key]


def _face(upright: Upright, box: Floats, score: float, points: Floats, crop: Crop) -> DetectedFace:
    width, height = upright.image.size
    left, top, across, down = (float(side) for side in box)
    landmarks = tuple(
        Landmark(name, float32(float(points[at, 0]) / width), float32(float(points[at, 1]) / height))
        for name, at in _LANDMARKS.items()
    )
    return DetectedFace(
        box=BoundingBox(float32(left / width), float32(top / height), float32(across / width), float32(down / height)),
        confidence=float32(100 * min(score, 1.0)),
        landmarks=landmarks,
        pose=pose(points),
        quality=quality(crop, shown(points, upright.image.size)),
        width_px=float32(across / width * upright.width_px),
        height_px=float32(down / height * upright.height_px),
    )
