"""DetectModerationLabels through stock boto3: real photographs stay clean, and drawn things are what they show.

No picture of what should not be seen is kept or shown by anyone here.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from openrek.domain.faces import float32
from openrek.operations.detect_moderation_labels import NOT_LOOKED_FOR
from tests.conformance.conftest import refusal
from tests.support import drawn_things
from tests.support.server import ServerProcess, client

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

CLEAN = ("astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "chelsea.png", "coffee.png", "rocket.jpg")
DRAWN = {
    "wine": (drawn_things.wine_bottle, ["Alcoholic Beverages", "Alcohol"], ["Alcoholic Beverages", "Alcohol"]),
    "revolver": (drawn_things.revolver, ["Weapons", "Violence"], ["Weapons", "Violence"]),
    "pills": (drawn_things.pill_bottle, ["Pills", "Products", "Drugs & Tobacco"], ["Pills", "Drugs"]),
}
"""Picture, and its labels in version 7 and in 6.1."""


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def moderated(rekognition: "RekognitionClient", image: bytes, **more: Any) -> Any:
    return rekognition.detect_moderation_labels(Image={"Bytes": image}, **more)


@pytest.mark.parametrize("name", CLEAN)
def test_an_ordinary_photo_is_clean_and_no_promise_is_made(
    rekognition: "RekognitionClient", photos: dict[str, bytes], name: str
) -> None:
    response = moderated(rekognition, photos[name])
    assert response["ModerationLabels"] == response["ContentTypes"] == []
    assert response["ModerationModelVersion"] == "7.0"
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-openrek-reason"] == NOT_LOOKED_FOR


@pytest.mark.parametrize("what", DRAWN)
def test_a_thing_is_told_with_all_that_it_belongs_to(rekognition: "RekognitionClient", what: str) -> None:
    draw, names, _ = DRAWN[what]
    labels = moderated(rekognition, png(draw()), MinConfidence=45)["ModerationLabels"]

    assert [label["Name"] for label in labels] == names
    assert [label["ParentName"] for label in labels] == [*names[1:], ""]
    assert [label["TaxonomyLevel"] for label in labels] == list(range(len(names), 0, -1))
    assert len({label["Confidence"] for label in labels}) == 1
    assert labels[0]["Confidence"] == float32(labels[0]["Confidence"])


@pytest.fixture(scope="module")
def older(weights_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["RekognitionClient"]:
    """Yield a client of a server that answers with the names of version 6.1."""
    data = tmp_path_factory.mktemp("data")
    server = ServerProcess(data, weights_folder, OPENREK_MODERATION_TAXONOMY="6.1")
    yield client(server.url)
    server.stop()


@pytest.mark.parametrize("what", DRAWN)
def test_the_older_names_have_two_levels(older: "RekognitionClient", what: str) -> None:
    draw, _, names = DRAWN[what]
    response = moderated(older, png(draw()), MinConfidence=45)

    labels = response["ModerationLabels"]
    assert [(label["Name"], label["ParentName"]) for label in labels] == list(zip(names, [*names[1:], ""], strict=True))
    assert all("TaxonomyLevel" not in label for label in labels)
    assert "ContentTypes" not in response
    assert response["ModerationModelVersion"] == "6.1"


def test_zero_asks_for_all_and_a_hundred_for_nothing(rekognition: "RekognitionClient") -> None:
    revolver = png(drawn_things.revolver())
    all_labels = moderated(rekognition, revolver, MinConfidence=0)["ModerationLabels"]
    assert len(all_labels) >= 2
    assert min(label["Confidence"] for label in all_labels) >= 1
    assert moderated(rekognition, revolver, MinConfidence=100)["ModerationLabels"] == []


REVIEW = {"HumanLoopName": "mine", "FlowDefinitionArn": "arn:aws:sagemaker:eu-west-1:123456789012:flow-definition/f"}
PIECES = "FreeOfPersonallyIdentifiableInformation, FreeOfAdultContent"


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"MinConfidence": 101.0}, "ValidationException", "Member must have value less than or equal to 100"),
        ({"HumanLoopConfig": {**REVIEW, "HumanLoopName": "Mine!"}}, "ValidationException", "regular expression"),
        (
            {"HumanLoopConfig": {**REVIEW, "DataAttributes": {"ContentClassifiers": ["FreeOfAll"]}}},
            "ValidationException",
            f"Member must satisfy enum value set: [{PIECES}]",
        ),
        ({"HumanLoopConfig": REVIEW}, "ResourceNotFoundException", "was not found"),
        (
            {"ProjectVersion": "arn:aws:rekognition:eu-west-1:123456789012:project/mine/version/v1/1700000000000"},
            "ResourceNotFoundException",
            "was not found",
        ),
        ({"ProjectVersion": "mine, and no name of a resource"}, "ValidationException", "regular expression"),
    ],
)
def test_what_cannot_be_done_is_refused(
    rekognition: "RekognitionClient", photos: dict[str, bytes], more: dict[str, Any], code: str, said: str
) -> None:
    got, message, _ = refusal(rekognition.detect_moderation_labels, Image={"Bytes": photos["obama.jpg"]}, **more)
    assert got == code
    assert said in message


def test_a_picture_of_more_than_10000_px_is_refused(rekognition: "RekognitionClient") -> None:
    wide = png(Image.new("L", (10_001, 80)))
    code, said, _ = refusal(rekognition.detect_moderation_labels, Image={"Bytes": wide})
    assert code == "ImageTooLargeException"
    assert said == "Input image dimensions 10001 x 80 exceed maximum dimension size of 10000 pixels"


def test_an_unknown_taxonomy_stops_the_start(weights_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"OPENREK_MODERATION_TAXONOMY must be 7\.0 or 6\.1, not '8'"):
        ServerProcess(tmp_path, weights_folder, OPENREK_MODERATION_TAXONOMY="8")
