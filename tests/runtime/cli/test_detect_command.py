"""`openrek detect`: faces and their attributes as a table, as the service's JSON, and as a picture."""

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


@pytest.fixture
def obama(tmp_path: Path, photos: Mapping[str, bytes]) -> Path:
    path = tmp_path / "obama.jpg"
    path.write_bytes(photos["obama.jpg"])
    return path


def test_all_attributes_are_a_table_and_points_a_picture(
    run, rekognition: "RekognitionClient", obama: Path, tmp_path: Path
) -> None:
    (face,) = rekognition.detect_faces(Image={"Bytes": obama.read_bytes()}, Attributes=["ALL"])["FaceDetails"]

    result = run("detect", obama, "--attributes", "all", "--picture", tmp_path / "seen.png")

    assert result.exit_code == 0, result.output
    told = [line.split() for line in result.output.splitlines()]
    ages = [str(face["AgeRange"]["Low"]), "to", str(face["AgeRange"]["High"])]
    assert told[1] == ["1", "Face", f"{face['Confidence']:.1f}", "%"]
    assert ["Age", *ages] in told
    assert ["Gender", face["Gender"]["Value"], f"{face['Gender']['Confidence']:.1f}", "%"] in told
    smiles = "yes" if face["Smile"]["Value"] else "no"
    assert ["Smile", smiles, f"{face['Smile']['Confidence']:.1f}", "%"] in told
    assert [line[1] for line in told if line[0] == "Emotion"] == [each["Type"].lower() for each in face["Emotions"][:2]]
    box = face["BoundingBox"]
    points = [(point["X"], point["Y"]) for point in face["Landmarks"]]
    assert len(points) == 30
    mark = Mark((box["Left"], box["Top"], box["Width"], box["Height"]), points, "1", matched=True)
    with Image.open(tmp_path / "seen.png") as drawn:
        assert drawn.tobytes() == annotate(obama.read_bytes(), [mark]).tobytes()


def test_json_is_the_services_answer(run, rekognition: "RekognitionClient", obama: Path) -> None:
    response = rekognition.detect_faces(Image={"Bytes": obama.read_bytes()}, Attributes=["SMILE"])
    printed = json.loads(run("detect", obama, "--attributes", "smile", "--json").stdout)
    assert printed == {"FaceDetails": response["FaceDetails"]}


def test_a_photo_without_a_face_says_so(run, tmp_path: Path, photos: Mapping[str, bytes]) -> None:
    (tmp_path / "coffee.png").write_bytes(photos["coffee.png"])
    assert run("detect", tmp_path / "coffee.png").output == "There is no face in the photo.\n"


def test_names_are_those_of_the_api_in_any_writing(run, obama: Path) -> None:
    asked: list[Any] = []

    def detect_faces(request: dict[str, Any], _caller: object) -> dict[str, Any]:
        asked.append(request.get("Attributes"))
        return {"FaceDetails": []}

    with stub_server({"DetectFaces": detect_faces}) as (host, port):
        for written in ("smile, Eyes-open", "AGE_RANGE", "default"):
            assert (
                run("detect", obama, "--attributes", written, "--endpoint-url", f"http://{host}:{port}").exit_code == 0
            )
        unknown = run("detect", obama, "--attributes", "smile,mood", "--endpoint-url", f"http://{host}:{port}")

    assert asked == [["SMILE", "EYES_OPEN"], ["AGE_RANGE"], ["DEFAULT"]]
    assert unknown.exit_code == 2
    assert "there is no attribute mood; there are all, default, age-range," in " ".join(unknown.output.split())
