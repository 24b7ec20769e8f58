"""Output of `openrek search-all`: the matches of every face of a photo, as a table and as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from openrek.runtime.cli.annotate import Mark, annotate
from openrek.runtime.cli.search_report import mark, photo_name
from openrek.runtime.cli.terminal_text import add_row
from openrek.runtime.cli.users.report import plain_table


def table(response: Mapping[str, Any]) -> Table:
    """Return one line per match, and one for a face without any; faces are numbered from the largest."""
    found = plain_table("Face", "Similarity", "Match", "FaceId")
    for number, face in enumerate(response["SearchedFaces"], start=1):
        lines = [
            *((match["Similarity"], f"user {match['User']['UserId']}", "") for match in face.get("UserMatches", ())),
            *((match["Similarity"], _photo(match), match["Face"]["FaceId"]) for match in face.get("FaceMatches", ())),
        ]
        for place, (similarity, name, face_id) in enumerate(lines):
            add_row(found, "" if place else str(number), f"{similarity:.2f}", name, face_id)
        if not lines:
            add_row(found, str(number), "", "nobody", "")
    return found


def save_picture(image: bytes, response: Mapping[str, Any], path: Path) -> None:
    """Write the photo with all its faces and each one's best match. Raises OSError."""
    marks = [_mark(face) for face in response["SearchedFaces"]]
    marks += [mark(face["FaceDetails"], "") for face in response["UnsearchedFaces"]]
    annotate(image, marks).save(path)


def _mark(face: Mapping[str, Any]) -> Mark:
    users, faces = face.get("UserMatches", ()), face.get("FaceMatches", ())
    if users:
        return mark(face["FaceDetail"], f"{users[0]['User']['UserId']}  {users[0]['Similarity']:.1f} %")
    if faces:
        return mark(face["FaceDetail"], f"{_photo(faces[0])}  {faces[0]['Similarity']:.1f} %")
    return mark(face["FaceDetail"], "no match")


def _photo(match: Mapping[str, Any]) -> str:
    return photo_name(match["Face"].get("ExternalImageId", "match"))
