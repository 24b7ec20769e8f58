"""One face of a photo, read for what is asked: each network runs at most once, and only if something asked needs it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.attributes import FaceAttributes, Gender, Judgement, Trait
from openrek.domain.faces import DetectedFace, float32
from openrek.vision.faces.attributes.ages import age_range
from openrek.vision.faces.attributes.expressions import emotions, eye_direction
from openrek.vision.faces.attributes.heads import Heads, heads
from openrek.vision.faces.attributes.signals import Signals
from openrek.vision.faces.attributes.whole_face import landmarks, pose

UNSEEN_EYES: Final = Judgement(value=True, confidence=50.0)
"""Behind sunglasses: nobody can tell, and most eyes are open."""


class FaceReading:
    """What can be read of one face; what the networks said stays as long as this lives."""

    def __init__(self, session: Callable[[str], InferenceSession], image: Image.Image, face: DetectedFace) -> None:
        """Run nothing yet; `session` opens a model by its name. `image` is the RGB picture that shows the face."""
        self._signals = Signals(session, image, face)

    def attributes(self, asked: frozenset[Trait]) -> FaceAttributes:
        """Return what is asked. Raises WeightsError."""
        found: dict[str, Any] = {}
        for trait in asked:
            found |= {field: read(heads(), self._signals) for field, read in _READ[trait].items()}
        return FaceAttributes(**found)


def _head(name: str) -> Callable[[Heads, Signals], Judgement]:
    return lambda learnt, signals: _judged(learnt.chance(name, signals))


def _judged(chance: float) -> Judgement:
    """Return the likelier answer to a question that is true with this chance, 0..1."""
    return Judgement(chance >= 0.5, float32(100 * max(chance, 1 - chance)))


def _eyes_open(learnt: Heads, signals: Signals) -> Judgement:
    if learnt.chance("sunglasses", signals) >= 0.5:
        return UNSEEN_EYES
    return _judged(learnt.chance("eyes_open", signals))


def _occluded(learnt: Heads, signals: Signals) -> Judgement:
    """Something before mouth or nose, or sunglasses, which Rekognition counts too."""
    free = (1 - learnt.chance("occluded", signals)) * (1 - learnt.chance("sunglasses", signals))
    return _judged(1 - free)


def _gender(learnt: Heads, signals: Signals) -> Gender:
    male = _judged(learnt.chance("male", signals))
    return Gender("Male" if male.value else "Female", male.confidence)


_READ: Final[Mapping[Trait, Mapping[str, Callable[[Heads, Signals], object]]]] = {
    Trait.AGE_RANGE: {"age_range": lambda learnt, signals: age_range(learnt.value("age", signals))},
    Trait.BEARD: {"beard": _head("beard")},
    Trait.EMOTIONS: {"emotions": emotions},
    Trait.EYE_DIRECTION: {"eye_direction": lambda _, signals: eye_direction(signals)},
    Trait.EYEGLASSES: {"eyeglasses": _head("eyeglasses")},
    Trait.EYES_OPEN: {"eyes_open": _eyes_open},
    Trait.FACE_OCCLUDED: {"face_occluded": _occluded},
    Trait.GENDER: {"gender": _gender},
    Trait.MOUTH_OPEN: {"mouth_open": _head("mouth_open")},
    Trait.MUSTACHE: {"mustache": _head("mustache")},
    Trait.SMILE: {"smile": _head("smile")},
    Trait.SUNGLASSES: {"sunglasses": _head("sunglasses")},
    Trait.LANDMARKS: {
        "landmarks": lambda _, signals: landmarks(signals),
        "pose": lambda _, signals: pose(signals),
    },
}
"""The fields of FaceAttributes that a trait fills, and how each is read."""
