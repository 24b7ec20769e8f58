"""IndexFaces."""

import hashlib

import pytest

from openrek.domain.errors import InvalidImageFormat, InvalidParameter, InvalidS3Object, ResourceNotFound, Throttling
from openrek.domain.faces import Picture
from tests.operations.parts.world import World


def test_each_face_is_returned_as_stored_and_as_seen(world: World) -> None:
    done = world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b"ann bob"}, ExternalImageId="desk")
    image_id = str(Picture(hashlib.sha256(b"ann bob").digest(), "desk").image_id)
    assert [record["Face"]["ImageId"] for record in done["FaceRecords"]] == [image_id, image_id]
    first = done["FaceRecords"][0]
    assert first["Face"].keys() == {"FaceId", "BoundingBox", "ImageId", "ExternalImageId", "Confidence"}
    assert first["Face"]["ExternalImageId"] == "desk"
    assert first["Face"]["BoundingBox"] == first["FaceDetail"]["BoundingBox"]
    assert first["FaceDetail"].keys() == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
    areas = [record["Face"]["BoundingBox"]["Width"] for record in done["FaceRecords"]]
    assert areas == sorted(areas, reverse=True)
    assert done["UnindexedFaces"] == []
    assert done["FaceModelVersion"] == "7.0"
    assert world.face_count() == 2


def test_without_an_external_id_the_member_is_absent(world: World) -> None:
    done = world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b"ann"})
    assert "ExternalImageId" not in done["FaceRecords"][0]["Face"]


def test_a_photo_without_faces_is_no_error(world: World) -> None:
    done = world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b""})
    assert done == {"FaceRecords": [], "FaceModelVersion": "7.0", "UnindexedFaces": []}
    assert world.faces.called == []


def test_faces_beyond_the_limit_are_reported(world: World) -> None:
    done = world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b"ann bob cyd"}, MaxFaces=1)
    assert len(done["FaceRecords"]) == 1
    assert [face["Reasons"] for face in done["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"], ["EXCEEDS_MAX_FACES"]]
    assert done["FaceRecords"][0]["FaceDetail"]["BoundingBox"]["Width"] == pytest.approx(0.4)
    assert world.face_count() == 1


def test_a_limit_above_a_hundred_is_a_hundred(world: World) -> None:
    assert len(world.index(" ".join(["ann"] * 100), MaxFaces=100000)) == 100


def test_bad_faces_are_dropped_unless_all_are_wanted(world: World) -> None:
    done = world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b"blurred ann"})
    assert done["FaceRecords"] == []
    assert "LOW_SHARPNESS" in done["UnindexedFaces"][0]["Reasons"]
    assert len(world.index("blurred ann", QualityFilter="NONE")) == 1


def test_faces_that_the_model_does_not_see_clearly_are_dropped(world: World) -> None:
    done = world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b"faint ann"})
    assert done["FaceRecords"] == []
    assert done["UnindexedFaces"][0]["Reasons"] == ["LOW_FACE_QUALITY"]
    assert len(world.index("faint ann", QualityFilter="NONE")) == 1


def test_an_image_may_come_from_a_bucket(world: World) -> None:
    world.buckets.objects["photos", "a.jpg", None] = b"ann"
    world.buckets.objects["photos", "a.jpg", "2"] = b"ann bob"
    place = {"Bucket": "photos", "Name": "a.jpg"}
    assert len(world.do("IndexFaces", CollectionId="staff", Image={"S3Object": place})["FaceRecords"]) == 1
    versioned = {"S3Object": {**place, "Version": "2"}}
    assert len(world.do("IndexFaces", CollectionId="staff", Image=versioned)["FaceRecords"]) == 2


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"Bytes": b"ann", "S3Object": {"Bucket": "photos", "Name": "a"}},
        {"S3Object": {}},
        {"S3Object": {"Bucket": "photos"}},
        {"S3Object": {"Name": "a", "Version": "1"}},
    ],
)
def test_an_image_needs_exactly_one_complete_source(world: World, image: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter, match=r"^Request has invalid parameters$"):
        world.do("IndexFaces", CollectionId="staff", Image=image)
    assert world.reader.reads == 0


def test_cheap_refusals_come_before_the_model_runs(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("IndexFaces", CollectionId="nobody", Image={"Bytes": b"ann"})
    with pytest.raises(InvalidS3Object):
        world.do("IndexFaces", CollectionId="staff", Image={"S3Object": {"Bucket": "photos", "Name": "no"}})
    world.create_of_model("6.0")
    with pytest.raises(InvalidParameter) as caught:
        world.do("IndexFaces", CollectionId="old", Image={"Bytes": b"ann"})
    assert caught.value.reason == "The collection was made with face model 6.0, which this deployment does not carry."
    assert world.reader.reads == 0
    assert world.face_count() == 0


def test_a_photo_that_cannot_be_read_changes_nothing(world: World) -> None:
    with pytest.raises(InvalidImageFormat):
        world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b"GIF89a"})
    assert world.face_count() == 0


def test_attributes_are_told_of_indexed_and_of_dropped_faces(world: World) -> None:
    asked = {"DetectionAttributes": ["SMILE"], "MaxFaces": 1}
    done = world.do("IndexFaces", CollectionId="staff", Image={"Bytes": b"ann bob"}, **asked)
    (indexed,), (dropped,) = done["FaceRecords"], done["UnindexedFaces"]
    assert indexed["FaceDetail"]["Smile"] == {"Value": True, "Confidence": 75.0}
    assert dropped["FaceDetail"]["Smile"] == {"Value": False, "Confidence": 75.0}
    assert "Gender" not in indexed["FaceDetail"]


def test_nothing_is_indexed_while_the_models_of_attributes_are_missing(world: World) -> None:
    world.packs.missing.add("attributes")
    with pytest.raises(Throttling):
        world.index("ann", DetectionAttributes=["ALL"])
    assert (world.face_count(), world.reader.reads) == (0, 0)
    assert len(world.index("ann", DetectionAttributes=["DEFAULT"])) == 1
