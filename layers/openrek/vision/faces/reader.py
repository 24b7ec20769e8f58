"""The face pipeline behind the ports Reader and Photo: decode, detect, look closer, align, measure; embed on demand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.attributes import FaceAttributes, Trait
from openrek.domain.faces import BoundingBox, DetectedFace, FaceVector, Landmark, float32
from openrek.domain.models import FaceModel
from openrek.vision.faces.align import aligned, shown
from openrek.vision.faces.attributes.reading import FaceReading
from openrek.vision.faces.confidence import confidence_pct
from openrek.vision.faces.detect import Detections
from openrek.vision.faces.embed import face_vector, raw_vector
from openrek.vision.faces.packs import FacePack
from openrek.vision.faces.pose import pose
from openrek.vision.faces.quality import quality
from openrek.vision.faces.rescue import detect_anywhere
from openrek.vision.faces.second_look import closer_face, is_close, quarters_to_upright
from openrek.vision.faces.turned import is_upside_down, turned_over
from openrek.vision.images.arrays import Crop, Floats
from openrek.vision.images.decode import Upright, decode
from openrek.vision.models.sessions import ModelSessions

MOST_FACES = 100
_LANDMARKS = {"eyeLeft": 0, "eyeRight": 1, "mouthLeft": 3, "mouthRight": 4, "nose": 2}
"""Rekognition's names in its order, each with its place among the detector's five points."""


class FaceReader:
    """The Reader port over the sessions of models; safe for many threads. Packs that name the same file share it."""

    def __init__(self, sessions: ModelSessions, packs: Sequence[FacePack]) -> None:
        """Make a reader for the face models of `packs`, each once."""
        self._sessions = sessions
        self._packs = {pack.model.version: pack for pack in packs}
        self._first = packs[0]

    @property
    def model(self) -> FaceModel:
        """The model of the first pack."""
        return self._first.model

    def read(self, image: bytes, model: FaceModel | None = None) -> "FacePhoto":
        """Find the faces of a photo, for `model` or that of the first pack.

        Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small); WeightsError; LookupError for a model
        that no pack has.
        """
        return self.read_upright(decode(image), model)

    def read_upright(self, upright: Upright, model: FaceModel | None = None) -> "FacePhoto":
        """Find the faces of a decoded photo, as `read` does. Raises WeightsError, LookupError."""
        pack = self._first if model is None else self._packs[model.version]
        detector = self.session(pack.detector)
        image, found = detect_anywhere(detector, upright.image)
        areas = found.boxes[:, 2] * found.boxes[:, 3]
        largest_first = np.lexsort((found.boxes[:, 0], found.boxes[:, 1], -areas))[:MOST_FACES]
        crops: dict[tuple[Landmark, ...], Crop] = {}
        faces = []
        for index in largest_first:
            points, box, crop = _placed(detector, image, found, index)
            as_sent = crop if image is upright.image else aligned(upright.image, points)
            face = _face(upright, box, float(found.scores[index]), points, as_sent)
            crops[face.landmarks] = crop
            faces.append(face)
        faces.sort(key=lambda face: -face.box.area)
        return FacePhoto(self, pack, tuple(faces), crops, image)

    def session(self, name: str) -> InferenceSession:
        """Return the session of the model `name`. Raises WeightsError."""
        return self._sessions.session(name)


class FacePhoto:
    """The Photo port: the faces of a photo, their crops to embed, and the picture in which they were seen."""

    def __init__(
        self,
        reader: FaceReader,
        pack: FacePack,
        faces: tuple[DetectedFace, ...],
        crops: dict[tuple[Landmark, ...], Crop],
        image: Image.Image,
    ) -> None:
        self._reader = reader
        self._pack = pack
        self._faces = faces
        self._crops = crops
        self._image = image
        self._readings: dict[tuple[Landmark, ...], FaceReading] = {}
        self._vectors: dict[tuple[Landmark, ...], FaceVector] = {}

    @property
    def faces(self) -> Sequence[DetectedFace]:
        return self._faces

    def embed(self, face: DetectedFace) -> FaceVector:
        key = face.landmarks
        if key not in self._vectors:
            self._vectors[key] = face_vector(self.raw(face), self._pack)
        return self._vectors[key]

    def raw(self, face: DetectedFace) -> NDArray[np.float64]:
        """Return the vector of a face as the network makes it, float64 [dimensions]."""
        return raw_vector(self._reader.session(self._pack.embedder), self._crops[face.landmarks], self._pack)

    def clearness(self, face: DetectedFace) -> float:
        return self.embed(face).length / self._pack.model.clear_length

    def attributes(self, face: DetectedFace, asked: frozenset[Trait]) -> FaceAttributes:
        key = face.landmarks
        if key not in self._readings:
            self._readings[key] = FaceReading(self._reader.session, self._image, face)
        return self._readings[key].attributes(asked)


def _placed(
    detector: InferenceSession, image: Image.Image, found: Detections, index: int
) -> tuple[Floats, Floats, Crop]:
    """Return the points [5, 2] of a detected face, its box [4] and its crop: of a second look where that helps, and
    the box where that shows the face another way up, because faces are boxed as if they were upright."""
    score, first = float(found.scores[index]), found.points[index]
    points, box = first, found.boxes[index]
    if not is_close(float(found.heights[index]), score):
        points, box = closer_face(detector, image, found.boxes[index], first)
    crop = aligned(image, points)
    if is_upside_down(detector, crop, score):
        points, box = closer_face(detector, image, found.boxes[index], turned_over(points))
        crop = aligned(image, points)
    if quarters_to_upright(points) == quarters_to_upright(first):
        box = found.boxes[index]
    return points, box, crop


def _face(upright: Upright, box: Floats, score: float, points: Floats, crop: Crop) -> DetectedFace:
    width, height = upright.image.size
    left, top, across, down = (float(side) for side in box)
    landmarks = tuple(
        Landmark(name, float32(float(points[at, 0]) / width), float32(float(points[at, 1]) / height))
        for name, at in _LANDMARKS.items()
    )
    return DetectedFace(
        box=BoundingBox(float32(left / width), float32(top / height), float32(across / width), float32(down / height)),
        confidence=confidence_pct(score),
        landmarks=landmarks,
        pose=pose(points),
        quality=quality(crop, shown(points, upright.image.size)),
        width_px=float32(across / width * upright.width_px),
        height_px=float32(down / height * upright.height_px),
    )
