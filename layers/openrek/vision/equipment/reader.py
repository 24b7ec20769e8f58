"""The equipment reader: the persons of a picture, the parts of their bodies and what covers them.

Where persons and faces are is told from outside: other networks than these find them.
"""

from collections.abc import Sequence
from typing import Final

from PIL import Image

from openrek.domain.equipment import FACE, HEAD, LEFT_HAND, MOST_PERSONS, RIGHT_HAND, BodyPart, EquippedPerson
from openrek.domain.faces import BoundingBox, float32
from openrek.vision.equipment.bodies import BODIES, HEAD_POINTS, LEAST_SCORE, LEFT_WRIST, RIGHT_WRIST, Body, body
from openrek.vision.equipment.covers import covers_of
from openrek.vision.models.picture_classes import PICTURES
from openrek.vision.models.sessions import ModelSessions

Found = tuple[BoundingBox, float]
"""A box, and how sure it is, 0..100."""
LEAST_PERSON_PCT: Final = 50.0


class EquipmentReader:
    """The networks of bodies and covers over the sessions of models; safe for many threads."""

    def __init__(self, sessions: ModelSessions) -> None:
        """Make a reader; sessions open when they are first needed."""
        self._sessions = sessions

    def persons(self, image: Image.Image, persons: Sequence[Found], faces: Sequence[Found]) -> list[EquippedPerson]:
        """Return the 15 largest persons of an RGB picture, largest first. A face of nobody makes a person."""
        told = with_faces([each for each in persons if each[1] >= LEAST_PERSON_PCT], faces)
        largest = sorted(told, key=lambda each: -each[0][0].area)[:MOST_PERSONS]
        return [self._person(image, *each) for each in largest]

    def _person(self, image: Image.Image, person: Found, face: Found | None) -> EquippedPerson:
        seen = body(self._sessions.session(BODIES), image, person[0])
        parts: list[BodyPart] = []
        head = head_pct = None
        if face is not None:
            ((mask, head),) = covers_of(self._sessions.session(PICTURES), image, [face[0]])
            parts.append(BodyPart(FACE, face[1], () if mask is None else (mask,)))
            head_pct = face[1]
        parts += _hands(seen)
        score = float(seen.scores[HEAD_POINTS].mean())
        if head_pct is None and score >= LEAST_SCORE:
            head_pct = float32(100 * score)
        if head_pct is not None:
            parts.append(BodyPart(HEAD, head_pct, () if head is None else (head,)))
        return EquippedPerson(*person, tuple(parts))


def _hands(seen: Body) -> list[BodyPart]:
    scores = ((LEFT_HAND, float(seen.scores[LEFT_WRIST])), (RIGHT_HAND, float(seen.scores[RIGHT_WRIST])))
    return [BodyPart(name, float32(100 * min(score, 1.0))) for name, score in scores if score >= LEAST_SCORE]


def with_faces(persons: Sequence[Found], faces: Sequence[Found]) -> list[tuple[Found, Found | None]]:
    """Return each person with its face, and for each face of nobody a person around it.

    A face belongs to the person in whose upper half its centre is; of several to the one that it fills most.
    """
    own: dict[int, Found] = {}
    alone: list[tuple[Found, Found | None]] = []
    for face in faces:
        fitting = [at for at, (box, _) in enumerate(persons) if at not in own and _is_of(face[0], box)]
        if fitting:
            own[min(fitting, key=lambda at: persons[at][0].area)] = face
        else:
            alone.append(((_around(face[0]), face[1]), face))
    return [(person, own.get(at)) for at, person in enumerate(persons)] + alone


def _is_of(face: BoundingBox, person: BoundingBox) -> bool:
    x, y = face.left + face.width / 2, face.top + face.height / 2
    across = person.left <= x <= person.left + person.width
    return across and person.top - face.height / 2 <= y <= person.top + max(person.height / 2, face.height)


def _around(face: BoundingBox) -> BoundingBox:
    """Return the box of the head and the shoulders below it, within the frame."""
    left, top = max(0.0, face.left - face.width), max(0.0, face.top - face.height / 2)
    right, bottom = min(1.0, face.left + 2 * face.width), min(1.0, face.top + 4 * face.height)
    return BoundingBox(float32(left), float32(top), float32(right - left), float32(bottom - top))
