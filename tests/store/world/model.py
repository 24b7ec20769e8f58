"""The model of a collection that a test believes in, and the steps that change it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from openrek.domain.users import Association
from tests.store.synthetic import picture

Place = tuple[int, str | None, int]
"""Which face: picture, external image id, slot."""

NUMBERS = {picture(number).image_id: number for number in range(20)}

THROTTLED = "throttled"
UNKNOWN = "unknown"
"""The outcome of a call whose client died, or learned that the store did not say."""


Whom = tuple[str, str]
"""("user", UserId) or ("external", ExternalImageId)."""


@dataclass
class Erasing:
    """The faces that it was to erase, and what it did erase; `doubt`: it may just have done more."""

    faces: set[UUID]
    gone_faces: set[UUID] = field(default_factory=set)
    gone_users: set[str] = field(default_factory=set)
    doubt: bool = True


@dataclass
class Model:
    """The state of a collection: its uid, its faces by place, and every id it ever gave; and its users."""

    uid: UUID | None = None
    faces: dict[Place, UUID] = field(default_factory=dict)
    given: dict[UUID, None] = field(default_factory=dict)
    struck: dict[frozenset[UUID], set[UUID]] = field(default_factory=dict)
    """What larger deletions of the same ids did so far: a repetition may return them too."""
    users: dict[str, set[UUID]] = field(default_factory=dict)
    """Each user's faces."""
    tokens: dict[str, tuple[tuple[str, str, object], object]] = field(default_factory=dict)
    """What came with a request token, and the result of its call."""
    erasures: dict[Whom, Erasing] = field(default_factory=dict)
    """Those whose end nobody saw. A repetition may return what they did, and the sweep may go on with them."""

    def owner(self, face_id: UUID) -> str | None:
        return next((user for user, members in self.users.items() if face_id in members), None)

    @property
    def owners(self) -> dict[UUID, str | None]:
        return {face_id: self.owner(face_id) for face_id in self.faces.values()}

    def drop(self, face_id: UUID) -> None:
        self.faces = {place: known for place, known in self.faces.items() if known != face_id}
        for members in self.users.values():
            members.discard(face_id)


class Wrong(AssertionError):
    """The model cannot explain a result."""


@dataclass(frozen=True)
class Event:
    """One step of the model: `apply(model)` changes it and raises Wrong if the result does not fit.

    `optional`: it may also never have happened.
    """

    name: str
    apply: Callable[[dict[str, Model]], None]
    optional: bool = False


def require(condition: bool, *what: object) -> None:
    if not condition:
        raise Wrong(*what)


def names_any(token: tuple[tuple[str, str, object], object], faces: set[UUID], users: set[str]) -> bool:
    """Return whether the result kept for a token (an Association, or words about a user) names any of them."""
    (_, user, _), kept = token
    if not isinstance(kept, Association):
        return user in users
    named = {*kept.changed, *(face.face_id for face in kept.skipped)}
    return not named.isdisjoint(faces) or not {kept.user.user_id, *(face.user_id for face in kept.skipped)}.isdisjoint(
        users
    )
