"""Names that would be an escape sequence, markup or no text at all: every command shows them as words."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openrek.domain.errors import ResourceNotFound
from openrek.runtime.cli.annotate import Mark, annotate
from openrek.runtime.cli.external_ids import external_id
from openrek.runtime.cli.terminal_text import shown
from tests.support.server import stub_server
from tests.support.variants import jpeg

HOSTILE = "[/x][bold]\x1b[31m\x07:smile:\u202ea\r\n.jpg"
SHOWN = r"[/x][bold]\x1b[31m\x07:smile:\u202ea\r\n.jpg"
FACE_ID = "11111111-2222-4333-8444-555555555555"
BOX = {"Left": 0.2, "Top": 0.2, "Width": 0.4, "Height": 0.4}
USER = {"Similarity": 99.0, "User": {"UserId": HOSTILE, "UserStatus": HOSTILE}}


def match(external_image_id: str) -> dict[str, Any]:
    return {"Similarity": 98.0, "Face": {"FaceId": FACE_ID, "ExternalImageId": external_image_id}}


RESPONSES: dict[str, dict[str, Any]] = {
    "SearchFacesByImage": {
        "SearchedFaceBoundingBox": BOX,
        "FaceMatches": [match(HOSTILE), match(external_id("[holiday] \x1b anna.jpg"))],
    },
    "SearchAllFacesByImage": {
        "SearchedFaces": [
            {"FaceDetail": {"BoundingBox": BOX}, "UserMatches": [USER], "FaceMatches": [match(HOSTILE)]},
        ],
        "UnsearchedFaces": [],
    },
    "DetectFaces": {"FaceDetails": [{"BoundingBox": BOX}]},
    "ListUsers": {"Users": [USER["User"]]},
    "SearchUsers": {"UserMatches": [USER]},
    "AssociateFaces": {
        "AssociatedFaces": [],
        "UnsuccessfulFaceAssociations": [
            {"FaceId": FACE_ID, "UserId": HOSTILE, "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER", HOSTILE]}
        ],
    },
}


@pytest.fixture
def url() -> Iterator[str]:
    with stub_server({name: lambda *_, name=name: RESPONSES[name] for name in RESPONSES}) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(Image.new("RGB", (200, 200), "white")))
    return path


def printed(result: Result) -> str:
    """Return the output, all of it fit for a terminal."""
    assert all(each.isprintable() or each == "\n" for each in result.output), result.output
    return result.output


def test_every_command_shows_names_as_they_are(run, url: str, photo: Path) -> None:
    at = ("-c", "people", "--endpoint-url", url)
    picture = photo.with_name("[bold]\x1b[1m:smile:.png")
    last_line = f"Picture: {photo.parent}" + r"/[bold]\x1b[1m:smile:.png"
    searched = printed(run("search", photo, *at, "--picture", picture))
    assert SHOWN in searched
    assert r"[holiday] \x1b anna.jpg" in searched
    assert searched.endswith(f"{last_line}\n")
    with Image.open(picture) as drawn:
        expected = Mark(tuple(BOX.values()), text=f"{SHOWN}  98.0 %", matched=True)
        assert drawn.tobytes() == annotate(photo.read_bytes(), [expected]).tobytes()
    everybody = printed(run("search-all", photo, *at, "--users", "--picture", picture))
    assert f"user {SHOWN}" in everybody
    assert everybody.count(SHOWN) == 2
    assert everybody.endswith(f"{last_line}\n")
    assert printed(run("users", "list", *at)).count(SHOWN) == 2
    assert printed(run("users", "search", "--face", FACE_ID, *at)).count(SHOWN) == 2
    left = printed(run("users", "associate", "anna", FACE_ID, *at))
    assert f"belongs to, {SHOWN} {SHOWN}" in left


def test_files_that_fail_are_named(run, collection: str, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (HOSTILE.replace("/", ""), "[holiday] anna.jpg", os.fsdecode(b"\xff.jpg")):
        (folder / name).write_bytes(b"")
    output = printed(run("index", folder, "-c", collection))
    assert output.endswith(
        "Failed (3):\n"
        "  [holiday] anna.jpg: the file is empty\n"
        f"  {SHOWN.replace('/', '')}: the file is empty\n"
        "  \\udcff.jpg: the file is empty\n"
    )
    single = run("search", folder / HOSTILE.replace("/", ""), "-c", collection)
    assert printed(single) == f"Error: {folder}/{SHOWN.replace('/', '')}: the file is empty\n"


def test_what_a_server_says_is_shown_too(run, photo: Path) -> None:
    def refuse(*_: object) -> dict[str, Any]:
        raise ResourceNotFound(HOSTILE, reason="No.")

    with stub_server({"SearchFacesByImage": refuse}) as (host, port):
        result = run("search", photo, "-c", "people", "--endpoint-url", f"http://{host}:{port}")
    assert (result.exit_code, printed(result)) == (1, f"Error: {SHOWN} (No.)\n")


def test_what_goes_wrong_elsewhere_is_shown_too(run, tmp_path: Path) -> None:
    odd, seen = tmp_path / "[bold]\x1b[1m", rf"{tmp_path}/[bold]\x1b[1m"
    odd.write_bytes(b"")
    for arguments, why in (
        (("keys", "revoke", "\x1b[1m", "--file", tmp_path / "keys.json"), r"There is no access key \x1b[1m."),
        (
            ("keys", "list", "--file", odd / "keys.json"),
            f"The key file {seen}/keys.json cannot be read: Not a directory.",
        ),
        (("extensions", odd / "models"), f"{seen}/models/rekognition/2016-06-27: Not a directory"),
    ):
        result = run(*arguments)
        assert (result.exit_code, printed(result)) == (1, f"Error: {why}\n")


def test_so_are_questions_and_arguments_that_cannot_be(run, photo: Path) -> None:
    asked = printed(run("erase", "-c", "people", "--user", "\x1b[1m", input="n\n"))
    assert asked.startswith(r"Erase \x1b[1m from people? ")
    nowhere = run("search", photo, "-c", "people", "--picture", photo.parent / "\x1b[1m" / "found.png")
    assert rf"there is no folder {photo.parent}/\x1b[1m." in printed(nowhere)


def test_patterns_of_keys_are_shown_too(run, tmp_path: Path) -> None:
    at = ("--file", tmp_path / "keys.json")
    created = run("keys", "create", "--allow", "Detect*", "--object", "photos/\u202egpj.\x9b1m", *at)
    assert r"with photos/\u202egpj.\x9b1m. The secret" in printed(created)
    assert r"with photos/\u202egpj.\x9b1m, created" in printed(run("keys", "list", *at))


@given(st.text())
def test_printable_text_is_left_alone_and_all_other_is_escaped(text: str) -> None:
    escaped = shown(text)
    assert escaped.isprintable()
    assert escaped == text or not text.isprintable()
