"""`openrek users`, `search-all`, `erase` and `extensions` against the real server, with real photos."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from openrek.wire.extensions import extensions
from tests.support.variants import collage

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

UNKNOWN = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def photo(tmp_path: Path, photos: Mapping[str, bytes]):
    """Return the path of a photo of the packages, outside of the folder that is indexed."""

    def path(name: str) -> Path:
        (tmp_path / name).write_bytes(photos[name])
        return tmp_path / name

    return path


@pytest.fixture
def faces(run, rekognition: "RekognitionClient", collection: str, tmp_path: Path, photos: Mapping[str, bytes]):
    """Index a folder; return photo name -> FaceId."""
    (tmp_path / "indexed").mkdir()
    for name in ("obama.jpg", "obama3.jpg", "biden.jpg"):
        (tmp_path / "indexed" / name).write_bytes(photos[name])
    assert run("index", tmp_path / "indexed", "-c", collection).exit_code == 0
    return {
        face["ExternalImageId"]: face["FaceId"] for face in rekognition.list_faces(CollectionId=collection)["Faces"]
    }


def words(output: str) -> list[str]:
    """Return the lines with single blanks."""
    return [re.sub(r" +", " ", line).strip() for line in output.splitlines()]


def test_the_life_of_a_user(run, collection: str, faces: dict[str, str], photo) -> None:
    at = ("-c", collection)
    assert run("users", "list", *at).output == f"{collection} has no users.\n"
    assert run("users", "create", "barack", *at).output == "Created the user barack.\n"
    again = run("users", "create", "barack", *at)
    assert again.exit_code == 1
    assert again.output.startswith("Error: ")
    assert words(run("users", "list", *at).output) == ["User Status", "barack CREATED"]

    own = (faces["obama.jpg"], faces["obama3.jpg"])
    joined = run("users", "associate", "barack", *own, *at)
    assert (joined.exit_code, words(joined.output)[1:]) == (0, [f"{face_id} joined" for face_id in own])
    more = run("users", "associate", "barack", own[0], faces["biden.jpg"], UNKNOWN, *at)
    assert more.exit_code == 1
    lines = words(more.output)
    assert lines[1] == f"{own[0]} was there already"
    assert re.fullmatch(rf"{faces['biden.jpg']} is not similar enough: \d+\.\d\d", lines[2])
    assert lines[3] == f"{UNKNOWN} is not in the collection"
    assert json.loads(run("users", "list", *at, "--json").output) == {
        "Users": [{"UserId": "barack", "UserStatus": "ACTIVE"}]
    }

    run("users", "create", "joe", *at)
    foreign = run("users", "associate", "joe", own[0], *at, "--json")
    assert foreign.exit_code == 1
    assert json.loads(foreign.output)["UnsuccessfulFaceAssociations"][0]["UserId"] == "barack"
    assert words(run("users", "associate", "joe", own[0], *at).output)[1] == f"{own[0]} belongs to barack"

    left = run("users", "disassociate", "barack", own[0], faces["biden.jpg"], *at)
    assert (left.exit_code, words(left.output)[1:]) == (0, [f"{own[0]} left", f"{faces['biden.jpg']} was not there"])
    assert run("users", "delete", "barack", *at).output == "Deleted the user barack; its faces stay.\n"
    assert words(run("users", "list", *at).output)[1:] == ["joe CREATED"]


def test_users_are_searched_by_photo_user_and_face(run, collection: str, faces: dict[str, str], photo) -> None:
    at = ("-c", collection)
    for user, name in (("barack", "obama.jpg"), ("joe", "biden.jpg")):
        run("users", "create", user, *at)
        run("users", "associate", user, faces[name], *at)
    lines = words(run("users", "search", photo("obama2.jpg"), *at).output)
    assert lines[0] == "Similarity User Status"
    assert re.fullmatch(r"\d+\.\d\d barack ACTIVE", lines[1])
    assert len(lines) == 2
    assert run("users", "search", photo("astronaut.png"), *at).output == (
        f"No user of {collection} is at least 80 similar.\n"
    )
    assert run("users", "search", photo("coffee.png"), *at).output == "No face was found in the photo.\n"
    by_face = json.loads(run("users", "search", "--face", faces["obama3.jpg"], *at, "--json").output)
    assert [match["User"]["UserId"] for match in by_face["UserMatches"]] == ["barack"]
    by_user = words(run("users", "search", "--user", "barack", *at, "--threshold", "0").output)
    assert len(by_user) == 2
    assert by_user[1].endswith(" joe ACTIVE")
    assert run("users", "search", *at).exit_code == 2
    assert run("users", "search", "--user", "barack", "--face", UNKNOWN, *at).exit_code == 2


def test_everybody_on_a_photo(run, collection: str, faces: dict[str, str], tmp_path: Path, photos) -> None:
    at = ("-c", collection)
    run("users", "create", "joe", *at)
    run("users", "associate", "joe", faces["biden.jpg"], *at)
    picture, _ = collage(
        (1700, 1100),
        {
            "barack": (photos["obama2.jpg"], (40, 60), 620),
            "joe": (photos["biden.jpg"], (740, 60), 470),
            "sally": (photos["astronaut.png"], (1250, 60), 420),
        },
    )
    party = tmp_path / "party.jpg"
    party.write_bytes(picture)
    drawn = tmp_path / "drawn.jpg"
    lines = words(run("search-all", party, *at, "--users", "--picture", drawn).output)
    assert lines[0] == "Face Similarity Match FaceId"
    assert {lines[1].split()[2], lines[2].split()[1]} == {"obama.jpg", "obama3.jpg"}
    assert re.fullmatch(r"2 \d+\.\d\d user joe", lines[3])
    assert re.fullmatch(rf"100.00 biden.jpg {faces['biden.jpg']}|\d+\.\d\d biden.jpg {faces['biden.jpg']}", lines[4])
    assert lines[5] == "3 nobody"
    with Image.open(drawn) as shown, Image.open(party) as plain:
        assert shown.size == plain.size
        assert shown.tobytes() != plain.tobytes()
    response = json.loads(run("search-all", party, *at, "--json").stdout)
    assert [len(face["FaceMatches"]) for face in response["SearchedFaces"]] == [2, 1, 0]
    assert not any("UserMatches" in face for face in response["SearchedFaces"])


def test_a_photo_without_a_face(run, collection: str, faces: dict[str, str], photo) -> None:
    assert run("search-all", photo("coffee.png"), "-c", collection).output == "No face was found in the photo.\n"


def test_a_person_is_erased_once_it_was_meant(
    run, rekognition: "RekognitionClient", collection: str, faces: dict[str, str]
) -> None:
    at = ("-c", collection)
    run("users", "create", "barack", *at)
    run("users", "associate", "barack", faces["obama.jpg"], faces["obama3.jpg"], *at)
    refused = run("erase", *at, "--user", "barack", input="n\n")
    assert refused.exit_code == 1
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 3
    done = run("erase", *at, "--user", "barack", input="y\n")
    assert done.exit_code == 0
    assert done.stdout.endswith("Erased faces: 2. Erased users: 1.\n")
    by_id = run("erase", *at, "--external-image-id", "biden.jpg", "--yes", "--json")
    assert json.loads(by_id.stdout) == {"DeletedFaces": [faces["biden.jpg"]], "DeletedUsers": []}
    missing = run("erase", *at, "--user", "barack", "--yes")
    assert (missing.exit_code, missing.output) == (1, "Error: The user id: barack does not exist\n")
    assert run("erase", *at, "--yes").exit_code == 2
    assert run("erase", *at, "--user", "a", "--external-image-id", "b", "--yes").exit_code == 2


def test_the_description_for_sdks_is_written_where_it_is_wanted(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for arguments, folder in (((), tmp_path / ".aws" / "models"), ((tmp_path / "here",), tmp_path / "here")):
        path = folder / "rekognition" / "2016-06-27" / "service-2.sdk-extras.json"
        assert run("extensions", *arguments).output == f"Wrote {path}.\n"
        assert json.loads(path.read_text("utf-8")) == {"version": 1.0, "merge": extensions()}
    (tmp_path / "file").write_text("")
    assert run("extensions", tmp_path / "file" / "below").exit_code == 1
