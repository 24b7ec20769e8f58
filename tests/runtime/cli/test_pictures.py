"""The picture of `--picture`, pixel by pixel, and the JSON of `--json`."""

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops

from openrek.runtime.cli.annotate import INK, MATCH, OTHER, Mark, annotate
from openrek.runtime.cli.photo_files import UnreadablePhoto
from tests.support.server import stub_server
from tests.support.variants import DAMAGED_EXIF, TURNED, collage, jpeg, saved, with_exif

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

GREY = (100, 110, 120)
BOX = (0.25, 0.5, 0.5, 0.25)
PHOTO = saved(Image.new("RGB", (800, 600), GREY), "PNG")
"""At this size lines are 2 px wide, text is 18 px high, and BOX is 200, 300 to 600, 450."""


def changed(picture: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Return True if anything is drawn within the box."""
    return picture.crop(box).getcolors() != [((box[2] - box[0]) * (box[3] - box[1]), GREY)]


def test_a_face_is_framed_along_its_box_and_nothing_else_is_touched() -> None:
    drawn = annotate(PHOTO, [Mark(BOX)])
    for place in ((200, 300), (400, 300), (600, 300), (200, 375), (600, 375), (200, 450), (400, 450), (600, 450)):
        assert drawn.getpixel(place) == OTHER, place
    assert not changed(drawn, (203, 303, 598, 448))
    for outside in ((0, 0, 800, 299), (0, 452, 800, 600), (0, 0, 199, 600), (602, 0, 800, 600)):
        assert not changed(drawn, outside)


def test_a_match_has_a_colour_of_its_own() -> None:
    assert annotate(PHOTO, [Mark(BOX, matched=True)]).getpixel((400, 300)) == MATCH != OTHER


def test_each_landmark_is_a_dot() -> None:
    points = [(0.375, 0.6), (0.625, 0.6), (0.5, 0.7)]
    drawn = annotate(PHOTO, [Mark(BOX, points)])
    for x, y in ((300, 360), (500, 360), (400, 420)):
        assert drawn.getpixel((x, y)) == INK
        assert changed(drawn, (x - 4, y - 4, x + 5, y + 5))
        assert not changed(drawn, (x + 6, y - 4, x + 40, y + 5))


@pytest.mark.parametrize(("top", "label"), [(0.5, (200, 272, 260, 298)), (0.0, (200, 152, 260, 178))])
def test_the_text_stands_above_its_box_or_below_where_there_is_no_room(top: float, label: tuple[int, ...]) -> None:
    box = (0.25, top, 0.5, 0.25)
    drawn, other = (annotate(PHOTO, [Mark(box, text=f"anna  {value} %", matched=True)]) for value in ("97.1", "97.2"))
    assert {MATCH, INK} <= {colour for _, colour in drawn.crop(label).getcolors(9999)}
    differ = ImageChops.difference(drawn, other).getbbox()
    assert differ is not None
    assert label[1] <= differ[1] < differ[3] <= label[3]


def test_marks_are_on_the_upright_photo_whatever_its_exif_says() -> None:
    for entry in DAMAGED_EXIF.values():
        turned = with_exif(jpeg(Image.new("RGB", (600, 800), GREY)), TURNED, entry)
        assert annotate(turned, [Mark(BOX)]).size == (800, 600)
    with pytest.raises(UnreadablePhoto):
        annotate(turned[:-500], [])


@pytest.fixture
def indexed(rekognition: "RekognitionClient", collection: str, photos: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a collection with one photo."""
    rekognition.create_collection(CollectionId=collection)
    image = {"Bytes": photos["obama.jpg"]}
    rekognition.index_faces(CollectionId=collection, Image=image, ExternalImageId="obama.jpg")
    yield collection
    rekognition.delete_collection(CollectionId=collection)


@pytest.fixture
def party(tmp_path: Path, photos: Mapping[str, bytes]) -> Path:
    """Return a photo of two: the larger is in the collection, the other is not."""
    people = {"barack": (photos["obama2.jpg"], (40, 60), 620), "sally": (photos["astronaut.png"], (750, 60), 420)}
    path = tmp_path / "party.jpg"
    path.write_bytes(collage((1200, 1000), people)[0])
    return path


def mark_of(face: Mapping[str, Any], text: str = "") -> Mark:
    box = tuple(face["BoundingBox"][side] for side in ("Left", "Top", "Width", "Height"))
    points = [(point["X"], point["Y"]) for point in face["Landmarks"]]
    return Mark(box, points, text, matched=bool(text) and text != "no match")


def test_the_picture_of_a_search_has_every_face_and_the_best_match(
    run, rekognition: "RekognitionClient", indexed: str, party: Path, tmp_path: Path
) -> None:
    image = {"Bytes": party.read_bytes()}
    first, second = rekognition.detect_faces(Image=image)["FaceDetails"]
    best = rekognition.search_faces_by_image(CollectionId=indexed, Image=image)["FaceMatches"][0]["Similarity"]
    text = f"obama.jpg  {best:.1f} %"
    picture = tmp_path / "found.png"

    assert run("search", party, "-c", indexed, "--picture", picture).exit_code == 0
    with Image.open(picture) as drawn:
        assert drawn.tobytes() == annotate(image["Bytes"], [mark_of(first, text), mark_of(second)]).tobytes()

    assert run("search-all", party, "-c", indexed, "--picture", picture).exit_code == 0
    with Image.open(picture) as drawn:
        expected = annotate(image["Bytes"], [mark_of(first, text), mark_of(second, "no match")])
        assert drawn.tobytes() == expected.tobytes()

    assert run("search", party, "-c", indexed, "--picture", picture, "--threshold", "100").exit_code == 0
    with Image.open(picture) as drawn:
        expected = annotate(image["Bytes"], [mark_of(first, "no match"), mark_of(second)])
        assert drawn.tobytes() == expected.tobytes()


def test_json_is_the_services_answer_and_no_more(
    run, rekognition: "RekognitionClient", indexed: str, party: Path
) -> None:
    asked = {"CollectionId": indexed, "Image": {"Bytes": party.read_bytes()}}
    for arguments, response in (
        (("search", party), rekognition.search_faces_by_image(**asked, FaceMatchThreshold=80)),
        (("users", "search", party), rekognition.search_users_by_image(**asked, UserMatchThreshold=80)),
        (("users", "list"), rekognition.list_users(CollectionId=indexed)),
    ):
        printed = json.loads(run(*arguments, "-c", indexed, "--json").stdout)
        assert printed == {name: value for name, value in response.items() if name != "ResponseMetadata"}
    everybody = json.loads(run("search-all", party, "-c", indexed, "--json").stdout)
    assert everybody.keys() == {"SearchedFaces", "UnsearchedFaces", "FaceModelVersion"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere/found.jpg", "there is no folder "),
        ("found.txt", "its name must end like that of a picture, such as .jpg or .png."),
        ("found", "its name must end like that of a picture"),
    ],
)
@pytest.mark.parametrize("command", ["search", "search-all"])
def test_a_picture_that_cannot_be_written_is_told_before_anything_is_asked(
    run, tmp_path: Path, party: Path, command: str, name: str, why: str
) -> None:
    asked: list[object] = []
    with stub_server({"SearchFacesByImage": lambda *call: asked.append(call) or {}}) as (host, port):
        at = ("-c", "people", "--endpoint-url", f"http://{host}:{port}")
        result = run(command, party, *at, "--picture", tmp_path / name)
    assert (result.exit_code, asked) == (2, [])
    assert f"Error: Invalid value for '--picture': {why}" in result.output


def test_a_photo_with_damaged_exif_is_searched_and_drawn(
    run, indexed: str, tmp_path: Path, photos: Mapping[str, bytes]
) -> None:
    """Use a photo above the limits, so that it is made smaller first, and stored on its side."""
    with Image.open(io.BytesIO(photos["obama2.jpg"])) as photo:
        turned = jpeg(photo.convert("RGB").resize((2400, 3000)).transpose(Image.Transpose.ROTATE_90), quality=100)
    for name, entry in DAMAGED_EXIF.items():
        content = with_exif(turned, TURNED, entry)
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(content + b"\0" * max(0, 5 * 1024 * 1024 + 1 - len(content)))
        result = run("search", path, "-c", indexed, "--picture", tmp_path / f"{name}.png")
        assert (result.exit_code, "obama.jpg" in result.output) == (0, True), result.output
        with Image.open(tmp_path / f"{name}.png") as drawn:
            assert drawn.height > drawn.width
