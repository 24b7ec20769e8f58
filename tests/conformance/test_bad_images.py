"""Pictures that are refused, each with AWS's error, and nothing changed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name
from click.testing import CliRunner
from PIL import Image

from openrek.runtime.cli.main import main
from tests.conformance.conftest import refusal
from tests.conformance.test_bad_image_members import IMAGES
from tests.support.server import client
from tests.support.variants import jpeg, opened, png, png_header, saved
from tests.wire.examples import MODEL

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

FORMAT = ("InvalidImageFormatException", "Request has invalid image format")
PARAMETERS = ("InvalidParameterException", "Request has invalid parameters")


def heic() -> bytes:
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 4096


BAD: dict[str, tuple[Callable[[bytes], bytes], tuple[str, str]]] = {
    "79 px wide": (lambda good: jpeg(opened(good).resize((79, 200))), PARAMETERS),
    "79 px high": (lambda good: saved(opened(good).resize((200, 79)), "PNG"), PARAMETERS),
    "1 x 1": (lambda _: saved(Image.new("RGB", (1, 1)), "PNG"), PARAMETERS),
    "PNG bomb": (lambda _: png_header(30_000, 30_000), ("ImageTooLargeException", "Image size is too large")),
    "PNG that unpacks to 800 MB": (
        lambda _: png((10_000, 10_000), 16, 6, [b""]),
        ("ImageTooLargeException", "Image size is too large"),
    ),
    "interlaced PNG of 25 megapixels": (
        lambda _: png((5000, 5000), 8, 0, [b""], interlaced=True),
        ("ImageTooLargeException", "Image size is too large"),
    ),
    "not an image": (lambda _: b"this is text" * 100, FORMAT),
    "one byte": (lambda _: b"\xff", FORMAT),
    "GIF": (lambda good: saved(opened(good), "GIF"), FORMAT),
    "WebP": (lambda good: saved(opened(good), "WEBP"), FORMAT),
    "BMP": (lambda good: saved(opened(good).resize((300, 300)), "BMP"), FORMAT),
    "TIFF": (lambda good: saved(opened(good).resize((300, 300)), "TIFF"), FORMAT),
    "HEIC": (lambda _: heic(), FORMAT),
    "truncated JPEG": (lambda good: good[: len(good) // 2], FORMAT),
    "JPEG header only": (lambda good: good[:400], FORMAT),
    "truncated PNG": (lambda good: saved(opened(good), "PNG")[:20_000], FORMAT),
}
OF_SIZE = ("79 px wide", "79 px high", "PNG bomb", "PNG that unpacks to 800 MB", "interlaced PNG of 25 megapixels")


@pytest.fixture
def stock(live_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a stock boto3 client that found the description of openrek's own operations."""
    result = CliRunner().invoke(main, ["extensions", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    return client(live_server, session=boto3.Session())


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_refused_by_every_operation_that_takes_one(
    stock: Any, collection: str, photos: dict[str, bytes], name: str
) -> None:
    make, expected = BAD[name]
    bad, good = {"Bytes": make(photos["obama.jpg"])}, {"Bytes": photos["obama.jpg"]}
    for call, arguments in calls(stock, collection, bad, good):
        if name in OF_SIZE and call == stock.detect_protective_equipment:
            continue  # its limits are others: test_equipment
        code, message, reason = refusal(call, **arguments)
        if message.startswith("Input image dimensions"):  # of operations with a limit of a side, in AWS's words for it
            message = "Image size is too large"
        assert (code, message) == expected, call
        assert reason or expected[0] != "InvalidParameterException"
    assert stock.describe_collection(CollectionId=collection)["FaceCount"] == 0


def test_five_megabytes_are_taken_and_a_byte_more_is_not(stock: Any, collection: str, photos: dict[str, bytes]) -> None:
    limit = 5 * 1024 * 1024
    photo = photos["obama.jpg"]
    padded = photo + b"\0" * (limit - len(photo))  # what follows a JPEG's end is ignored
    assert len(stock.detect_faces(Image={"Bytes": padded})["FaceDetails"]) == 1
    for call, arguments in calls(stock, collection, {"Bytes": padded + b"\0"}, {"Bytes": photo}):
        code, message, _ = refusal(call, **arguments)
        assert code == "ValidationException"
        assert message.startswith("1 validation error detected: Value")
        assert message.endswith("failed to satisfy constraint: Member must have length less than or equal to 5242880")
    both = stock.compare_faces(SourceImage={"Bytes": padded}, TargetImage={"Bytes": padded})
    assert len(both["FaceMatches"]) == 1


def calls(
    stock: Any, collection: str, bad: dict[str, Any], good: dict[str, Any]
) -> list[tuple[Callable[..., Any], dict[str, Any]]]:
    """Return one call for each place of an image."""
    arguments: list[tuple[str, dict[str, Any]]] = []
    for operation, members in IMAGES.items():
        names_one = "CollectionId" in MODEL.shapes[MODEL.operations[operation]].members
        where = {"CollectionId": collection} if names_one else {}
        arguments += [(operation, {**where, **dict.fromkeys(members, good), member: bad}) for member in members]
    return [(getattr(stock, xform_name(operation)), asked) for operation, asked in arguments]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "RGBA", "I;16", "1", "CMYK", "progressive", "baseline"])
def test_pictures_of_every_kind_show_the_same_face(
    rekognition: "RekognitionClient", photos: dict[str, bytes], mode: str
) -> None:
    picture = opened(photos["obama2.jpg"])
    colourless = mode in ("L", "LA", "I;16", "1")
    reference = saved(picture.convert("L").convert("RGB") if colourless else picture, "PNG")
    expected = rekognition.detect_faces(Image={"Bytes": reference})["FaceDetails"][0]["BoundingBox"]
    if mode in ("progressive", "baseline"):
        image = jpeg(picture, progressive=mode == "progressive")
    elif mode == "CMYK":
        image = jpeg(picture.convert("CMYK"))
    elif mode == "I;16":
        grey = picture.convert("L")
        sixteen = Image.frombytes("I;16", grey.size, bytes(byte for value in grey.tobytes() for byte in (0, value)))
        image = saved(sixteen, "PNG")
    elif mode == "PA":
        image = saved(picture.convert("P"), "PNG", transparency=0)
    else:
        image = saved(picture.convert(mode), "PNG")
    faces = rekognition.detect_faces(Image={"Bytes": image})["FaceDetails"]
    assert len(faces) == 1
    tolerance = 0.03 if mode in ("1", "P", "PA") else 0.01  # few colours leave a dithered face
    assert faces[0]["BoundingBox"] == pytest.approx(expected, abs=tolerance)
