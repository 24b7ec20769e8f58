"""DetectLabels."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidImageFormat, InvalidParameter
from openrek.domain.remarks import Remarked
from openrek.operations.detect_labels import NO_PERSONS
from tests.operations.parts.world import World


def labels(world: World, words: str, **request: Any) -> dict[str, dict[str, Any]]:
    """Return the labels of a picture by name, in the order of the response."""
    response = world.do("DetectLabels", Image={"Bytes": words.encode()}, **request)
    assert response["LabelModelVersion"] == "3.0"
    return {label["Name"]: label for label in response["Labels"]}


def names(world: World, words: str, **filters: list[str]) -> list[str]:
    return list(labels(world, words, Settings={"GeneralLabels": filters}))


def test_a_label_has_its_ancestors_with_it_the_surest_first_then_by_name(world: World) -> None:
    found = labels(world, "dog car")

    assert list(found) == ["Animal", "Dog", "Mammal", "Pet", "Car", "Vehicle"]
    assert found["Dog"] == {
        "Name": "Dog",
        "Confidence": 90.0,
        "Instances": [
            {"BoundingBox": {"Width": 0.25, "Height": 0.5, "Left": 0.0, "Top": 0.375}, "Confidence": 90.0},
        ],
        "Parents": [{"Name": "Animal"}, {"Name": "Mammal"}, {"Name": "Pet"}],
        "Aliases": [],
        "Categories": [{"Name": "Animals and Pets"}],
    }
    assert found["Pet"]["Instances"] == found["Pet"]["Parents"] == []


def test_labels_below_the_confidence_are_left_out(world: World) -> None:
    assert "Car" not in labels(world, "blur")
    assert list(labels(world, "blur", MinConfidence=30)) == ["Car", "Vehicle"]
    assert "Car" in labels(world, "car", MinConfidence=70)
    assert labels(world, "car", MinConfidence=70.5) == {}


@pytest.mark.parametrize(("most", "count"), [(0, 0), (2, 2), (1000, 6), (2**31 - 1, 6)])
def test_the_most_labels_are_the_surest(world: World, most: int, count: int) -> None:
    assert (
        list(labels(world, "dog car", MaxLabels=most)) == ["Animal", "Dog", "Mammal", "Pet", "Car", "Vehicle"][:count]
    )


def test_inclusion_filters_name_labels_or_categories(world: World) -> None:
    assert names(world, "dog car", LabelInclusionFilters=["Dog", "Person", "no such label"]) == ["Dog"]
    assert names(world, "dog car", LabelCategoryInclusionFilters=["Vehicles and Automotive"]) == ["Car", "Vehicle"]
    assert names(
        world, "dog car", LabelInclusionFilters=["Pet"], LabelCategoryInclusionFilters=["Vehicles and Automotive"]
    ) == ["Pet", "Car", "Vehicle"]
    assert names(world, "dog car", LabelInclusionFilters=["dog"]) == []
    assert names(world, "dog car", LabelCategoryInclusionFilters=["no such category"]) == []


def test_exclusion_filters_win(world: World) -> None:
    assert names(world, "dog", LabelExclusionFilters=["Pet", "no such label"]) == ["Animal", "Dog", "Mammal"]
    assert names(world, "dog car", LabelCategoryExclusionFilters=["Animals and Pets"]) == ["Car", "Vehicle"]
    assert names(world, "dog", LabelInclusionFilters=["Dog", "Pet"], LabelExclusionFilters=["Pet"]) == ["Dog"]
    assert names(world, "dog", LabelInclusionFilters=["Dog"], LabelCategoryExclusionFilters=["Animals and Pets"]) == []


def test_the_most_labels_are_counted_after_the_filters(world: World) -> None:
    filters = {"GeneralLabels": {"LabelCategoryInclusionFilters": ["Vehicles and Automotive"]}}
    assert list(labels(world, "dog car", MaxLabels=1, Settings=filters)) == ["Car"]


def test_unsure_instances_are_left_out_but_the_surest(world: World) -> None:
    """Cars of 70, 65, ... 45."""
    cars = " ".join(["car"] * 6)

    assert [each["Confidence"] for each in labels(world, cars)["Car"]["Instances"]] == [70, 65, 60, 55, 50]
    assert len(labels(world, cars, MinConfidence=45)["Car"]["Instances"]) == 6
    assert len(labels(world, "blur", MinConfidence=30)["Car"]["Instances"]) == 1


def test_a_face_is_a_person_with_a_box_around_it(world: World) -> None:
    found = labels(world, "ann", Settings={"GeneralLabels": {"LabelExclusionFilters": ["Child", "Female", "Girl"]}})

    assert set(found) == {"Face", "Happy", "Head", "Person", "Photography", "Portrait", "Smile"}
    assert found["Person"]["Aliases"] == [{"Name": "Human"}]
    (person,) = found["Person"]["Instances"]
    box = person["BoundingBox"]
    assert box["Left"] == 0
    assert box["Top"] < 0.25
    assert box["Top"] + box["Height"] == pytest.approx(1)


def test_a_face_within_a_person_is_that_person(world: World) -> None:
    """The first face is within the box of the walker, the second one is not."""
    assert len(labels(world, "ann bob walker")["Person"]["Instances"]) == 2
    assert len(labels(world, "walker walker")["Person"]["Instances"]) == 2


def test_many_persons_are_people_and_a_crowd(world: World) -> None:
    assert "People" not in labels(world, "walker " * 4)
    assert labels(world, "walker " * 5)["People"]["Confidence"] == 60
    assert labels(world, "walker " * 10, MinConfidence=10)["Crowd"]["Confidence"] == 35


def test_three_faces_are_a_group_and_none_is_a_portrait(world: World) -> None:
    found = labels(world, "ann bob cyd")

    assert "Groupshot" in found
    assert "Portrait" not in found


def test_properties_alone_read_no_labels_and_no_faces(world: World) -> None:
    response = world.do("DetectLabels", Image={"Bytes": b"dog"}, Features=["IMAGE_PROPERTIES"])

    assert set(response) == {"LabelModelVersion", "ImageProperties"}
    assert response["ImageProperties"]["Quality"] == {"Brightness": 50.0, "Sharpness": 60.0, "Contrast": 70.0}
    assert response["ImageProperties"]["DominantColors"][0] == {
        "Red": 85,
        "Green": 107,
        "Blue": 47,
        "HexCode": "#556b2f",
        "CSSColor": "darkolivegreen",
        "SimplifiedColor": "green",
        "PixelPercent": 60.0,
    }
    assert response["ImageProperties"]["Foreground"]["Quality"] == {"Brightness": 50.0, "Sharpness": 60.0}
    assert "Background" not in response["ImageProperties"]
    assert world.pictures.read_faces == []


def test_instances_have_colors_where_properties_are_asked_for(world: World) -> None:
    both = labels(world, "dog", Features=["GENERAL_LABELS", "IMAGE_PROPERTIES"])
    none = labels(
        world,
        "dog",
        Features=["IMAGE_PROPERTIES", "GENERAL_LABELS"],
        Settings={"ImageProperties": {"MaxDominantColors": 0}},
    )

    assert [color["CSSColor"] for color in both["Dog"]["Instances"][0]["DominantColors"]] == ["darkolivegreen"]
    assert none["Dog"]["Instances"][0]["DominantColors"] == []
    assert "DominantColors" not in labels(world, "dog", Features=[])["Dog"]["Instances"][0]


@pytest.mark.parametrize("limit", [{"MaxLabels": 5}, {"MinConfidence": 50.0}])
def test_limits_on_labels_are_refused_where_no_labels_are_asked_for(world: World, limit: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter) as raised:
        world.do("DetectLabels", Image={"Bytes": b"dog"}, Features=["IMAGE_PROPERTIES"], **limit)
    assert raised.value.reason
    assert next(iter(limit)) in raised.value.reason
    assert world.pictures.opened == 0


@pytest.mark.parametrize("image", [{}, {"Bytes": b"dog", "S3Object": {"Bucket": "photos", "Name": "1"}}])
def test_an_image_needs_one_source(world: World, image: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        world.do("DetectLabels", Image=image)
    assert world.pictures.opened == 0


def test_an_object_is_read_from_its_bucket(world: World) -> None:
    world.buckets.objects["photos", "dog.jpg", None] = b"dog"
    response = world.do("DetectLabels", Image={"S3Object": {"Bucket": "photos", "Name": "dog.jpg"}})
    assert "Dog" in {label["Name"] for label in response["Labels"]}


def test_what_is_no_image_is_refused(world: World) -> None:
    with pytest.raises(InvalidImageFormat):
        world.do("DetectLabels", Image={"Bytes": b"GIF89a"})
    assert world.do("DetectLabels", Image={"Bytes": b""})["Labels"] == []


def test_what_cannot_be_answered_is_said_beside_the_labels(world: World) -> None:
    response = world.do("DetectLabels", Image={"Bytes": b"dog damage"})
    assert isinstance(response, Remarked)
    assert response.remarks == ("One of the owner's labels is damaged.",)
    assert len(response["Labels"]) == 4
    colors = world.do("DetectLabels", Image={"Bytes": b"dog damage"}, Features=["IMAGE_PROPERTIES"])
    assert isinstance(colors, Remarked)
    assert colors.remarks == ()


def test_what_faces_tell_of_their_persons_carries_the_persons_boxes(world: World) -> None:
    """The first face shows 2 years and a smile, the second 12 and none, both look female."""
    found = labels(world, "ann bob", MinConfidence=40)

    persons = [each["BoundingBox"] for each in found["Person"]["Instances"]]
    assert len(persons) == 2
    for name in ("Child", "Female", "Girl"):
        told = found[name]
        assert sorted(str(each["BoundingBox"]) for each in told["Instances"]) == sorted(map(str, persons))
        assert told["Confidence"] == told["Instances"][0]["Confidence"]
        assert told["Confidence"] <= found["Person"]["Confidence"]
    assert found["Smile"]["Instances"] == []
    assert found["Smile"]["Confidence"] == pytest.approx(74.9, abs=0.1)
    assert found["Happy"]["Confidence"] >= found["Smile"]["Confidence"]
    assert not {"Adult", "Man", "Woman", "Glasses", "Beard"} & set(found)


def test_a_child_is_a_girl_less_surely_than_the_networks_say(world: World) -> None:
    found = labels(world, "ann", MinConfidence=0)
    assert found["Female"]["Confidence"] == pytest.approx(0.999 * 51.5, abs=0.1)  # of 53
    assert found["Girl"]["Confidence"] <= found["Female"]["Confidence"]


def test_without_the_models_of_attributes_the_rest_is_told_and_why(world: World) -> None:
    world.packs.missing.add("attributes")
    response = world.do("DetectLabels", Image={"Bytes": b"ann dog"})
    names = {label["Name"] for label in response["Labels"]}
    assert {"Dog", "Face", "Person"} <= names
    assert not {"Smile", "Child", "Female"} & names
    assert NO_PERSONS in response.remarks  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("filters", "remarks"),
    [({"LabelInclusionFilters": ["Person", "Dog"]}, 0), ({"LabelInclusionFilters": ["Woman"]}, 1), ({}, 1)],
)
def test_the_models_of_attributes_are_needed_only_for_labels_that_can_pass(
    world: World, filters: dict[str, Any], remarks: int
) -> None:
    world.packs.missing.add("attributes")
    response = world.do("DetectLabels", Image={"Bytes": b"ann"}, Settings={"GeneralLabels": filters})
    assert len(response.remarks) == remarks  # type: ignore[attr-defined]
