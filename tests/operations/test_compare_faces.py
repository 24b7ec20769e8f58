"""CompareFaces."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter
from openrek.domain.remarks import Remarked
from tests.operations.parts.photos import detected
from tests.operations.parts.world import World


def compare(world: World, source: str, target: str, **more: Any) -> dict[str, Any]:
    images = {"SourceImage": {"Bytes": source.encode()}, "TargetImage": {"Bytes": target.encode()}}
    return world.do("CompareFaces", **images, **more)


def width(face: dict[str, Any]) -> float:
    return float(face["BoundingBox"]["Width"])


def test_the_largest_source_face_is_compared_with_each_of_the_target(world: World) -> None:
    done = compare(world, "ann bob", "bob ann3 cyd ann")
    assert done["SourceImageFace"].keys() == {"BoundingBox", "Confidence"}
    assert width(done["SourceImageFace"]) == detected(0).box.width
    assert [width(match["Face"]) for match in done["FaceMatches"]] == [detected(3).box.width, detected(1).box.width]
    assert done["FaceMatches"][0]["Similarity"] == 100.0 >= done["FaceMatches"][1]["Similarity"] > 80.0
    assert [width(face) for face in done["UnmatchedFaces"]] == [detected(0).box.width, detected(2).box.width]
    assert done["UnmatchedFaces"][0].keys() == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}


def test_the_threshold_divides_matched_from_unmatched(world: World) -> None:
    assert len(compare(world, "ann", "ann12")["UnmatchedFaces"]) == 1
    ((match,), unmatched) = (
        compare(world, "ann", "ann12 bob", SimilarityThreshold=1)[name] for name in ("FaceMatches", "UnmatchedFaces")
    )
    assert len(unmatched) == 1
    at_the_edge = compare(world, "ann", "ann12 bob", SimilarityThreshold=match["Similarity"])
    assert at_the_edge["FaceMatches"] == [match]
    assert len(compare(world, "ann", "ann12 bob", SimilarityThreshold=0)["FaceMatches"]) == 2


@pytest.mark.parametrize(
    ("source", "target", "more", "reason"),
    [
        ("", "ann", {}, "The source image cannot be compared: it shows no face."),
        ("ann", "", {}, "The target image cannot be compared: it shows no face."),
        (
            "blurred ann",
            "ann",
            {"QualityFilter": "HIGH"},
            "The source image cannot be compared: the quality filter dropped all 1 of its faces.",
        ),
    ],
)
def test_an_image_without_a_face_is_refused(
    world: World, source: str, target: str, more: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidParameter, match=r"^Request has invalid parameters$") as caught:
        compare(world, source, target, **more)
    assert caught.value.reason == reason


def test_low_quality_is_told_where_no_filter_was_asked_for(world: World) -> None:
    done = compare(world, "faint ann", "blurred ann bob")
    assert isinstance(done, Remarked)
    assert done.remarks == (
        "The face of the source is of low quality (LOW_FACE_QUALITY): matches are less sure.",
        "Of low quality (LOW_SHARPNESS): 2 of the 2 faces of the target; their matches are less sure.",
    )
    assert compare(world, "ann", "ann").remarks == ()


def test_faces_that_the_model_does_not_see_clearly_are_not_compared_with_a_filter(world: World) -> None:
    with pytest.raises(InvalidParameter) as caught:
        compare(world, "ann", "faint ann bob", QualityFilter="AUTO")
    assert caught.value.reason == (
        "The target image cannot be compared: the quality filter dropped all 2 of its faces."
    )


def test_the_target_is_not_read_when_the_source_shows_no_face(world: World) -> None:
    with pytest.raises(InvalidParameter):
        compare(world, "", "ann")
    assert world.reader.reads == 1


def test_both_images_must_be_given_before_either_is_fetched(world: World) -> None:
    stored = {"S3Object": {"Bucket": "photos", "Name": "ann.jpg"}}
    for images in (
        {"SourceImage": stored, "TargetImage": {}},
        {"SourceImage": {**stored, "Bytes": b"ann"}, "TargetImage": {"Bytes": b"ann"}},
    ):
        with pytest.raises(InvalidParameter):
            world.do("CompareFaces", **images)
    assert world.buckets.reads == world.reader.reads == 0


def test_a_source_that_is_a_small_child_is_told(world: World) -> None:
    done = compare(world, "child ann", "ann")
    assert isinstance(done, Remarked)
    assert done.remarks == ("A young child: matches are less sure.",)
