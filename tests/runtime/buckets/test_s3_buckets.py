"""S3Buckets over real connections: allowed buckets, versions, sizes, and the refusals of S3's errors."""

import io
import threading
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from openrek.domain.errors import ImageTooLarge, InternalServerError, InvalidS3Object, Throttling
from openrek.runtime.buckets.object_size import MAX_OBJECT_BYTES
from openrek.runtime.buckets.s3 import S3Buckets
from openrek.store.blobs.s3_reads import READS
from tests.support.aws import Fault, LocalAws, answered, cut_short, silent

KEY = "2026/may/me & you \u00e9.jpg"


@pytest.fixture
def bucket(aws: LocalAws) -> str:
    name = aws.new_bucket()
    aws.s3().put_object(Bucket=name, Key=KEY, Body=b"a photo")
    return name


def buckets(aws: LocalAws, *allowed: str) -> S3Buckets:
    return S3Buckets(allowed, aws.s3())


def test_an_object_is_read(aws: LocalAws, bucket: str) -> None:
    assert buckets(aws, "others", bucket).read(bucket, KEY, None) == b"a photo"


def test_a_version_is_read(aws: LocalAws, bucket: str) -> None:
    s3 = aws.s3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key=KEY, Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"new")
    found = buckets(aws, bucket)
    assert (found.read(bucket, KEY, old), found.read(bucket, KEY, None)) == (b"old", b"new")
    deletion = s3.delete_object(Bucket=bucket, Key=KEY)["VersionId"]
    for version in (deletion, "no-such-version", None):
        with pytest.raises(InvalidS3Object):
            found.read(bucket, KEY, version)


def test_only_listed_buckets_are_asked_for(aws: LocalAws, bucket: str) -> None:
    aws.meddle("GET", answered(200, b"must not be asked"))
    with pytest.raises(InvalidS3Object, match=r"^Unable to get object metadata from S3\.") as refused:
        buckets(aws, f"{bucket}x", bucket[:-1]).read(bucket, KEY, None)
    assert refused.value.reason == "The bucket is not one of those that this deployment may read."
    assert buckets(aws, bucket).read(bucket, "x", None) == b"must not be asked"


def test_the_largest_object_is_read(aws: LocalAws, bucket: str) -> None:
    aws.s3().put_object(Bucket=bucket, Key="fits", Body=b"\0" * MAX_OBJECT_BYTES)
    assert len(buckets(aws, bucket).read(bucket, "fits", None)) == MAX_OBJECT_BYTES


def test_what_is_too_large_is_hung_up_on_and_not_read() -> None:
    body = UnreadBody()
    with pytest.raises(ImageTooLarge):
        S3Buckets(["photos"], OneObject(body)).read("photos", "over", None)
    assert body.closed


class UnreadBody(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("it was read")


class OneObject:
    """A client whose every object has one byte too many."""

    def __init__(self, body: io.BytesIO) -> None:
        self._body = body

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"ContentLength": MAX_OBJECT_BYTES + 1, "Body": self._body}


def error(status: int, code: str) -> Fault:
    return answered(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (404, "NoSuchBucket", "There is no such bucket."),
        (404, "NoSuchKey", "There is no such object."),
        (403, "AccessDenied", "The deployment's role may not read the object, or there is none."),
        (400, "AuthorizationHeaderMalformed", "S3 refused to read the object (AuthorizationHeaderMalformed)."),
        (403, "InvalidObjectState", "The object is archived and must be restored first."),
        (400, "KMS.DisabledException", "S3 refused to read the object (KMS.DisabledException)."),
    ],
)
def test_whatever_keeps_an_object_from_being_read_has_one_text(
    aws: LocalAws, bucket: str, status: int, code: str, reason: str
) -> None:
    aws.meddle("GET", error(status, code))
    with pytest.raises(InvalidS3Object) as refused:
        buckets(aws, bucket).read(bucket, KEY, None)
    assert str(refused.value) == InvalidS3Object.text
    assert refused.value.reason == reason


@pytest.mark.parametrize(("status", "code", "kind"), [(503, "SlowDown", Throttling), (500, "Odd", InternalServerError)])
def test_trouble_of_s3_is_not_the_callers_fault(
    aws: LocalAws, bucket: str, status: int, code: str, kind: type[Exception]
) -> None:
    aws.meddle("GET", *[error(status, code)] * 4)
    with pytest.raises(kind):
        buckets(aws, bucket).read(bucket, KEY, None)


def test_a_body_that_breaks_off_is_asked_for_again(aws: LocalAws, bucket: str) -> None:
    aws.meddle("GET", *[cut_short] * (READS - 1))
    assert buckets(aws, bucket).read(bucket, KEY, None) == b"a photo"


def test_a_body_that_always_breaks_off_is_our_trouble(aws: LocalAws, bucket: str) -> None:
    aws.meddle("GET", *[cut_short] * READS)
    with pytest.raises(InternalServerError) as refused:
        buckets(aws, bucket).read(bucket, KEY, None)
    assert refused.value.reason == "S3 did not send the whole object."


def test_silence_is_our_trouble(aws: LocalAws, bucket: str) -> None:
    session = botocore.session.get_session()
    settings = Config(read_timeout=1, retries={"total_max_attempts": 1})
    client = session.create_client("s3", endpoint_url=aws.url, config=settings)
    stop = threading.Event()
    aws.meddle("GET", *[silent(stop)] * READS)
    with pytest.raises(InternalServerError):
        S3Buckets([bucket], client).read(bucket, KEY, None)
    stop.set()
