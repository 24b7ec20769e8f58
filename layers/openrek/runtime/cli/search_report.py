"""Output of `openrek search`: the matches of a photo's largest face, as a table, as JSON and as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from openrek.runtime.cli.annotate import Mark, annotate
from openrek.runtime.cli.external_ids import file_name
from openrek.runtime.cli.terminal_text import add_row, shown

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import (
        BoundingBoxTypeDef,
        FaceDetailTypeDef,
        SearchFacesByImageResponseTypeDef,
    )


def search(
    rekognition: "RekognitionClient", image: bytes, collection_id: str, *, limit: int, threshold_pct: float
) -> "SearchFacesByImageResponseTypeDef":
    """Call SearchFacesByImage; the threshold is a similarity in percent."""
    return rekognition.search_faces_by_image(
        CollectionId=collection_id, Image={"Bytes": image}, MaxFaces=limit, FaceMatchThreshold=threshold_pct
    )


def table(response: "SearchFacesByImageResponseTypeDef") -> Table:
    """Return one line per match, best first."""
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    found.add_column("Similarity", justify="right")
    found.add_column("Photo", overflow="fold")
    found.add_column("FaceId", style="dim", no_wrap=True)
    for match in response["FaceMatches"]:
        face = match["Face"]
        add_row(found, f"{match['Similarity']:.2f}", photo_name(face.get("ExternalImageId", "")), face["FaceId"])
    return found


def photo_name(external_image_id: str) -> str:
    """Return the file that `openrek index` made the id from, or the id itself; either may hold any characters."""
    try:
        return file_name(external_image_id)
    except ValueError:
        return external_image_id


def save_picture(
    rekognition: "RekognitionClient", image: bytes, response: "SearchFacesByImageResponseTypeDef", path: Path
) -> None:
    """Write the photo with all its faces, and the best match at the face that was searched. Raises OSError."""
    found = rekognition.detect_faces(Image={"Bytes": image})["FaceDetails"]
    searched = response["SearchedFaceBoundingBox"]
    probe = min(found, key=lambda face: _distance(face, searched), default=None)
    marks = [mark(face, _text(response) if face is probe else "") for face in found]
    annotate(image, marks).save(path)


def _text(response: "SearchFacesByImageResponseTypeDef") -> str:
    if not response["FaceMatches"]:
        return "no match"
    best = response["FaceMatches"][0]
    return f"{photo_name(best['Face'].get('ExternalImageId', 'match'))}  {best['Similarity']:.1f} %"


def mark(face: "FaceDetailTypeDef", text: str) -> Mark:
    """Return the mark that draws the API's face with this text."""
    box = face["BoundingBox"]
    return Mark(
        (box["Left"], box["Top"], box["Width"], box["Height"]),
        [(point["X"], point["Y"]) for point in face.get("Landmarks", [])],
        shown(text),
        matched=bool(text) and text != "no match",
    )


def _distance(face: "FaceDetailTypeDef", box: "BoundingBoxTypeDef") -> float:
    """Return the distance of a face's box from another, in ratios."""
    own = face["BoundingBox"]
    return (
        abs(own["Left"] - box["Left"])
        + abs(own["Top"] - box["Top"])
        + abs(own["Width"] - box["Width"])
        + abs(own["Height"] - box["Height"])
    )
