"""What faces add to the labels of a picture: faces, persons that only show their face, groups, portraits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from openrek.domain.faces import BoundingBox, DetectedFace, float32
from openrek.domain.labels import Instance, Label, Vocabulary

PERSON: Final = "Person"
LEAST_FACE_PCT: Final = 91.5
"""A face below this adds nothing: it may be none."""
PEOPLE: Final = 5
CROWD: Final = 10
GROUP: Final = 3
_PORTRAIT_FROM: Final = 0.04
"""Share of the picture from which on a single face makes it a portrait."""
_PORTRAIT_TRUST, _GROUP_TRUST = 0.95, 0.9
_BODY: Final = (1.0, 0.5, 3.0, 5.0)
"""Of a face's width and height: how far a person reaches to the left of it and above it; its width and height."""


def with_faces(labels: Sequence[Label], faces: Sequence[DetectedFace], vocabulary: Vocabulary) -> list[Label]:
    """Return the labels with those that faces add.

    A face without a person around it is a person: its box is estimated from the face.
    """
    sure = [face for face in faces if face.confidence >= LEAST_FACE_PCT]
    seen = next((label.instances for label in labels if label.name == PERSON and label.instances), ())
    alone = [face for face in sure if not any(within(face.box, person.box) for person in seen)]
    persons = (*seen, *(Instance(body_of(face.box), face.confidence) for face in alone))
    found = [label for label in labels if label.name != PERSON]
    if persons:
        person = Label(vocabulary[PERSON], max(each.confidence for each in persons), persons)
        found += [person, *_many(persons, vocabulary)]
    # what other evidence says of persons does not count, unless there is none to be seen
    else:
        found += [label for label in labels if label.name == PERSON]
    return found + _of_faces(sure, vocabulary)


def _many(persons: Sequence[Instance], vocabulary: Vocabulary) -> list[Label]:
    """Return People and Crowd: as sure as the person that completes the number."""
    surest_first = sorted((person.confidence for person in persons), reverse=True)
    return [
        Label(vocabulary[name], surest_first[least - 1])
        for name, least in (("People", PEOPLE), ("Crowd", CROWD))
        if len(surest_first) >= least
    ]


def _of_faces(faces: Sequence[DetectedFace], vocabulary: Vocabulary) -> list[Label]:
    if not faces:
        return []
    surest_first = sorted((face.confidence for face in faces), reverse=True)
    found = {"Face": surest_first[0], "Head": surest_first[0]}
    if len(faces) == 1 and faces[0].box.area >= _PORTRAIT_FROM:
        found["Portrait"] = _PORTRAIT_TRUST * surest_first[0]
    if len(faces) >= GROUP:
        found["Groupshot"] = _GROUP_TRUST * surest_first[GROUP - 1]
    return [Label(vocabulary[name], float32(confidence)) for name, confidence in found.items()]


def within(face: BoundingBox, person: BoundingBox) -> bool:
    """Return True if the middle of the face is within the person's box."""
    x, y = face.left + face.width / 2, face.top + face.height / 2
    return person.left <= x <= person.left + person.width and person.top <= y <= person.top + person.height


def body_of(face: BoundingBox) -> BoundingBox:
    """Return where a person's head and chest are, within the picture."""
    to_left, above, across, down = _BODY
    left, top = max(0.0, face.left - to_left * face.width), max(0.0, face.top - above * face.height)
    right = min(1.0, face.left + (across - to_left) * face.width)
    bottom = min(1.0, face.top + (down - above) * face.height)
    body = BoundingBox(left, top, max(0.0, right - left), max(0.0, bottom - top))
    return replace(body, width=float32(body.width), height=float32(body.height), left=float32(left), top=float32(top))
