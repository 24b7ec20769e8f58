"""SearchAllFacesByImage."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.domain.models import SFACE
from openrek.operations.translation.shapes import detected_face_shape
from tests.operations.parts.photos import detected
from tests.operations.parts.world import World

BOTH = ["FACES", "USERS"]


@pytest.fixture
def ids(world: World) -> list[str]:
    """ann is a user of two faces; bob's face is nobody's."""
    ids = world.index("ann ann2 bob")
    world.do("CreateUser", CollectionId="staff", UserId="ann")
    world.do("AssociateFaces", CollectionId="staff", UserId="ann", FaceIds=ids[:2])
    return ids


def search(world: World, words: str, **more: Any) -> dict[str, Any]:
    return world.do("SearchAllFacesByImage", CollectionId="staff", Image={"Bytes": words.encode()}, **more)


def test_each_face_of_the_photo_has_its_own_matches(world: World, ids: list[str]) -> None:
    done = search(world, "bob ann cyd", Include=BOTH)
    assert [face["FaceDetail"] for face in done["SearchedFaces"]] == [
        detected_face_shape(detected(place)) for place in range(3)
    ]
    faces = [[match["Face"]["FaceId"] for match in face["FaceMatches"]] for face in done["SearchedFaces"]]
    users = [[match["User"]["UserId"] for match in face["UserMatches"]] for face in done["SearchedFaces"]]
    assert faces == [[ids[2]], [ids[0], ids[1]], []]
    assert users == [[], ["ann"], []]
    assert done["UnsearchedFaces"] == []
    assert done["FaceModelVersion"] == "7.0"


@pytest.mark.parametrize(
    ("request_", "members"),
    [
        ({}, {"FaceMatches"}),
        ({"Include": ["FACES"]}, {"FaceMatches"}),
        ({"Include": ["USERS"]}, {"UserMatches"}),
        ({"Include": ["USERS", "FACES"]}, {"FaceMatches", "UserMatches"}),
    ],
)
def test_only_what_is_asked_for_is_searched(
    world: World, ids: list[str], request_: dict[str, Any], members: set[str]
) -> None:
    (face,) = search(world, "ann", **request_)["SearchedFaces"]
    assert face.keys() == {"FaceDetail", *members}


def test_thresholds_and_numbers_are_those_of_faces_and_users(world: World, ids: list[str]) -> None:
    (face,) = search(world, "cyd", Include=BOTH, FaceMatchThreshold=0)["SearchedFaces"]
    assert (len(face["FaceMatches"]), len(face["UserMatches"])) == (3, 0)
    (face,) = search(world, "cyd", Include=BOTH, UserMatchThreshold=0)["SearchedFaces"]
    assert (len(face["FaceMatches"]), len(face["UserMatches"])) == (0, 1)
    world.search.asked.clear()
    search(world, "cyd", Include=BOTH)
    search(world, "cyd", Include=BOTH, MaxFaces=7, MaxUsers=3)
    assert world.search.limits == [50, 50, 7, 3]
    assert world.search.lowest[-4:] == [SFACE.lowest_cosine(80.0)] * 4


def test_a_photo_without_a_face_is_no_error(world: World, ids: list[str]) -> None:
    nothing = {"SearchedFaces": [], "UnsearchedFaces": [], "FaceModelVersion": "7.0"}
    assert search(world, "", Include=BOTH) == nothing
    dropped = search(world, "blurred ann", QualityFilter="AUTO")
    assert dropped == {
        **nothing,
        "UnsearchedFaces": [
            {"FaceDetails": detected_face_shape(detected(0, sharpness=0.0)), "Reasons": ["LOW_SHARPNESS"]}
        ],
    }


def test_cheap_refusals_come_before_the_model_runs(world: World) -> None:
    with pytest.raises(ResourceNotFound):
        world.do("SearchAllFacesByImage", CollectionId="nobody", Image={"Bytes": b"ann"})
    with pytest.raises(InvalidParameter):
        world.do("SearchAllFacesByImage", CollectionId="staff", Image={})
    world.create_of_model("8.0")
    with pytest.raises(InvalidParameter) as caught:
        world.do("SearchAllFacesByImage", CollectionId="old", Image={"Bytes": b"ann"})
    assert "face model 8.0" in str(caught.value.reason)
    assert world.reader.reads == 0


def test_attributes_are_told_of_the_searched_faces(world: World) -> None:
    searched = world.do(
        "SearchAllFacesByImage", CollectionId="staff", Image={"Bytes": b"ann bob"}, Attributes=["SMILE"]
    )["SearchedFaces"]
    assert [each["FaceDetail"]["Smile"]["Value"] for each in searched] == [True, False]
