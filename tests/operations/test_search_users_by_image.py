"""SearchUsersByImage."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.domain.models import SFACE
from openrek.operations.translation.shapes import detected_face_shape
from tests.operations.parts.photos import detected
from tests.operations.parts.world import World


@pytest.fixture
def world(world: World) -> World:
    """ann has two faces, bob one, and a third user none."""
    ids = world.index("ann ann2 bob")
    for user_id, face_ids in (("ann", ids[:2]), ("bob", ids[2:])):
        world.do("CreateUser", CollectionId="staff", UserId=user_id)
        world.do("AssociateFaces", CollectionId="staff", UserId=user_id, FaceIds=face_ids)
    world.do("CreateUser", CollectionId="staff", UserId="empty")
    return world


def search(world: World, words: str, **more: Any) -> dict[str, Any]:
    return world.do("SearchUsersByImage", CollectionId="staff", Image={"Bytes": words.encode()}, **more)


def test_the_largest_face_is_searched_and_the_others_are_named(world: World) -> None:
    done = search(world, "ann1 bob")
    assert [match["User"] for match in done["UserMatches"]] == [{"UserId": "ann", "UserStatus": "ACTIVE"}]
    assert done["UserMatches"][0]["Similarity"] == 100.0
    assert done["SearchedFace"] == {"FaceDetail": detected_face_shape(detected(0))}
    assert done["UnsearchedFaces"] == [
        {"FaceDetails": detected_face_shape(detected(1)), "Reasons": ["FACE_NOT_LARGEST"]}
    ]
    assert done["FaceModelVersion"] == "7.0"


def test_threshold_and_number_are_respected(world: World) -> None:
    def found(**more: Any) -> list[str]:
        return [match["User"]["UserId"] for match in search(world, "bob", **more)["UserMatches"]]

    assert found() == ["bob"]
    assert world.search.lowest[-1] == SFACE.lowest_cosine(80.0)
    assert found(UserMatchThreshold=0) == ["bob", "ann"]
    assert found(UserMatchThreshold=0, MaxUsers=1) == ["bob"]
    assert world.search.limits == [500, 500, 1]


def test_a_photo_without_a_face_is_no_error(world: World) -> None:
    assert search(world, "") == {"UserMatches": [], "FaceModelVersion": "7.0", "UnsearchedFaces": []}


def test_what_the_quality_filter_drops_is_named_with_its_reasons(world: World) -> None:
    blurred = detected(0, sharpness=0.0), detected(1, sharpness=0.0)
    assert search(world, "blurred ann bob", QualityFilter="AUTO") == {
        "UserMatches": [],
        "FaceModelVersion": "7.0",
        "UnsearchedFaces": [
            {"FaceDetails": detected_face_shape(face), "Reasons": ["LOW_SHARPNESS"]} for face in blurred
        ],
    }
    assert search(world, "blurred ann bob")["UserMatches"] != []


def test_cheap_refusals_come_before_the_model_runs(world: World) -> None:
    reads = world.reader.reads
    with pytest.raises(ResourceNotFound):
        world.do("SearchUsersByImage", CollectionId="nobody", Image={"Bytes": b"ann"})
    with pytest.raises(InvalidParameter):
        world.do("SearchUsersByImage", CollectionId="staff", Image={})
    world.create_of_model("8.0")
    with pytest.raises(InvalidParameter) as caught:
        world.do("SearchUsersByImage", CollectionId="old", Image={"Bytes": b"ann"})
    assert "face model 8.0" in str(caught.value.reason)
    assert world.reader.reads == reads
