"""Celebrities through stock boto3: two people are added on the command line, and recognised."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner, Result

from openrek.runtime.cli.main import main
from tests.conformance.conftest import refusal
from tests.support.server import client
from tests.support.variants import collage

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

URL = "www.wikidata.org/wiki/Q76"


@pytest.fixture(scope="module")
def folder(photos: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name, content in photos.items():
        (folder / name).write_bytes(content)
    return folder


def run(live_server: str, *arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(
        main, ["celebrities", *map(str, arguments), "--endpoint-url", live_server], catch_exceptions=False
    )
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def barack(live_server: str, folder: Path, rekognition: "RekognitionClient") -> Iterator[str]:
    """Add two people; yield the id of one."""
    paths = [folder / "obama.jpg", folder / "obama3.jpg"]
    run(live_server, "add", "Barack Obama", *paths, "--id", "3Ir0du6", "--url", URL, "--gender", "Male")
    run(live_server, "add", "Eileen Collins", folder / "astronaut.png")
    yield "3Ir0du6"
    rekognition.delete_collection(CollectionId="celebrities")


def names(response: Any) -> list[str]:
    return [each["Name"] for each in response["CelebrityFaces"]]


def test_two_celebrities_and_somebody_else(
    rekognition: "RekognitionClient", barack: str, photos: dict[str, bytes]
) -> None:
    image, _ = collage(
        (1700, 1100),
        {
            "barack": (photos["obama2.jpg"], (40, 60), 620),
            "joe": (photos["biden.jpg"], (740, 60), 470),
            "eileen": (photos["astronaut.png"], (1260, 60), 400),
        },
    )
    found = rekognition.recognize_celebrities(Image={"Bytes": image})
    assert sorted(names(found)) == ["Barack Obama", "Eileen Collins"]
    (first,) = [each for each in found["CelebrityFaces"] if each["Id"] == barack]
    assert (first["Urls"], first["KnownGender"]) == ([URL], {"Type": "Male"})
    assert 90 <= first["MatchConfidence"] <= 100
    members = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality", "Emotions", "Smile"}
    assert set(first["Face"]) == members
    assert [set(face) for face in found["UnrecognizedFaces"]] == [members]
    assert len(first["Face"]["Emotions"]) == 8


def test_info(rekognition: "RekognitionClient", barack: str) -> None:
    info = rekognition.get_celebrity_info(Id=barack)
    assert (info["Name"], info["Urls"], info["KnownGender"]) == ("Barack Obama", [URL], {"Type": "Male"})
    code, message, _ = refusal(rekognition.get_celebrity_info, Id="nobody")
    assert (code, message) == ("ResourceNotFoundException", "The celebrity id: nobody does not exist")
    assert refusal(rekognition.get_celebrity_info, Id="a b")[0] == "ValidationException"


def test_before_anybody_is_added_the_reason_says_how(
    rekognition: "RekognitionClient", photos: dict[str, bytes]
) -> None:
    found = rekognition.recognize_celebrities(Image={"Bytes": photos["obama.jpg"]})
    assert (found["CelebrityFaces"], len(found["UnrecognizedFaces"])) == ([], 1)
    assert "openrek celebrities add" in found["ResponseMetadata"]["HTTPHeaders"]["x-openrek-reason"]


def test_one_who_is_erased_is_recognised_no_more(
    live_server: str, rekognition: "RekognitionClient", barack: str, photos: dict[str, bytes]
) -> None:
    assert run(live_server, "remove", barack, "--yes").output == f"Erased {barack}, with 2 faces.\n"
    assert names(rekognition.recognize_celebrities(Image={"Bytes": photos["obama2.jpg"]})) == []
    assert refusal(rekognition.get_celebrity_info, Id=barack)[0] == "ResourceNotFoundException"


def test_they_are_listed_and_a_repetition_adds_nothing(live_server: str, barack: str, folder: Path) -> None:
    lines = run(live_server, "list").output.splitlines()
    assert lines[0].split() == ["Id", "Name", "Gender", "Addresses"]
    assert sorted(line.split()[1:] for line in lines[1:]) == [
        ["Barack", "Obama", "Male", URL],
        ["Eileen", "Collins", "Unlisted"],
    ]
    again = run(live_server, "add", "Barack Obama", folder / "obama.jpg", folder / "32bit.png", "--id", barack)
    assert again.output == f"{barack}  Barack Obama: 1 photos added, 1 known.\n"
    assert run(live_server, "list").output.splitlines() == lines


def test_a_photo_of_somebody_else_is_not_taken(
    live_server: str, barack: str, folder: Path, rekognition: "RekognitionClient"
) -> None:
    before = rekognition.describe_collection(CollectionId="celebrities")["FaceCount"]
    paths = [folder / "biden.jpg", folder / "coffee.png"]
    done = run(live_server, "add", "Barack Obama", *paths, "--id", barack, status=1)
    said = " ".join(done.output.split())
    assert "0 photos added" in said
    assert "not similar enough" in said
    assert "no face that is clear enough" in said
    assert rekognition.describe_collection(CollectionId="celebrities")["FaceCount"] == before


def test_a_folder_of_people_is_imported_and_gone_on_with(
    live_server: str, rekognition: "RekognitionClient", photos: dict[str, bytes], tmp_path: Path
) -> None:
    for person, photo in (("Joe_Biden", "biden.jpg"), ("Eileen Collins", "astronaut.png")):
        (tmp_path / person).mkdir()
        (tmp_path / person / photo).write_bytes(photos[photo])
    first = run(live_server, "import", tmp_path).output.splitlines()
    assert [line.split("  ")[1] for line in first] == [
        "Eileen Collins: 1 photos added, 0 known.",
        "Joe Biden: 1 photos added, 0 known.",
    ]
    assert all(len(line.split()[0]) == 8 for line in first)
    assert "Joe Biden: 0 photos added, 1 known." in run(live_server, "import", tmp_path).output
    assert names(rekognition.recognize_celebrities(Image={"Bytes": photos["biden.jpg"]})) == ["Joe Biden"]
    rekognition.delete_collection(CollectionId="celebrities")


BAD: dict[str, dict[str, Any]] = {
    "no name": {"Name": ""},
    "300 characters": {"Name": "a" * 300},
    "a line break": {"Name": "a\nb"},
    "id": {"Id": "a-b"},
    "empty id": {"Id": ""},
    "no URL": {"Urls": ["not a url"]},
    "a script": {"Urls": ["javascript:alert(1)"]},
    "a word": {"Urls": ["example"]},
    "21 URLs": {"Urls": ["www.example.com"] * 21},
    "long URL": {"Urls": ["www.example.com/" + "a" * 500]},
    "gender": {"KnownGender": {"Type": "male"}},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_celebrity_is_refused(
    live_server: str, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert CliRunner().invoke(main, ["extensions", str(tmp_path)]).exit_code == 0
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    stock: Any = client(live_server, session=boto3.Session(), parameter_validation=False)
    asked = {"CollectionId": collection, "Id": "a", "Name": "Ada", **BAD[name]}
    assert refusal(stock.put_celebrity_info, **asked)[0] == "ValidationException"
    assert stock.list_users(CollectionId=collection)["Users"] == []
    good = {"Urls": ["www.example.com", "https://example.com:8443/a?b=c#d"], "KnownGender": {"Type": "Nonbinary"}}
    stock.put_celebrity_info(**{**asked, "Id": "a", "Name": "\u0141 & \u9234", **good})


def test_an_id_that_is_none_is_refused_before_any_call(folder: Path) -> None:
    result = CliRunner().invoke(
        main,
        ["celebrities", "add", "Ada", str(folder / "obama.jpg"), "--id", "a-b", "--endpoint-url", "http://[::1]:1"],
    )
    assert result.exit_code == 2
    assert "1 to 128 of the characters" in result.output
