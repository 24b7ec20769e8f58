"""Image.S3Object without AWS: a folder of buckets under the data folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.conftest import refusal
from tests.support.server import ServerProcess, client

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

NO_METADATA = (
    "InvalidS3ObjectException",
    "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, bytes]) -> Path:
    folder = tmp_path_factory.mktemp("with-buckets")
    bucket = folder / "buckets" / "holiday.photos"
    (bucket / "2026" / "may").mkdir(parents=True)
    (bucket / "2026" / "may" / "me & you.jpg").write_bytes(photos["obama.jpg"])
    (bucket / "notes.txt").write_bytes(b"not an image")
    (bucket / "large.jpg").write_bytes(photos["obama.jpg"] + b"\0" * (14 << 20))
    (bucket / "too-large.jpg").write_bytes(photos["obama.jpg"] + b"\0" * (15 << 20))
    (folder / "buckets" / "secret-link").symlink_to("/etc")
    (bucket / "link.jpg").symlink_to("/etc/passwd")
    (folder / "outside.jpg").write_bytes(photos["obama.jpg"])
    return folder


@pytest.fixture(scope="module")
def with_buckets(data: Path, weights_folder: Path) -> Iterator["RekognitionClient"]:
    server = ServerProcess(data, weights_folder)
    yield client(server.url)
    server.stop()


def test_an_object_is_read_like_inline_bytes(with_buckets: "RekognitionClient", photos: dict[str, bytes]) -> None:
    stored = {"S3Object": {"Bucket": "holiday.photos", "Name": "2026/may/me & you.jpg"}}
    inline = {"Bytes": photos["obama.jpg"]}
    assert (
        with_buckets.detect_faces(Image=stored)["FaceDetails"] == with_buckets.detect_faces(Image=inline)["FaceDetails"]
    )
    with_buckets.create_collection(CollectionId="c")
    first = with_buckets.index_faces(CollectionId="c", Image=stored)["FaceRecords"]
    assert first == with_buckets.index_faces(CollectionId="c", Image=inline)["FaceRecords"]
    large = {"S3Object": {"Bucket": "holiday.photos", "Name": "large.jpg"}}
    assert len(with_buckets.detect_faces(Image=large)["FaceDetails"]) == 1


@pytest.mark.parametrize(
    "place",
    [
        {"Bucket": "nowhere", "Name": "a.jpg"},
        {"Bucket": "holiday.photos", "Name": "missing.jpg"},
        {"Bucket": "holiday.photos", "Name": "2026"},
        {"Bucket": "holiday.photos", "Name": "2026/may/me & you.jpg", "Version": "3"},
        {"Bucket": "holiday.photos", "Name": "../../outside.jpg"},
        {"Bucket": "holiday.photos", "Name": "2026/../../../outside.jpg"},
        {"Bucket": "holiday.photos", "Name": "/etc/passwd"},
        {"Bucket": "holiday.photos", "Name": "link.jpg"},
        {"Bucket": "secret-link", "Name": "passwd"},
        {"Bucket": "...", "Name": "outside.jpg"},
        {"Bucket": "..-", "Name": "outside.jpg"},
        {"Bucket": "holiday.photos", "Name": "a" * 1024},
    ],
    ids=lambda place: "/".join(place.values())[:40],
)
def test_what_is_not_there_or_not_theirs_cannot_be_told_apart(
    with_buckets: "RekognitionClient", place: dict[str, Any]
) -> None:
    assert refusal(with_buckets.detect_faces, Image={"S3Object": place})[:2] == NO_METADATA


def test_too_large_and_wrong_objects(with_buckets: "RekognitionClient") -> None:
    too_large = {"S3Object": {"Bucket": "holiday.photos", "Name": "too-large.jpg"}}
    assert refusal(with_buckets.detect_faces, Image=too_large)[:2] == (
        "ImageTooLargeException",
        "Image size is too large",
    )
    text = {"S3Object": {"Bucket": "holiday.photos", "Name": "notes.txt"}}
    assert refusal(with_buckets.detect_faces, Image=text)[0] == "InvalidImageFormatException"
