"""SearchFacesByImage."""

from dataclasses import replace
from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.domain.models import SFACE, FaceModels
from openrek.domain.remarks import Remarked
from tests.operations.parts.photos import detected
from tests.operations.parts.world import World

NO_FACES = r"^There are no faces in the image. Should be at least 1\.$"


def search(world: World, words: str, **more: Any) -> dict[str, Any]:
    return world.do("SearchFacesByImage", CollectionId="staff", Image={"Bytes": words.encode()}, **more)


def found(world: World, words: str, **more: Any) -> list[str]:
    return [match["Face"]["FaceId"] for match in search(world, words, **more)["FaceMatches"]]


def test_the_largest_face_is_searched_and_its_indexed_copy_is_found(world: World) -> None:
    ann, bob = world.index("ann bob")
    done = search(world, "bob ann")
    assert [match["Face"]["FaceId"] for match in done["FaceMatches"]] == [bob]
    assert done["FaceMatches"][0]["Similarity"] == 100.0
    assert done["SearchedFaceBoundingBox"] == {
        "Width": detected(0).box.width,
        "Height": detected(0).box.height,
        "Left": 0.0,
        "Top": 0.25,
    }
    assert done["SearchedFaceConfidence"] == detected(0).confidence
    assert done["FaceModelVersion"] == "7.0"
    assert found(world, "ann") == [ann]


def test_an_empty_collection_has_no_matches(world: World) -> None:
    assert search(world, "ann")["FaceMatches"] == []


def test_threshold_and_number_are_respected(world: World) -> None:
    near, far, other = world.index("ann1 ann13 bob")
    assert found(world, "ann") == [near]
    assert found(world, "ann", FaceMatchThreshold=0) == [near, far, other]
    assert found(world, "ann", FaceMatchThreshold=0, MaxFaces=2) == [near, far]


@pytest.mark.parametrize(
    ("words", "filter_", "reason"),
    [
        ("", "NONE", "No face was found in the photo."),
        ("blurred ann", "AUTO", "The quality filter dropped every face of the photo (1)."),
    ],
)
def test_a_photo_without_a_usable_face_is_refused(world: World, words: str, filter_: str, reason: str) -> None:
    with pytest.raises(InvalidParameter, match=NO_FACES) as caught:
        search(world, words, QualityFilter=filter_)
    assert caught.value.reason == reason


def test_no_filter_is_the_default(world: World) -> None:
    (ann,) = world.index("ann")
    assert found(world, "blurred ann") == [ann]


@pytest.mark.parametrize("operation", ["SearchFacesByImage", "SearchUsersByImage", "SearchAllFacesByImage"])
def test_the_low_quality_of_a_probe_is_told_where_no_filter_was_asked_for(world: World, operation: str) -> None:
    def remarks(words: str, **more: str) -> tuple[str, ...]:
        done = world.do(operation, CollectionId="staff", Image={"Bytes": words.encode()}, **more)
        assert isinstance(done, Remarked)
        return done.remarks

    for words, reasons in (("blurred ann", "LOW_SHARPNESS"), ("faint ann", "LOW_FACE_QUALITY")):
        (remark,) = remarks(words)
        assert remark == f"The face searched is of low quality ({reasons}): matches are less sure."
    assert remarks("ann") == ()
    assert remarks("ann", QualityFilter="LOW") == ()


def test_cheap_refusals_come_before_the_model_runs(world: World) -> None:
    with pytest.raises(ResourceNotFound):
        world.do("SearchFacesByImage", CollectionId="nobody", Image={"Bytes": b"ann"})
    with pytest.raises(InvalidParameter):
        world.do("SearchFacesByImage", CollectionId="staff", Image={})
    world.create_of_model("8.0")
    with pytest.raises(InvalidParameter) as caught:
        world.do("SearchFacesByImage", CollectionId="old", Image={"Bytes": b"ann"})
    assert "face model 8.0" in str(caught.value.reason)
    assert world.reader.reads == 0


@pytest.mark.parametrize("operation", ["SearchFacesByImage", "SearchUsersByImage", "SearchAllFacesByImage"])
def test_a_probe_that_is_a_small_child_is_told(world: World, operation: str) -> None:
    def remarks(words: str) -> tuple[str, ...]:
        done = world.do(operation, CollectionId="staff", Image={"Bytes": words.encode()})
        assert isinstance(done, Remarked)
        return done.remarks

    assert remarks("child ann") == ("A young child: matches are less sure.",)
    assert remarks("ann") == ()
    many = "Young children (2 of the 2 faces searched): matches are less sure."
    assert remarks("child ann bob") == ((many,) if operation == "SearchAllFacesByImage" else remarks("child ann"))


def test_a_model_that_knows_no_children_tells_none(world: World) -> None:
    world.models = FaceModels((replace(SFACE, child_cosine=None),))
    done = world.do("SearchFacesByImage", CollectionId="staff", Image={"Bytes": b"child ann"})
    assert isinstance(done, Remarked)
    assert done.remarks == ()
