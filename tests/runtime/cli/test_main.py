"""The command line against the real server, with real photos."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


@pytest.fixture
def folder(tmp_path: Path, photos: Mapping[str, bytes]) -> Path:
    """Return a folder with two people, a cat, and a file that is no photo."""
    home = tmp_path / "photos"
    (home / "the president").mkdir(parents=True)
    (home / "the president" / "1.jpg").write_bytes(photos["obama.jpg"])
    (home / "biden.jpg").write_bytes(photos["biden.jpg"])
    (home / "cat.png").write_bytes(photos["chelsea.png"])
    (home / "broken.jpg").write_bytes(b"not a photo")
    (home / "notes.txt").write_text("not for the index")
    return home


def test_index_then_search(
    run, rekognition: "RekognitionClient", collection: str, folder: Path, photos: Mapping[str, bytes], tmp_path: Path
) -> None:
    indexed = run("index", folder, "-c", collection)
    assert indexed.exit_code == 1
    assert f"Created the collection {collection}." in indexed.output
    assert "2 photos indexed, 2 faces." in indexed.output
    assert "No face found in (1):\n  cat.png\n" in indexed.output
    assert "Failed (1):\n  broken.jpg: Request has invalid image format" in indexed.output
    faces = rekognition.list_faces(CollectionId=collection)["Faces"]
    assert {face["ExternalImageId"] for face in faces} == {"the:20president:2f1.jpg", "biden.jpg"}

    probe = tmp_path / "unseen.jpg"
    probe.write_bytes(photos["obama2.jpg"])
    picture = tmp_path / "found.jpg"
    searched = run("search", probe, "-c", collection, "--picture", picture)
    assert searched.exit_code == 0
    assert "the president/1.jpg" in searched.output
    assert "biden.jpg" not in searched.output
    with Image.open(picture) as drawn, Image.open(probe) as plain:
        assert drawn.size == plain.size

    response = json.loads(run("search", probe, "-c", collection, "--json").stdout)
    assert [match["Face"]["ExternalImageId"] for match in response["FaceMatches"]] == ["the:20president:2f1.jpg"]
    assert response["FaceMatches"][0]["Similarity"] > 95


def test_a_second_run_goes_on_where_the_first_stopped(
    run, rekognition: "RekognitionClient", collection: str, folder: Path, photos: Mapping[str, bytes]
) -> None:
    run("index", folder, "-c", collection)
    (folder / "broken.jpg").unlink()
    (folder / "new.png").write_bytes(photos["astronaut.png"])
    second = run("index", folder, "-c", collection)
    assert second.exit_code == 0
    assert "1 photo indexed, 1 face." in second.output
    assert "3 photos already indexed by an earlier run." in second.output
    again = run("index", folder, "-c", collection, "--again")
    assert "3 photos indexed, 3 faces." in again.output
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 3

    rekognition.delete_collection(CollectionId=collection)
    anew = run("index", folder, "-c", collection)
    assert "3 photos indexed, 3 faces." in anew.output


def test_names_that_collide_or_do_not_fit_are_reported(
    run, collection: str, folder: Path, photos: Mapping[str, bytes]
) -> None:
    (folder / "broken.jpg").unlink()
    (folder / "the president" / "biden.jpg").write_bytes(photos["biden.jpg"])
    (folder / f"{'é' * 43}.jpg").write_bytes(photos["biden.jpg"])
    result = run("index", folder, "-c", collection, "--id-from", "name")
    assert result.exit_code == 1
    assert "1 photo indexed, 1 face." in result.output
    assert "biden.jpg: 2 photos would share the ExternalImageId biden.jpg" in result.output
    assert "255 are allowed" in result.output


def test_a_photo_above_the_limits_is_indexed_all_the_same(
    run, rekognition: "RekognitionClient", collection: str, tmp_path: Path, photos: Mapping[str, bytes]
) -> None:
    (tmp_path / "large").mkdir()
    with Image.open(io.BytesIO(photos["obama.jpg"])) as photo:
        photo.convert("RGB").resize((3000, 2000)).save(tmp_path / "large" / "1.png", compress_level=0)
    result = run("index", tmp_path / "large", "-c", collection)
    assert result.exit_code == 0
    assert "1 photo indexed, 1 face." in result.output
    assert "1 photo above the API's limits, sent smaller." in result.output


def test_an_empty_folder_is_no_error(run, collection: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("index", tmp_path / "empty", "-c", collection)
    assert result.exit_code == 0
    assert "There is no JPEG or PNG in the folder." in result.output


def test_what_goes_wrong_is_one_sentence(run, collection: str, folder: Path, tmp_path: Path) -> None:
    missing = run("search", folder / "biden.jpg", "-c", collection)
    assert (missing.exit_code, missing.output) == (1, f"Error: The collection id: {collection} does not exist\n")
    nobody = run("search", folder / "biden.jpg", "-c", collection, "--endpoint-url", "http://127.0.0.1:9")
    assert nobody.exit_code == 1
    assert nobody.output.startswith("Error: No server answers at http://127.0.0.1:9; start one with")
    bad_name = run("index", folder, "-c", "no spaces")
    assert bad_name.exit_code == 1
    assert (
        bad_name.output == "Error: CollectionId: Member must satisfy regular expression pattern: [a-zA-Z0-9_.\\-]+.\n"
    )
    assert run("search", tmp_path / "nothing.jpg", "-c", collection).exit_code == 2


def test_what_cannot_be_written_is_named(run, rekognition: "RekognitionClient", folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    journal = run("index", folder, "-c", "journal")
    assert (journal.exit_code, journal.output.splitlines()[-1]) == (
        1,
        f"Error: {tmp_path}/config/openrek/indexed: Not a directory",
    )
    picture = tmp_path / f"{'x' * 300}.jpg"
    rekognition.index_faces(CollectionId="journal", Image={"Bytes": (folder / "biden.jpg").read_bytes()})
    drawn = run("search", folder / "biden.jpg", "-c", "journal", "--picture", picture)
    assert (drawn.exit_code, drawn.output.splitlines()[-1]) == (1, f"Error: {picture}: File name too long")
    rekognition.delete_collection(CollectionId="journal")


def test_a_photo_without_a_face_is_explained(run, collection: str, folder: Path) -> None:
    run("index", folder, "-c", collection)
    result = run("search", folder / "cat.png", "-c", collection)
    assert result.exit_code == 1
    assert "There are no faces in the image" in result.output


def test_the_aws_cli_works_against_it(live_server: str, tmp_path: Path, photos: Mapping[str, bytes]) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photos["obama.jpg"])
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_REKOGNITION": live_server,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_MAX_ATTEMPTS": "1",
    }
    done = subprocess.run(
        [
            sys.executable,
            str(Path(sys.executable).with_name("aws")),
            "rekognition",
            "detect-faces",
            "--image-bytes",
            f"fileb://{photo}",
        ],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["FaceDetails"]) == 1


def test_weights_are_checked_and_built(
    run, weights_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights_folder, folder)
    monkeypatch.setenv("OPENREK_WEIGHTS", str(folder))
    right = f"The model files in {folder} are complete and correct.\n"
    for arguments in (["--check"], []):
        done = run("weights", *arguments)
        assert (done.exit_code, done.stdout) == (0, right)

    damaged = folder / "yunet-2023mar.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    done = run("weights", "--check")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: The model file {damaged} does not have the sha256 that the manifest gives; "
        "run `openrek weights` to build it again.\n"
    )

    done = run("weights")
    assert (done.exit_code, done.stdout) == (0, right)
    assert "Building yunet" in done.stderr
