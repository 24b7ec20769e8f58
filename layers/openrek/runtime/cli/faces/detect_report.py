"""Output of `openrek detect`: each face with what it shows, as a table and as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from openrek.runtime.cli.annotate import Mark, annotate
from openrek.runtime.cli.terminal_text import add_row

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import FaceDetailTypeDef

_JUDGED: Final = {
    "Gender": "Gender",
    "Smile": "Smile",
    "Eyeglasses": "Eyeglasses",
    "Sunglasses": "Sunglasses",
    "Beard": "Beard",
    "Mustache": "Mustache",
    "EyesOpen": "Eyes open",
    "MouthOpen": "Mouth open",
    "FaceOccluded": "Covered",
}
"""Member -> how people say it."""
_MOST_EMOTIONS: Final = 2


def table(faces: Sequence["FaceDetailTypeDef"]) -> Table:
    """Return a line for each thing that is told of each face, the faces by their numbers."""
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    found.add_column("Face", justify="right")
    found.add_column("What")
    found.add_column("Value", overflow="fold")
    found.add_column("Sure", justify="right")
    for number, face in enumerate(faces, 1):
        for at, (what, value, sure_pct) in enumerate(_told(face)):
            sure = "" if sure_pct is None else f"{sure_pct:.1f} %"
            add_row(found, "" if at else str(number), what, value, sure)
    return found


def save_picture(image: bytes, faces: Sequence["FaceDetailTypeDef"], path: Path) -> None:
    """Write the photo with the box, the points and the number of each face. Raises OSError."""
    marks = []
    for number, face in enumerate(faces, 1):
        box = face["BoundingBox"]
        points = [(point["X"], point["Y"]) for point in face["Landmarks"]]
        place = (box["Left"], box["Top"], box["Width"], box["Height"])
        marks.append(Mark(place, points, str(number), matched=True))
    annotate(image, marks).save(path)


def _told(face: Mapping[str, Any]) -> Iterator[tuple[str, str, float | None]]:
    """Yield what is told of a face: what it is, its value, and how sure it is in percent where that is told."""
    pose, quality = face["Pose"], face["Quality"]
    yield "Face", "", face["Confidence"]
    if "AgeRange" in face:
        yield "Age", f"{face['AgeRange']['Low']} to {face['AgeRange']['High']}", None
    for member, what in _JUDGED.items():
        if member in face:
            value = face[member]["Value"]
            yield what, {True: "yes", False: "no"}.get(value, str(value)), face[member]["Confidence"]
    for emotion in face.get("Emotions", [])[:_MOST_EMOTIONS]:
        yield "Emotion", emotion["Type"].lower(), emotion["Confidence"]
    if "EyeDirection" in face:
        looks = face["EyeDirection"]
        yield "Looks", f"yaw {looks['Yaw']:.0f}, pitch {looks['Pitch']:.0f} degrees", looks["Confidence"]
    angles = ", ".join(f"{name.lower()} {pose[name]:.0f}" for name in ("Roll", "Yaw", "Pitch"))
    yield "Pose", f"{angles} degrees", None
    yield "Quality", f"brightness {quality['Brightness']:.0f}, sharpness {quality['Sharpness']:.0f}", None
