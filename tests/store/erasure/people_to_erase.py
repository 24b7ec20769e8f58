"""A scene of people to erase, and the erasures of it."""

from collections.abc import Callable
from uuid import UUID

from openrek.domain.faces import Face
from openrek.domain.users import Erased
from openrek.store.erasure.erasure import StoredErasure
from tests.store.invariants import plan_items
from tests.store.people import People, sound


def ids(*faces: Face) -> tuple[UUID, ...]:
    return tuple(sorted(face.face_id for face in faces))


def erased(people: People) -> None:
    """Nothing is left under way."""
    assert plan_items(people.items, people.collection) == []
    sound(people)


def scene(people: People) -> list[Face]:
    """A user and an ExternalImageId with faces of three users, more than a commit takes."""
    people.per_commit = 3
    faces = people.add("ada", 3, external="x") + people.add_at_once("ada", 4, "x")
    people.user("ada", faces[:4])
    people.user("bob", [faces[4], *people.add("bob", 1)])
    people.user("eve", [faces[5]])
    return faces


ERASURES: dict[str, tuple[Callable[[StoredErasure, People], Erased], tuple[str, ...], slice]] = {
    "user": (lambda over, people: over.erase_user(people.collection, "ada"), ("ada",), slice(0, 4)),
    "external": (
        lambda over, people: over.erase_external_image_id(people.collection, "x"), ("ada", "eve"), slice(0, 7),
    ),
}  # fmt: skip
