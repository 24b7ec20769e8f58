"""Output of `openrek users`: tables of users, of faces that were moved or skipped, and of matches."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from openrek.runtime.cli.terminal_text import add_row

WORDS = {
    "FACE_NOT_FOUND": "is not in the collection",
    "ASSOCIATED_TO_A_DIFFERENT_USER": "belongs to",
    "LOW_MATCH_CONFIDENCE": "is not similar enough:",
}


def plain_table(*columns: str) -> Table:
    """Return an empty table without frames; a long cell goes on in the next line."""
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        shown.add_column(column, overflow="fold", justify="right" if column == "Similarity" else "left")
    return shown


def users(found: Iterable[Mapping[str, Any]]) -> Table:
    """Return one line per user."""
    table = plain_table("User", "Status")
    for user in found:
        add_row(table, user["UserId"], user["UserStatus"])
    return table


def matches(found: Iterable[Mapping[str, Any]]) -> Table:
    """Return one line per user, best first."""
    table = plain_table("Similarity", "User", "Status")
    for match in found:
        add_row(table, f"{match['Similarity']:.2f}", match["User"]["UserId"], match["User"]["UserStatus"])
    return table


def changes(
    asked: Sequence[str],
    moved: Iterable[Mapping[str, Any]],
    skipped: Iterable[Mapping[str, Any]],
    *,
    done: str,
    else_: str,
) -> Table:
    """Return a line for each face of the request: `done`, the reason for skipping it, or else `else_`."""
    moved_ids = {face["FaceId"] for face in moved}
    why = {face["FaceId"]: _why(face) for face in skipped}
    table = plain_table("FaceId", "")
    for face_id in dict.fromkeys(asked):
        add_row(table, face_id, done if face_id in moved_ids else why.get(face_id, else_))
    return table


def _why(face: Mapping[str, Any]) -> str:
    """Return the reason for skipping a face, in words."""
    if not face.get("Reasons"):
        return "has no place: the user has all the faces that it may have"
    words = [WORDS.get(reason, reason) for reason in face["Reasons"]]
    value = face.get("UserId", f"{face['Confidence']:.2f}" if "Confidence" in face else "")
    return f"{', '.join(words)} {value}".strip()
