"""RecognizeCelebrities."""

from typing import Any

import pytest

from openrek.domain.celebrities import CelebrityRule
from openrek.domain.errors import InvalidImageFormat, InvalidParameter
from openrek.domain.models import SFACE
from openrek.operations.translation.shapes import detected_face_shape
from tests.operations.parts.photos import EMOTIONS, detected
from tests.operations.parts.world import World


@pytest.fixture
def world(world: World) -> World:
    """ann is a celebrity, bob a user that is none, cyd a face of nobody."""
    ids = world.index("ann bob cyd")
    for user_id, face_id in (("ann", ids[0]), ("bob", ids[1])):
        world.user(user_id, face_id)
    world.do("PutCelebrityInfo", CollectionId="staff", Id="ann", Name="Ann", Urls=["www.example.com"])
    return world


def recognize(world: World, words: str) -> dict[str, Any]:
    return world.do("RecognizeCelebrities", Image={"Bytes": words.encode()})


def compared(place: int) -> dict[str, Any]:
    """Return a ComparedFace with Emotions and Smile."""
    emotions = [{"Type": kind, "Confidence": 50.0 - at} for at, kind in enumerate(EMOTIONS)]
    return {
        **detected_face_shape(detected(place)),
        "Smile": {"Value": place % 2 == 0, "Confidence": 75.0},
        "Emotions": emotions,
    }


def test_celebrities_are_named_and_all_others_are_not(world: World) -> None:
    assert recognize(world, "dan bob ann") == {
        "CelebrityFaces": [
            {
                "Id": "ann",
                "Name": "Ann",
                "Urls": ["www.example.com"],
                "KnownGender": {"Type": "Unlisted"},
                "MatchConfidence": 100.0,
                "Face": compared(2),
            }
        ],
        "UnrecognizedFaces": [compared(0), compared(1)],
    }


def test_a_match_needs_the_similarity_of_the_setting(world: World) -> None:
    assert len(recognize(world, "ann5")["CelebrityFaces"]) == 1
    assert world.search.lowest[-1] == SFACE.lowest_cosine(90.0)
    world.celebrity_rule = CelebrityRule("staff", 100.0)
    assert recognize(world, "ann8")["CelebrityFaces"] == []


def test_a_small_child_needs_more(world: World) -> None:
    """A cosine of .46 is Similarity 97.4, one of .54 is 99.8."""
    assert [len(recognize(world, f"{words}ann11")["CelebrityFaces"]) for words in ("", "child ")] == [1, 0]
    assert [len(recognize(world, f"{words}ann10")["CelebrityFaces"]) for words in ("", "child ")] == [1, 1]


def test_the_64_largest_faces_are_looked_at(world: World) -> None:
    done = recognize(world, " ".join(["ann"] * 70))
    assert len(done["CelebrityFaces"]) == 64
    assert done["UnrecognizedFaces"] == []


def test_a_photo_without_a_face_is_no_error(world: World) -> None:
    assert recognize(world, "") == {"CelebrityFaces": [], "UnrecognizedFaces": []}


@pytest.mark.parametrize("collection", ["nowhere", "nobody"])
def test_without_celebrities_all_are_unrecognized_and_the_reason_says_how_to_add_some(
    world: World, collection: str
) -> None:
    world.do("CreateCollection", CollectionId="nobody")
    world.celebrity_rule = CelebrityRule(collection)
    done: Any = recognize(world, "ann bob")
    assert (done["CelebrityFaces"], done["UnrecognizedFaces"]) == ([], [compared(0), compared(1)])
    (remark,) = done.remarks
    assert remark.startswith(f"There are no celebrities in the collection {collection}: add some with `openrek")


def test_doubtful_faces_are_told(world: World) -> None:
    done: Any = recognize(world, "blurred ann")
    assert done.remarks == ("The face searched is of low quality (LOW_SHARPNESS): matches are less sure.",)


def test_bad_images_are_refused(world: World) -> None:
    with pytest.raises(InvalidImageFormat):
        recognize(world, "GIF89a")
    with pytest.raises(InvalidParameter):
        world.do("RecognizeCelebrities", Image={})
    assert world.search.asked == []
