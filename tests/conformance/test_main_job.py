"""The main job: index photographs of people, and find the right person in a photo never seen before."""

from typing import TYPE_CHECKING

import pytest

from tests.conformance.conftest import refusal
from tests.support.photos import PORTRAIT_BOXES
from tests.support.variants import blurred, collage, cropped, darkened, mirrored, opened, oriented, saved

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

LANDMARKS = ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]


@pytest.fixture(scope="module")
def people(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> str:
    """Make a collection of three people, one photo each."""
    rekognition.create_collection(CollectionId="people")
    for name in ("obama.jpg", "biden.jpg", "astronaut.png"):
        response = rekognition.index_faces(
            CollectionId="people", Image={"Bytes": photos[name]}, ExternalImageId=name, MaxFaces=1
        )
        assert len(response["FaceRecords"]) == 1, name
    return "people"


def matches(rekognition: "RekognitionClient", collection_id: str, image: bytes, threshold: float = 0.0) -> dict:
    response = rekognition.search_faces_by_image(
        CollectionId=collection_id, Image={"Bytes": image}, FaceMatchThreshold=threshold
    )
    return {match["Face"]["ExternalImageId"]: match["Similarity"] for match in response["FaceMatches"]}


@pytest.mark.parametrize(
    "unseen", ["obama2.jpg", "obama3.jpg", "obama_partial_face.jpg", "obama_partial_face2.jpg", "32bit.png"]
)
def test_a_photo_never_seen_finds_its_person_and_nobody_else(
    rekognition: "RekognitionClient", people: str, photos: dict[str, bytes], unseen: str
) -> None:
    found = matches(rekognition, people, photos[unseen])
    assert next(iter(found)) == "obama.jpg"
    assert found["obama.jpg"] > 95
    assert found["biden.jpg"] < 50
    assert found["astronaut.png"] < 50
    assert list(matches(rekognition, people, photos[unseen], threshold=80)) == ["obama.jpg"]


@pytest.mark.parametrize("person", ["obama.jpg", "biden.jpg", "astronaut.png"])
def test_a_changed_photo_still_finds_its_person(
    rekognition: "RekognitionClient", people: str, photos: dict[str, bytes], person: str
) -> None:
    original = photos[person]
    face = rekognition.detect_faces(Image={"Bytes": original})["FaceDetails"][0]["BoundingBox"]
    around = (
        max(0.0, face["Left"] - 0.5 * face["Width"]),
        max(0.0, face["Top"] - 0.5 * face["Height"]),
        min(1.0, face["Left"] + 1.5 * face["Width"]),
        min(1.0, face["Top"] + 1.5 * face["Height"]),
    )
    face_px = face["Width"] * opened(original).width
    variants = {
        "mirrored": mirrored(original),
        "darkened": darkened(original),
        "blurred": blurred(original, face_px / 50),
        "cropped": cropped(original, around),
        "as PNG": saved(opened(original), "PNG"),
    }
    for name, variant in variants.items():
        found = matches(rekognition, people, variant)
        assert next(iter(found)) == person, name
        assert found[person] > 95, name
        assert all(similarity < 50 for other, similarity in found.items() if other != person), name


def test_identical_bytes_match_at_one_hundred(
    rekognition: "RekognitionClient", people: str, photos: dict[str, bytes]
) -> None:
    assert matches(rekognition, people, photos["biden.jpg"], threshold=100) == {"biden.jpg": 100.0}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_exif_orientation_gives_the_same_box_and_the_same_match(
    rekognition: "RekognitionClient", people: str, photos: dict[str, bytes], orientation: int
) -> None:
    upright = rekognition.detect_faces(Image={"Bytes": oriented(photos["obama2.jpg"], 1)})["FaceDetails"][0]
    turned = oriented(photos["obama2.jpg"], orientation)
    face = rekognition.detect_faces(Image={"Bytes": turned})["FaceDetails"][0]
    assert face["BoundingBox"] == pytest.approx(upright["BoundingBox"], abs=0.01)
    assert face["Pose"]["Roll"] == pytest.approx(upright["Pose"]["Roll"], abs=3)
    assert matches(rekognition, people, turned, threshold=95).keys() == {"obama.jpg"}


def test_faces_pasted_into_a_picture_are_found_where_they_were_pasted(
    rekognition: "RekognitionClient", photos: dict[str, bytes]
) -> None:
    picture, places = collage(
        (1600, 1000),
        {
            "obama.jpg": (photos["obama.jpg"], (40, 60), 460),
            "biden.jpg": (photos["biden.jpg"], (560, 300), 300),
            "astronaut.png": (photos["astronaut.png"], (1000, 100), 560),
        },
    )
    faces = rekognition.detect_faces(Image={"Bytes": picture})["FaceDetails"]
    areas = [face["BoundingBox"]["Width"] * face["BoundingBox"]["Height"] for face in faces]
    assert len(faces) == 3
    assert areas == sorted(areas, reverse=True)
    for name, (left, top, width, height) in places.items():
        box = PORTRAIT_BOXES[name]
        expected = {
            "Left": left + box.left * width,
            "Top": top + box.top * height,
            "Width": box.width * width,
            "Height": box.height * height,
        }
        assert any(face["BoundingBox"] == pytest.approx(expected, abs=0.015) for face in faces), name


def test_the_largest_face_is_the_one_that_is_searched(
    rekognition: "RekognitionClient", people: str, photos: dict[str, bytes]
) -> None:
    pasted = {
        "small": (photos["biden.jpg"], (900, 100), 250),
        "large": (photos["obama2.jpg"], (50, 50), 700),
    }
    picture, places = collage((1300, 1200), pasted)
    response = rekognition.search_faces_by_image(CollectionId=people, Image={"Bytes": picture})
    assert [match["Face"]["ExternalImageId"] for match in response["FaceMatches"]] == ["obama.jpg"]
    left, _, width, _ = places["large"]
    assert left < response["SearchedFaceBoundingBox"]["Left"] < left + width
    assert response["SearchedFaceConfidence"] > 70


def test_matches_come_best_first_within_threshold_and_max_faces(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    for name in ("obama.jpg", "obama3.jpg", "32bit.png", "biden.jpg"):
        rekognition.index_faces(CollectionId=collection, Image={"Bytes": photos[name]}, ExternalImageId=name)
    everyone = matches(rekognition, collection, photos["obama2.jpg"])
    assert list(everyone.values()) == sorted(everyone.values(), reverse=True)
    assert len(everyone) == 4
    middle = list(everyone.values())[1]
    assert list(matches(rekognition, collection, photos["obama2.jpg"], threshold=middle)) == list(everyone)[:2]
    best = rekognition.search_faces_by_image(
        CollectionId=collection, Image={"Bytes": photos["obama2.jpg"]}, FaceMatchThreshold=0, MaxFaces=1
    )
    assert [match["Face"]["ExternalImageId"] for match in best["FaceMatches"]] == list(everyone)[:1]


def test_search_by_face_leaves_the_face_itself_out(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    ids = {}
    for name in ("obama.jpg", "obama2.jpg", "biden.jpg"):
        response = rekognition.index_faces(CollectionId=collection, Image={"Bytes": photos[name]}, ExternalImageId=name)
        ids[name] = response["FaceRecords"][0]["Face"]["FaceId"]
    response = rekognition.search_faces(CollectionId=collection, FaceId=ids["obama.jpg"], FaceMatchThreshold=0)
    assert response["SearchedFaceId"] == ids["obama.jpg"]
    assert [match["Face"]["FaceId"] for match in response["FaceMatches"]] == [ids["obama2.jpg"], ids["biden.jpg"]]
    assert response["FaceMatches"][0]["Similarity"] > 95
    assert response["FaceMatches"][1]["Similarity"] < 50
    assert response["FaceModelVersion"] == "7.1"
    assert response["FaceMatches"][0]["Face"]["IndexFacesModelVersion"] == "7.1"


def test_compare_faces_splits_the_target_at_the_threshold(
    rekognition: "RekognitionClient", photos: dict[str, bytes]
) -> None:
    picture, places = collage(
        (1400, 900),
        {"obama": (photos["obama2.jpg"], (40, 40), 560), "biden": (photos["biden.jpg"], (760, 60), 500)},
    )
    response = rekognition.compare_faces(SourceImage={"Bytes": photos["obama.jpg"]}, TargetImage={"Bytes": picture})
    assert [match["Similarity"] > 95 for match in response["FaceMatches"]] == [True]
    assert response["FaceMatches"][0]["Face"]["BoundingBox"]["Left"] < places["obama"][0] + places["obama"][2]
    assert [face["BoundingBox"]["Left"] > places["biden"][0] for face in response["UnmatchedFaces"]] == [True]
    assert response["SourceImageFace"]["Confidence"] > 70
    everyone = rekognition.compare_faces(
        SourceImage={"Bytes": photos["obama.jpg"]}, TargetImage={"Bytes": picture}, SimilarityThreshold=0
    )
    assert len(everyone["FaceMatches"]) == 2
    assert everyone["FaceMatches"][1]["Similarity"] < 50
    assert everyone["UnmatchedFaces"] == []
    same = rekognition.compare_faces(
        SourceImage={"Bytes": photos["biden.jpg"]}, TargetImage={"Bytes": photos["biden.jpg"]}
    )
    assert same["FaceMatches"][0]["Similarity"] == 100.0


def test_detect_faces_gives_the_default_attributes(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    for attributes in ([], ["DEFAULT"]):
        (face,) = rekognition.detect_faces(Image={"Bytes": photos["obama.jpg"]}, Attributes=attributes)["FaceDetails"]
        assert face.keys() == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
        assert [point["Type"] for point in face["Landmarks"]] == LANDMARKS
        at = {point["Type"]: point for point in face["Landmarks"]}
        assert at["eyeLeft"]["X"] < at["nose"]["X"] < at["eyeRight"]["X"]
        assert at["eyeLeft"]["Y"] < at["nose"]["Y"] < at["mouthLeft"]["Y"]
        assert at["mouthLeft"]["X"] < at["mouthRight"]["X"]
        assert all(abs(angle) < 30 for angle in face["Pose"].values())
        assert 0 < face["Quality"]["Brightness"] <= 100
        assert 0 < face["Quality"]["Sharpness"] <= 100
        assert 90 < face["Confidence"] <= 100


def test_photos_without_a_face(rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]) -> None:
    image = {"Bytes": photos["coffee.png"]}
    assert rekognition.detect_faces(Image=image)["FaceDetails"] == []
    indexed = rekognition.index_faces(CollectionId=collection, Image=image)
    assert (indexed["FaceRecords"], indexed["UnindexedFaces"]) == ([], [])
    assert refusal(rekognition.search_faces_by_image, CollectionId=collection, Image=image)[:2] == (
        "InvalidParameterException",
        "There are no faces in the image. Should be at least 1.",
    )
    face = {"Bytes": photos["obama.jpg"]}
    for source, target in ((image, face), (face, image)):
        assert refusal(rekognition.compare_faces, SourceImage=source, TargetImage=target)[:2] == (
            "InvalidParameterException",
            "Request has invalid parameters",
        )


def test_an_empty_collection_matches_nobody(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    response = rekognition.search_faces_by_image(CollectionId=collection, Image={"Bytes": photos["obama.jpg"]})
    assert response["FaceMatches"] == []
