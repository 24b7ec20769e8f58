"""`openrek labels show`: a table, the service's JSON, and a picture with boxes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from openrek.runtime.cli.annotate import Mark, annotate
from tests.support.server import stub_server

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

BOX = {"Left": 0.25, "Top": 0.25, "Width": 0.5, "Height": 0.5}
CUP: dict[str, Any] = {
    "Name": "Cup",
    "Confidence": 95.5,
    "Instances": [{"BoundingBox": BOX, "Confidence": 95.5}],
    "Parents": [],
    "Aliases": [],
    "Categories": [{"Name": "Kitchen and Dining"}],
}


@pytest.fixture
def coffee(tmp_path: Path, photos: Mapping[str, bytes]) -> Path:
    path = tmp_path / "coffee.png"
    path.write_bytes(photos["coffee.png"])
    return path


def test_labels_are_a_table_and_boxes_a_picture(
    run, rekognition: "RekognitionClient", coffee: Path, tmp_path: Path
) -> None:
    response = rekognition.detect_labels(Image={"Bytes": coffee.read_bytes()})
    picture = tmp_path / "seen.png"

    result = run("labels", "show", coffee, "--picture", picture)

    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    for label, line in zip(response["Labels"], lines[1:], strict=False):
        assert line.split()[0] == f"{label['Confidence']:.1f}"
        assert label["Name"] in line
    marks = [
        Mark(
            tuple(each["BoundingBox"][side] for side in ("Left", "Top", "Width", "Height")),  # type: ignore[arg-type]
            text=f"{label['Name']}  {each['Confidence']:.0f} %",
            matched=True,
        )
        for label in response["Labels"]
        for each in label["Instances"]
    ]
    assert marks
    with Image.open(picture) as drawn:
        assert drawn.tobytes() == annotate(coffee.read_bytes(), marks).tobytes()


def test_json_is_the_services_answer(run, rekognition: "RekognitionClient", coffee: Path) -> None:
    response = rekognition.detect_labels(
        Image={"Bytes": coffee.read_bytes()}, MaxLabels=3, Features=["GENERAL_LABELS", "IMAGE_PROPERTIES"]
    )

    printed = json.loads(run("labels", "show", coffee, "--max-labels", 3, "--colors", "--json").stdout)

    assert printed == {name: value for name, value in response.items() if name != "ResponseMetadata"}


def test_colors_are_a_table_too(run, coffee: Path) -> None:
    output = run("labels", "show", coffee, "--colors").output

    assert "sienna" in output
    assert "#a0522d" in output


def test_what_is_asked_for_is_what_the_options_say(run, coffee: Path) -> None:
    asked: list[dict[str, Any]] = []

    def detect(request: dict[str, Any], *_: object) -> dict[str, Any]:
        asked.append(request)
        return {"Labels": [CUP] if len(asked) == 1 else [], "LabelModelVersion": "3.0"}

    with stub_server({"DetectLabels": detect}) as (host, port):
        at = ("--endpoint-url", f"http://{host}:{port}")
        seen = run("labels", "show", coffee, *at)
        nothing = run("labels", "show", coffee, "--min-confidence", 99, "--max-labels", 7, *at)

    assert tuple(word for word in ("Cup", "Kitchen and Dining") if word in seen.output) == ("Cup", "Kitchen and Dining")
    assert nothing.output == "Nothing is at least 99 sure.\n"
    assert [(each["MinConfidence"], each["MaxLabels"], each["Features"]) for each in asked] == [
        (55.0, 1000, ["GENERAL_LABELS"]),
        (99.0, 7, ["GENERAL_LABELS"]),
    ]
