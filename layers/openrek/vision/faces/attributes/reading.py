"""One face of a photo, read for its attributes: each network runs once, and only if what is asked needs it."""

from collections.abc import Callable

from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain import attributes as values
from openrek.domain.attributes import FaceAttributes, Trait
from openrek.domain.faces import DetectedFace

_KINDS = ("CALM", "HAPPY", "SURPRISED", "FEAR", "SAD", "ANGRY", "CONFUSED", "DISGUSTED")
_NO = values.Judgement(False, 50.0)


class FaceReading:
    """What the networks say of one face, kept while the photo lives."""

    def __init__(self, session: Callable[[str], InferenceSession], image: Image.Image, face: DetectedFace) -> None:
        """Run nothing yet; `session` opens a model by its name."""
        self._session = session
        self._image = image
        self._face = face

    def attributes(self, asked: frozenset[Trait]) -> FaceAttributes:
        """Return what is asked. Raises WeightsError. (So far nothing is read: the least sure values.)"""

        def judged(trait: Trait) -> values.Judgement | None:
            return _NO if trait in asked else None

        return FaceAttributes(
            age_range=values.AgeRange(20, 40) if Trait.AGE_RANGE in asked else None,
            smile=judged(Trait.SMILE),
            eyeglasses=judged(Trait.EYEGLASSES),
            sunglasses=judged(Trait.SUNGLASSES),
            gender=values.Gender("Female", 50.0) if Trait.GENDER in asked else None,
            beard=judged(Trait.BEARD),
            mustache=judged(Trait.MUSTACHE),
            eyes_open=judged(Trait.EYES_OPEN),
            mouth_open=judged(Trait.MOUTH_OPEN),
            emotions=tuple(values.Emotion(kind, 12.5) for kind in _KINDS) if Trait.EMOTIONS in asked else None,
            face_occluded=judged(Trait.FACE_OCCLUDED),
            eye_direction=values.EyeDirection(0.0, 0.0, 0.0) if Trait.EYE_DIRECTION in asked else None,
            landmarks=self._face.landmarks if Trait.LANDMARKS in asked else None,
            pose=self._face.pose if Trait.LANDMARKS in asked else None,
        )
