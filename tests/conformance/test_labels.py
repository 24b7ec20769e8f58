"""DetectLabels through stock boto3, on real photographs."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ParamValidationError
from PIL import Image

from openrek.domain.faces import float32
from tests.conformance.conftest import refusal
from tests.support.photos import PORTRAIT_BOXES

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

FEATURES = ["GENERAL_LABELS", "IMAGE_PROPERTIES"]
PLACES = {
    "chelsea.png": ("Cat", (0.0, 0.0, 0.88, 1.0)),
    "coffee.png": ("Cup", (0.2, 0.05, 0.75, 0.85)),
    "astronaut.png": ("Person", (0.04, 0.03, 0.72, 1.0)),
}
"""Photo -> a label of it, and the left, top, right and bottom that its box is near, as somebody saw it."""


@pytest.fixture(scope="module")
def answers(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> dict[str, Any]:
    """Photo -> the response with both features."""
    return {
        name: rekognition.detect_labels(Image={"Bytes": photos[name]}, Features=FEATURES, MinConfidence=1)
        for name in ("astronaut.png", "biden.jpg", "chelsea.png", "coffee.png", "rocket.jpg")
    }


def by_name(response: Any) -> dict[str, Any]:
    return {label["Name"]: label for label in response["Labels"]}


@pytest.mark.parametrize("name", PLACES)
def test_a_thing_is_found_where_it_is(name: str, answers: dict[str, Any]) -> None:
    what, place = PLACES[name]
    label = by_name(answers[name])[what]

    box = label["Instances"][0]["BoundingBox"]
    corners = box["Left"], box["Top"], box["Left"] + box["Width"], box["Top"] + box["Height"]
    assert corners == pytest.approx(place, abs=0.15)
    assert label["Confidence"] > 90
    assert label["Instances"][0]["Confidence"] <= label["Confidence"]


def test_a_cat_has_parents_and_a_category(answers: dict[str, Any]) -> None:
    cat = by_name(answers["chelsea.png"])["Cat"]

    assert cat["Parents"] == [{"Name": "Animal"}, {"Name": "Mammal"}, {"Name": "Pet"}]
    assert cat["Categories"] == [{"Name": "Animals and Pets"}]
    assert cat["Aliases"] == []
    assert by_name(answers["astronaut.png"])["Person"]["Aliases"] == [{"Name": "Human"}]


def test_whatever_is_said_its_ancestors_are_said_as_surely(answers: dict[str, Any]) -> None:
    for response in answers.values():
        found = by_name(response)
        assert len(found) == len(response["Labels"]) > 0
        for label in found.values():
            assert all(found[each["Name"]]["Confidence"] >= label["Confidence"] for each in label["Parents"])
            assert len(label["Categories"]) == 1


def test_labels_come_the_surest_first_then_by_name(answers: dict[str, Any]) -> None:
    for response in answers.values():
        order = [(-label["Confidence"], label["Name"]) for label in response["Labels"]]
        assert order == sorted(order)
        assert response["LabelModelVersion"] == "3.0"


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from numbers(part)
    elif isinstance(value, list):
        for part in value:
            yield from numbers(part)


def test_every_number_is_a_float32(answers: dict[str, Any]) -> None:
    for response in answers.values():
        sent = list(numbers({name: response[name] for name in ("Labels", "ImageProperties")}))
        assert sent == [float32(number) for number in sent]


def test_a_portrait_is_one_person_with_a_face(answers: dict[str, Any], photos: dict[str, bytes]) -> None:
    found = by_name(answers["biden.jpg"])
    face = PORTRAIT_BOXES["biden.jpg"]

    assert {name for name, label in found.items() if label["Confidence"] >= 80} >= {"Face", "Portrait", "Tie"}
    sure = [each["BoundingBox"] for each in found["Person"]["Instances"] if each["Confidence"] >= 50]
    assert len(sure) == 1
    assert sure[0]["Left"] <= face.left
    assert sure[0]["Left"] + sure[0]["Width"] >= face.left + face.width


def test_no_person_is_seen_where_there_is_none(answers: dict[str, Any]) -> None:
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        assert by_name(answers[name]).get("Person", {"Confidence": 0})["Confidence"] < 55


def test_colors_are_those_of_css(answers: dict[str, Any]) -> None:
    properties = answers["rocket.jpg"]["ImageProperties"]

    first = properties["DominantColors"][0]
    assert first["CSSColor"] == "darkslategrey"
    assert first["HexCode"] == "#2f4f4f"
    assert (first["Red"], first["Green"], first["Blue"]) == (47, 79, 79)
    assert first["SimplifiedColor"] == "grey"
    shares = [color["PixelPercent"] for color in properties["DominantColors"]]
    assert shares == sorted(shares, reverse=True)
    assert 5 <= min(shares) < max(shares) <= sum(shares) <= 100
    assert set(properties["Quality"]) == {"Brightness", "Sharpness", "Contrast"}
    assert set(answers["coffee.png"]["ImageProperties"]["Foreground"]["Quality"]) == {"Brightness", "Sharpness"}


def test_instances_have_colors_with_properties_only(
    rekognition: "RekognitionClient", answers: dict[str, Any], photos: dict[str, bytes]
) -> None:
    plain = by_name(rekognition.detect_labels(Image={"Bytes": photos["chelsea.png"]}))["Cat"]

    assert "DominantColors" not in plain["Instances"][0]
    assert by_name(answers["chelsea.png"])["Cat"]["Instances"][0]["DominantColors"]


def test_filters_limits_and_features_shape_the_answer(
    rekognition: "RekognitionClient", photos: dict[str, bytes]
) -> None:
    image = {"Bytes": photos["chelsea.png"]}

    def names(**request: Any) -> list[str]:
        return [label["Name"] for label in rekognition.detect_labels(Image=image, **request)["Labels"]]

    def with_filter(**filters: list[str]) -> list[str]:
        return names(Settings={"GeneralLabels": filters})

    everything = names()
    assert names(MaxLabels=2) == everything[:2]
    assert names(MaxLabels=0) == []
    assert names(Features=[]) == everything
    assert with_filter(LabelInclusionFilters=["Cat", "Person"]) == ["Cat"]
    assert with_filter(LabelExclusionFilters=["Cat"]) == [name for name in everything if name != "Cat"]
    assert set(with_filter(LabelCategoryInclusionFilters=["Animals and Pets"])) >= {"Animal", "Cat", "Mammal", "Pet"}
    assert "Cat" not in with_filter(LabelCategoryExclusionFilters=["Animals and Pets"])
    assert with_filter(LabelCategoryInclusionFilters=["No Such Category"]) == []
    only_colors = rekognition.detect_labels(
        Image=image, Features=["IMAGE_PROPERTIES"], Settings={"ImageProperties": {"MaxDominantColors": 1}}
    )
    assert "Labels" not in only_colors
    assert len(only_colors["ImageProperties"]["DominantColors"]) == 1


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"MinConfidence": 101.0}, "minConfidence"),
        ({"Features": ["GENERAL_LABEL"]}, "features"),
        ({"Settings": {"ImageProperties": {"MaxDominantColors": 21}}}, "settings.imageProperties.maxDominantColors"),
        (
            {"Settings": {"GeneralLabels": {"LabelInclusionFilters": ["Cat"] * 101}}},
            "settings.generalLabels.labelInclusionFilters",
        ),
    ],
)
def test_what_the_service_model_does_not_allow_is_refused(
    rekognition: "RekognitionClient", photos: dict[str, bytes], request_: dict[str, Any], path: str
) -> None:
    code, message, _ = refusal(rekognition.detect_labels, Image={"Bytes": photos["coffee.png"]}, **request_)

    assert code == "ValidationException"
    assert path in message


def test_limits_on_labels_need_the_labels(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    code, message, reason = refusal(
        rekognition.detect_labels, Image={"Bytes": photos["coffee.png"]}, Features=["IMAGE_PROPERTIES"], MaxLabels=3
    )

    assert (code, message) == ("InvalidParameterException", "Request has invalid parameters")
    assert "MaxLabels" in reason
    with pytest.raises(ParamValidationError):
        rekognition.detect_labels(Image={"Bytes": photos["coffee.png"]}, MaxLabels=-1)


def test_a_picture_of_more_than_10000_px_is_refused(rekognition: "RekognitionClient") -> None:
    file = io.BytesIO()
    Image.new("L", (10_001, 80)).save(file, "PNG")

    code, message, _ = refusal(rekognition.detect_labels, Image={"Bytes": file.getvalue()})

    assert code == "ImageTooLargeException"
    assert message == "Input image dimensions 10001 x 80 exceed maximum dimension size of 10000 pixels"


def test_a_turned_photo_has_its_boxes_upright(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    lying = Image.open(io.BytesIO(photos["biden.jpg"])).transpose(Image.Transpose.ROTATE_90)
    lying.save(file, "JPEG", exif=exif, quality=90)

    upright, turned = (
        by_name(rekognition.detect_labels(Image={"Bytes": image}))["Person"]["Instances"][0]["BoundingBox"]
        for image in (photos["biden.jpg"], file.getvalue())
    )

    assert turned == pytest.approx(upright, abs=0.05)


def test_a_woman_and_a_man_are_told_with_the_box_of_their_person(answers: dict[str, Any]) -> None:
    for name, expected, others in (
        ("astronaut.png", {"Adult", "Female", "Woman", "Smile", "Happy"}, {"Male", "Man", "Child", "Beard", "Glasses"}),
        ("biden.jpg", {"Adult", "Male", "Man"}, {"Female", "Woman", "Child", "Beard", "Smile"}),
    ):
        found = {what: label for what, label in by_name(answers[name]).items() if label["Confidence"] >= 55}
        assert expected <= set(found), name
        assert not others & set(found), name
        for what in expected & {"Adult", "Woman", "Man"}:
            (instance,) = found[what]["Instances"]
            assert instance["BoundingBox"] == found["Person"]["Instances"][0]["BoundingBox"]
