"""What faces say of the persons who have them: grown up or a child, man or woman, beard, glasses, smile, mood.

Each says what a face looks like, not who somebody is. The labels that are of a person carry the person's box.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from openrek.domain.attributes import AgeRange, Emotion, FaceAttributes, Judgement, Trait
from openrek.domain.faces import BoundingBox, DetectedFace, float32
from openrek.domain.labels import Instance, Label, Vocabulary
from openrek.domain.ports import Photo
from openrek.operations.translation.face_labels import LEAST_FACE_PCT, PERSON, body_of, within

TRAITS: Final = frozenset(
    {Trait.AGE_RANGE, Trait.GENDER, Trait.SMILE, Trait.EYEGLASSES, Trait.SUNGLASSES, Trait.BEARD, Trait.MUSTACHE}
    | {Trait.EMOTIONS}
)
OF_PERSONS: Final = ("Adult", "Boy", "Child", "Female", "Girl", "Male", "Man", "Senior Citizen", "Teen", "Woman")
_SHOWN: Final = {
    "Beard": "beard",
    "Glasses": "eyeglasses",
    "Mustache": "mustache",
    "Smile": "smile",
    "Sunglasses": "sunglasses",
}
"""Label -> the field of FaceAttributes that says it."""
_MOODS: Final = {"ANGRY": "Angry", "SAD": "Sad", "SURPRISED": "Surprised"}
NAMES: Final = (*OF_PERSONS, *_SHOWN, *_MOODS.values(), "Happy")
MOST_FACES: Final = 10
"""The largest; the others' persons stay without."""
LEAST_FACE_PX: Final = 40
"""Of a face's height: smaller ones look like anybody."""
LEAST_MOOD_PCT: Final = 70.0
_AGES: Final = (("Child", 0.0, 13.0), ("Teen", 13.0, 19.0), ("Adult", 19.0, 200.0), ("Senior Citizen", 68.0, 200.0))
"""Label, and the years from and below which it holds, as faces show them: who is 18 looks 19. Babies look up to eight
years old, so none is told."""
_FIRST_SPREAD, _SPREAD_A_YEAR = 0.9, 0.105
"""Scale of the logistic curve of the years that a face shows, in years, at birth and for each year: on FairFace those
who look 23 are grown up in three of four cases, those who look 27 in nine of ten."""
_SURE_OF_CHILDREN: Final = 0.5
"""Whether a child is a boy or a girl is told rightly in 64 of 100 cases where 78 were said."""


def of_persons(photo: Photo, labels: Sequence[Label], vocabulary: Vocabulary) -> list[Label]:
    """Return the labels that the largest faces of a photo add; `labels` are those that it has, with the boxes of
    persons. Runs networks for each face."""
    persons = next((label.instances for label in labels if label.name == PERSON and label.instances), ())
    instances: dict[str, list[Instance]] = {}
    plain: dict[str, float] = {}
    for face in _told(photo.faces):
        shown, box = photo.attributes(face, TRAITS), _person_of(face, persons)
        for name, chance in _looks(shown):
            confidence = float32(face.confidence * chance)
            instances.setdefault(name, []).append(Instance(box, confidence))
        for name, chance in _signs(shown):
            plain[name] = max(plain.get(name, 0.0), float32(face.confidence * chance))
    with_boxes = (
        Label(vocabulary[name], max(each.confidence for each in boxes), tuple(boxes))
        for name, boxes in instances.items()
    )
    return [*with_boxes, *(Label(vocabulary[name], confidence) for name, confidence in plain.items())]


def _told(faces: Iterable[DetectedFace]) -> list[DetectedFace]:
    large = (face for face in faces if face.confidence >= LEAST_FACE_PCT and face.height_px >= LEAST_FACE_PX)
    return sorted(large, key=lambda face: -face.box.area)[:MOST_FACES]


def _person_of(face: DetectedFace, persons: Sequence[Instance]) -> BoundingBox:
    """Return the box of the person who has the face: that around it which is most like one estimated from it."""
    body = body_of(face.box)
    around = [person.box for person in persons if within(face.box, person.box)]
    return max(around, key=body.iou, default=body)


def _looks(shown: FaceAttributes) -> Iterator[tuple[str, float]]:
    """Yield the labels of a person that are likelier than not, with their chances, 0..1."""
    ages = _ages(shown.age_range) if shown.age_range else {}
    gender = shown.gender
    for name, chance in ages.items():
        if chance >= 0.5:
            yield name, chance
    if gender is None:
        return
    grown, sure = ages.get("Adult", 0.0), gender.confidence / 100
    if ages.get("Child", 0.0) >= 0.5:
        sure = 0.5 + _SURE_OF_CHILDREN * (sure - 0.5)
    man, boy = ("Man", "Boy") if gender.value == "Male" else ("Woman", "Girl")
    yield gender.value, sure
    yield (man, sure * grown) if grown >= 0.5 else (boy, sure * (1 - grown))


def _ages(told: AgeRange) -> dict[str, float]:
    """Return how likely a face is of each age group, 0..1, by the middle of its range."""
    years = (told.low + told.high) / 2
    spread = _FIRST_SPREAD + _SPREAD_A_YEAR * years

    def below(limit: float) -> float:
        return 1 / (1 + math.exp((years - limit) / spread))

    return {name: below(high) - (below(low) if low else 0.0) for name, low, high in _AGES}


def _signs(shown: FaceAttributes) -> Iterator[tuple[str, float]]:
    """Yield the labels of what a face shows or wears, with their chances, 0..1."""
    for name, field in _SHOWN.items():
        judged: Judgement | None = getattr(shown, field)
        if judged is not None and judged.value:
            yield name, judged.confidence / 100
    if shown.emotions:
        yield from _mood(shown.emotions[0])


def _mood(surest: Emotion) -> Iterator[tuple[str, float]]:
    if surest.kind in _MOODS and surest.confidence >= LEAST_MOOD_PCT:
        yield _MOODS[surest.kind], surest.confidence / 100
