"""What S3Blobs does when requests go wrong, and how many it needs. What all adapters do: test_blobs.py."""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from openrek.store.blobs.port import BlobExists, BlobMissing
from openrek.store.blobs.s3 import S3Blobs
from tests.support.aws import App, Environ, LocalAws, answered, cut_short, swallowed, unsaid
from tests.support.aws_meter import Meter

CONTENT = bytes(range(256)) * 10


@pytest.fixture
def bucket(aws: LocalAws) -> str:
    return aws.new_bucket()


@pytest.fixture
def blobs(aws: LocalAws, bucket: str) -> S3Blobs:
    return aws.blobs(bucket, part_bytes=1000)


def s3_error(status: int, code: str) -> Callable[..., Iterable[bytes]]:
    return answered(status, f"<Error><Code>{code}</Code></Error>".encode())


def test_nothing_is_touched_before_the_first_use() -> None:
    S3Blobs("no such bucket")


def test_it_finds_its_own_client(aws: LocalAws, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", aws.url)
    blobs = S3Blobs(bucket)
    aws.meddle("PUT", swallowed)

    blobs.put("a", CONTENT)

    assert bytes(blobs.open("a")) == CONTENT


@pytest.mark.parametrize("fault", [unsaid, swallowed, answered(500, b""), answered(503, b"", done=True)])
def test_a_put_whose_answer_was_lost_is_known_to_be_ours(aws: LocalAws, blobs: S3Blobs, fault: Any) -> None:
    aws.meddle("PUT", fault)

    blobs.put("a", CONTENT)

    assert blobs.get("a") == CONTENT
    with pytest.raises(BlobExists):
        blobs.put("a", CONTENT)


def test_anothers_blob_is_not_taken_for_ours_even_if_it_is_equal(aws: LocalAws, blobs: S3Blobs) -> None:
    def overtaken(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        blobs.put("a", CONTENT)
        return swallowed(app, environ, start)

    aws.meddle("PUT", overtaken)

    with pytest.raises(BlobExists):
        blobs.put("a", CONTENT)


def test_a_put_that_met_another_is_sent_again(aws: LocalAws, blobs: S3Blobs) -> None:
    aws.meddle("PUT", *[s3_error(409, "ConditionalRequestConflict")] * 2)

    blobs.put("a", CONTENT)

    assert blobs.get("a") == CONTENT


def test_a_put_that_cannot_be_made_says_so(aws: LocalAws, blobs: S3Blobs) -> None:
    aws.meddle("PUT", *[swallowed] * 4)
    with pytest.raises(ConnectionClosedError):
        blobs.put("a", CONTENT)
    aws.meddle("PUT", s3_error(403, "AccessDenied"))
    with pytest.raises(ClientError, match="AccessDenied"):
        blobs.put("a", CONTENT)
    aws.meddle("PUT", *[s3_error(409, "ConditionalRequestConflict")] * 4)
    with pytest.raises(ClientError, match="Conflict"):
        blobs.put("a", CONTENT)
    assert list(blobs.names()) == []


def test_of_several_writers_of_one_name_one_wins(blobs: S3Blobs) -> None:
    won: list[int] = []

    def write(me: int) -> None:
        try:
            blobs.put("same", b"%d" % me * 1000)
            won.append(me)
        except BlobExists:
            pass

    threads = [threading.Thread(target=write, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    assert blobs.get("same") == b"%d" % won[0] * 1000


def test_uploads_carry_a_checksum(aws: LocalAws, blobs: S3Blobs, bucket: str) -> None:
    blobs.put("a", CONTENT)

    stored = aws.s3().head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")

    assert stored["ChecksumCRC32"] == b64encode(crc32(CONTENT).to_bytes(4)).decode()


@pytest.mark.parametrize(("size", "requests"), [(1, 1), (1000, 1), (1001, 2), (2560, 3)])
def test_open_takes_one_request_for_each_part(aws: LocalAws, bucket: str, size: int, requests: int) -> None:
    client, meter = aws.s3(), Meter()
    meter.watch(client)
    blobs = S3Blobs(bucket, client=client, part_bytes=1000)
    blobs.put("a", CONTENT[:size])

    with meter.measured() as usage:
        opened = bytes(blobs.open("a"))

    assert opened == CONTENT[:size]
    assert usage.requests == {"GetObject": requests}


@pytest.mark.parametrize("broken", [1, 3])
def test_answers_that_break_off_are_asked_for_again(aws: LocalAws, blobs: S3Blobs, broken: int) -> None:
    blobs.put("a", CONTENT)

    aws.meddle("GET", *[cut_short] * broken)
    assert bytes(blobs.open("a")) == CONTENT
    aws.meddle("GET", *[cut_short] * broken)
    assert blobs.get("a") == CONTENT
    aws.meddle("GET", swallowed, answered(500, b""))
    assert blobs.get("a", start=5, length=10) == CONTENT[5:15]


def test_a_blob_that_goes_while_it_is_opened_is_missing(aws: LocalAws, blobs: S3Blobs, bucket: str) -> None:
    def deleted(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        blobs.delete("a")
        return app(environ, start)

    def replaced(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        aws.s3().put_object(Bucket=bucket, Key="b", Body=b"x" * 2560)
        return app(environ, start)

    def whole(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        return app(environ, start)

    for name, fault in (("a", deleted), ("b", replaced)):
        blobs.put(name, CONTENT)
        aws.meddle("GET", whole, fault)
        with pytest.raises(BlobMissing):
            blobs.open(name)


def test_names_go_over_many_pages_and_leave_out_what_is_no_blob(
    aws: LocalAws, blobs: S3Blobs, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    names = [f"a/{n:02}" for n in range(10)]
    for name in [*names, "README.txt", "a/B"]:
        aws.s3().put_object(Bucket=bucket, Key=name, Body=b"")

    assert list(blobs.names()) == names
    assert list(blobs.names("a/0")) == names
    assert list(blobs.names("a/09")) == ["a/09"]


def test_a_missing_bucket_is_no_missing_blob(aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        aws.blobs("there-is-none").get("a")
