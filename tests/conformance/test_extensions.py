"""openrek's own two operations, called as a user of boto3 calls them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore.exceptions import ParamValidationError
from click.testing import CliRunner

from openrek.domain.faces import largest
from openrek.runtime.cli.main import main
from openrek.store.log.quantisation import quantise
from openrek.store.users.user_vectors import user_vector
from openrek.vision.faces.reader import FaceReader
from tests.conformance.conftest import refusal
from tests.conformance.people import MAN, found_users, index, listed, owners, user, users
from tests.support.server import ServerProcess, client
from tests.support.variants import collage

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that boto3 looks for models in, after `openrek extensions`."""
    folder = tmp_path / "models"
    result = CliRunner().invoke(main, ["extensions", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    monkeypatch.setenv("AWS_DATA_PATH", str(folder))
    return folder


@pytest.fixture
def stock(live_server: str, models: Path) -> Any:
    """Return a stock boto3 client that found the description of the two operations."""
    return client(live_server, session=boto3.Session())


@pytest.fixture
def faces(rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]) -> dict[str, str]:
    """Index photos: barack and sally are users; biden.jpg is nobody's."""
    faces = index(rekognition, collection, photos, *MAN, "astronaut.png", "biden.jpg")
    user(rekognition, collection, "barack", *(faces[name] for name in MAN))
    user(rekognition, collection, "sally", faces["astronaut.png"])
    return faces


def group(photos: dict[str, bytes]) -> tuple[bytes, dict[str, tuple[float, float, float, float]]]:
    """Return three people in one picture, in order of size; the first from a photo that is not indexed."""
    return collage(
        (1700, 1100),
        {
            "barack": (photos["obama2.jpg"], (40, 60), 620),
            "joe": (photos["biden.jpg"], (740, 60), 470),
            "sally": (photos["astronaut.png"], (1250, 60), 420),
        },
    )


def test_every_face_of_a_group_picture_finds_its_person(
    stock: Any, collection: str, faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    picture, places = group(photos)
    response = stock.search_all_faces_by_image(
        CollectionId=collection, Image={"Bytes": picture}, Include=["FACES", "USERS"]
    )
    assert response["FaceModelVersion"] == "7.1"
    assert response["UnsearchedFaces"] == []
    for face, (name, place) in zip(response["SearchedFaces"], places.items(), strict=True):
        assert face.keys() == {"FaceDetail", "FaceMatches", "UserMatches"}
        assert place[0] < face["FaceDetail"]["BoundingBox"]["Left"] < place[0] + place[2]
        ids = {match["Face"]["ExternalImageId"] for match in face["FaceMatches"]}
        assert ids == {"barack": set(MAN), "joe": {"biden.jpg"}, "sally": {"astronaut.png"}}[name]
        assert list(found_users(face)) == {"barack": ["barack"], "joe": [], "sally": ["sally"]}[name]
        assert all(match["Similarity"] > 95 for match in face["FaceMatches"][:1])
        similarities = [match["Similarity"] for match in face["FaceMatches"]]
        assert similarities == sorted(similarities, reverse=True)
    assert response["SearchedFaces"][0]["FaceMatches"][0]["Face"]["UserId"] == "barack"


def test_each_face_is_answered_as_if_it_were_asked_alone(
    stock: Any, collection: str, faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    image = {"Bytes": photos["obama2.jpg"]}
    (face,) = stock.search_all_faces_by_image(
        CollectionId=collection, Image=image, Include=["USERS", "FACES"], FaceMatchThreshold=0, UserMatchThreshold=0
    )["SearchedFaces"]
    alone = stock.search_faces_by_image(CollectionId=collection, Image=image, FaceMatchThreshold=0)
    alone_users = stock.search_users_by_image(CollectionId=collection, Image=image, UserMatchThreshold=0)
    assert face["FaceMatches"] == alone["FaceMatches"]
    assert face["UserMatches"] == alone_users["UserMatches"]
    assert face["FaceDetail"] == alone_users["SearchedFace"]["FaceDetail"]
    (few,) = stock.search_all_faces_by_image(CollectionId=collection, Image=image, FaceMatchThreshold=0, MaxFaces=2)[
        "SearchedFaces"
    ]
    assert few["FaceMatches"] == alone["FaceMatches"][:2]
    assert "UserMatches" not in few


def test_photos_without_a_usable_face(
    stock: Any, collection: str, faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    nothing = stock.search_all_faces_by_image(CollectionId=collection, Image={"Bytes": photos["coffee.png"]})
    assert (nothing["SearchedFaces"], nothing["UnsearchedFaces"]) == ([], [])
    picture, _ = collage(
        (900, 700),
        {"large": (photos["obama2.jpg"], (20, 20), 400), "tiny": (photos["biden.jpg"], (700, 300), 40)},
    )
    response = stock.search_all_faces_by_image(CollectionId=collection, Image={"Bytes": picture}, QualityFilter="HIGH")
    assert len(response["SearchedFaces"]) == 1
    (dropped,) = response["UnsearchedFaces"]
    assert "SMALL_BOUNDING_BOX" in dropped["Reasons"]
    assert dropped["FaceDetails"]["BoundingBox"]["Left"] > 0.7


def test_a_user_is_erased_with_all_its_faces(
    stock: Any, rekognition: "RekognitionClient", collection: str, faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    gone = stock.erase_person(CollectionId=collection, UserId="barack")
    assert gone["DeletedFaces"] == sorted(faces[name] for name in MAN)
    assert gone["DeletedUsers"] == ["barack"]
    assert users(rekognition, collection) == {"sally": "ACTIVE"}
    assert owners(rekognition, collection) == {faces["astronaut.png"]: "sally", faces["biden.jpg"]: None}
    counts = rekognition.describe_collection(CollectionId=collection)
    assert (counts["FaceCount"], counts["UserCount"]) == (2, 1)
    image = {"Bytes": photos["obama.jpg"]}
    assert rekognition.search_faces_by_image(CollectionId=collection, Image=image)["FaceMatches"] == []
    assert rekognition.search_users_by_image(CollectionId=collection, Image=image)["UserMatches"] == []
    again = refusal(stock.erase_person, CollectionId=collection, UserId="barack")
    assert again[:2] == ("ResourceNotFoundException", "The user id: barack does not exist")
    # The photo is a new one now: nothing remembers that it was here.
    anew = index(rekognition, collection, photos, "obama.jpg")
    assert anew["obama.jpg"] != faces["obama.jpg"]


def test_an_external_image_id_is_erased_with_users_that_have_nothing_else(
    stock: Any, rekognition: "RekognitionClient", collection: str, faces: dict[str, str]
) -> None:
    one = stock.erase_person(CollectionId=collection, ExternalImageId="obama.jpg")
    assert (one["DeletedFaces"], one["DeletedUsers"]) == ([faces["obama.jpg"]], [])
    assert len(rekognition.list_faces(CollectionId=collection, UserId="barack")["Faces"]) == 2
    last = stock.erase_person(CollectionId=collection, ExternalImageId="astronaut.png")
    assert (last["DeletedFaces"], last["DeletedUsers"]) == ([faces["astronaut.png"]], ["sally"])
    nothing = stock.erase_person(CollectionId=collection, ExternalImageId="astronaut.png")
    assert (nothing["DeletedFaces"], nothing["DeletedUsers"]) == ([], [])
    assert {face["ExternalImageId"] for face in listed(rekognition, collection)} == {*MAN[1:], "biden.jpg"}


def test_what_is_erased_leaves_no_vector_in_any_file(
    tmp_path: Path, weights_folder: Path, models: Path, reader: FaceReader, photos: dict[str, bytes]
) -> None:
    data = tmp_path / "data"
    vectors = {name: stored(reader, photos[name]) for name in (*MAN, "biden.jpg")}
    server = ServerProcess(data, weights_folder)
    stock: Any = client(server.url, session=boto3.Session())
    try:
        stock.create_collection(CollectionId="people")
        faces = index(stock, "people", photos, *MAN, "biden.jpg")
        user(stock, "people", "barack", *(faces[name] for name in MAN))
        in_order = sorted(MAN, key=lambda name: faces[name])
        of_user = user_vector([vectors[name] for name in in_order])[0]
        personal = [*(vectors[name][0] for name in MAN), of_user, b"barack"]
        assert all(lies_in(data, part) for part in personal)
        stock.erase_person(CollectionId="people", UserId="barack")
    finally:
        assert server.stop() == (0, "")
    result = CliRunner().invoke(main, ["purge", "--data", str(data)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert not any(lies_in(data, part) for part in [*personal, *(faces[name].encode() for name in MAN)])
    assert lies_in(data, vectors["biden.jpg"][0])


def stored(reader: FaceReader, image: bytes) -> tuple[bytes, float]:
    photo = reader.read(image)
    return quantise(photo.embed(largest(photo.faces)).embedding)


def lies_in(folder: Path, part: bytes) -> bool:
    return any(part in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_sdk_checks_and_knows_them_like_its_own(stock: Any, collection: str) -> None:
    with pytest.raises(ParamValidationError, match="Image"):
        stock.search_all_faces_by_image(CollectionId=collection)
    with pytest.raises(stock.exceptions.ResourceNotFoundException):
        stock.erase_person(CollectionId="never", UserId="ann")
    assert "Removes everything that a collection knows" in str(stock.erase_person.__doc__)
    assert len(stock.meta.service_model.operation_names) == 78


@pytest.mark.parametrize("request_", [{}, {"UserId": "ann", "ExternalImageId": "desk"}])
def test_a_person_is_named_in_one_way(stock: Any, collection: str, request_: dict[str, str]) -> None:
    code, message, reason = refusal(stock.erase_person, CollectionId=collection, **request_)
    assert (code, message) == ("InvalidParameterException", "Request has invalid parameters")
    assert reason == "ErasePerson needs either UserId or ExternalImageId, and not both."


def test_members_are_validated(stock: Any, collection: str, photos: dict[str, bytes]) -> None:
    call = {"CollectionId": collection, "Image": {"Bytes": photos["obama.jpg"]}}
    for member, value, path in (
        ("MaxFaces", 51, "maxFaces"),
        ("MaxUsers", 51, "maxUsers"),
        ("Include", ["FACES", "CATS"], "include"),
        ("Include", ["FACES"] * 3, "include"),
        ("UserMatchThreshold", 101, "userMatchThreshold"),
        ("QualityFilter", "BEST", "qualityFilter"),
    ):
        code, message, _ = refusal(stock.search_all_faces_by_image, **call, **{member: value})
        assert (code, f"at '{path}' failed" in message) == ("ValidationException", True), member


def test_the_path_leads_there_too(live_server: str, collection: str) -> None:
    response = requests.post(
        f"{live_server}/ErasePerson",
        json={"CollectionId": collection, "ExternalImageId": "desk"},
        headers={"Content-Type": "application/x-amz-json-1.1"},
        timeout=60,
    )
    assert (response.status_code, response.json()) == (200, {"DeletedFaces": [], "DeletedUsers": []})


def test_the_aws_cli_learns_them_too(
    live_server: str, models: Path, tmp_path: Path, collection: str, faces: dict[str, str]
) -> None:
    environment = {
        **os.environ,
        "AWS_DATA_PATH": str(models),
        "AWS_ENDPOINT_URL_REKOGNITION": live_server,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [sys.executable, str(Path(sys.executable).with_name("aws")), "rekognition", "erase-person"]
    done = subprocess.run(
        [*command, "--collection-id", collection, "--user-id", "sally", "--query", "DeletedFaces[0]"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, f'"{faces["astronaut.png"]}"'), done.stderr
