"""The server's face pipeline, as an evaluation uses it: this module alone knows how a photo is read and embedded."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

from openrek.domain.faces import DetectedFace, Embedding
from openrek.domain.models import FaceModel
from openrek.domain.ports import Photo, Reader
from openrek.runtime.parts.face_packs import OFFER
from openrek.runtime.settings import Settings
from openrek.vision.models import zoo
from openrek.vision.models.sessions import ModelSessions

THREADS: Final = 1
"""Threads of one inference; many photos are read at once."""


class Pipeline:
    """A reader and its face model; safe for many threads."""

    def __init__(self, reader: Reader, model: FaceModel) -> None:
        """Take the reader, and the model that is measured."""
        self._reader = reader
        self._model = model

    @property
    def model(self) -> FaceModel:
        """The face model that is measured."""
        return self._model

    def read(self, image: bytes) -> Photo:
        """Find the faces of a photo. Raises Refusal for one that the server would refuse, and WeightsError."""
        return self._reader.read(image, self._model)

    def embed(self, photo: Photo, face: DetectedFace) -> Embedding:
        """Return the embedding of one of the photo's faces. Raises WeightsError."""
        return photo.embed(face).embedding


def open_pipeline(version: str | None = None, environ: Mapping[str, str] = os.environ) -> Pipeline:
    """Return the pipeline that the server would use with these settings, with the face model `version` or the newest.

    Raises WeightsError, SettingsError, or InvalidParameter for a version that is not offered.
    """
    weights = Settings.of(environ).weights
    zoo.check_present(weights, [zoo.FACES])
    models = OFFER.models
    return Pipeline(
        OFFER.reader(ModelSessions(weights, THREADS)), models.newest if version is None else models.of(version)
    )


def most_central(faces: Sequence[DetectedFace]) -> DetectedFace:
    """Return the face whose middle is nearest to that of the photo, in shares of its sides."""

    def off_middle(face: DetectedFace) -> float:
        across, down = face.box.left + face.box.width / 2 - 0.5, face.box.top + face.box.height / 2 - 0.5
        return across * across + down * down

    return min(faces, key=off_middle)
