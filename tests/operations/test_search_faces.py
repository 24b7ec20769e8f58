"""SearchFaces."""

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.domain.faces import float32
from tests.operations.parts.world import World


def search(world: World, face_id: str, **more: object) -> list[tuple[str, float]]:
    done = world.do("SearchFaces", CollectionId="staff", FaceId=face_id, **more)
    assert done["SearchedFaceId"] == face_id
    assert done["FaceModelVersion"] == "7.0"
    return [(match["Face"]["FaceId"], match["Similarity"]) for match in done["FaceMatches"]]


def test_the_likest_come_first_and_the_face_itself_is_left_out(world: World) -> None:
    ann, near, far, _ = world.index("ann ann3 ann9 bob")
    found = search(world, ann)
    assert [face_id for face_id, _ in found] == [near, far]
    assert found[0][1] > found[1][1] >= 80.0


def test_matches_carry_what_listings_do(world: World) -> None:
    ann, near = world.index("ann ann3", ExternalImageId="desk")
    world.user("ann", near)
    match = world.do("SearchFaces", CollectionId="staff", FaceId=ann)["FaceMatches"][0]
    listed = {face["FaceId"]: face for face in world.do("ListFaces", CollectionId="staff")["Faces"]}
    assert match["Face"] == listed[near]
    assert match["Face"]["UserId"] == "ann"


def test_the_threshold_keeps_what_equals_it(world: World) -> None:
    ann, _, _ = world.index("ann ann12 bob")
    ((turned, similarity),) = search(world, ann, FaceMatchThreshold=1.0)
    assert search(world, ann, FaceMatchThreshold=similarity) == [(turned, similarity)]
    assert search(world, ann, FaceMatchThreshold=float32(similarity * (1 + 2e-7))) == []
    assert search(world, ann, FaceMatchThreshold=100.0) == []
    assert len(search(world, ann, FaceMatchThreshold=0.0)) == 2


def test_the_number_of_matches_is_limited(world: World) -> None:
    ann, near, _ = world.index("ann ann1 ann2")
    assert [face_id for face_id, _ in search(world, ann, MaxFaces=1)] == [near]
    search(world, ann)
    assert world.search.limits == [1, 4096]


def test_an_unknown_face_is_an_invalid_parameter(world: World) -> None:
    with pytest.raises(InvalidParameter, match=r"^faceId was not found in the collection\.$"):
        search(world, "00000000-0000-4000-8000-000000000000")
    with pytest.raises(ResourceNotFound):
        world.do("SearchFaces", CollectionId="nobody", FaceId="00000000-0000-4000-8000-000000000000")


def test_a_model_that_this_build_lacks_is_refused(world: World) -> None:
    (ann,) = world.index("ann")
    world.create_of_model("6.0")
    with pytest.raises(InvalidParameter) as caught:
        world.do("SearchFaces", CollectionId="old", FaceId=ann)
    assert "face model 6.0" in str(caught.value.reason)
