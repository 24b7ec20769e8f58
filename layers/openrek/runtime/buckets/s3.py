"""`Image.S3Object` in AWS: objects of the buckets that the deployment lists, read with the function's own role.

The caller's own rights in S3 are unknown here, so a bucket that is not listed is never read, whoever may read it.
"""

from collections.abc import Collection, Mapping
from contextlib import closing
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from openrek.domain.errors import InternalServerError, InvalidS3Object, Refusal, Throttling
from openrek.runtime.buckets.object_size import require_size
from openrek.store.blobs.s3_reads import BROKEN_OFF, read_whole

BUSY: Final = ("SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "ThrottlingException")
REASONS: Final[Mapping[str, str]] = {
    "NoSuchBucket": "There is no such bucket.",
    "NoSuchKey": "There is no such object.",
    "NoSuchVersion": "There is no such version of the object.",
    "AccessDenied": "The deployment's role may not read the object, or there is none.",
    "MethodNotAllowed": "That version marks a deletion.",
    "InvalidObjectState": "The object is archived and must be restored first.",
    "PermanentRedirect": "The bucket is in another region.",
}


class S3Buckets:
    """The Buckets port over S3; safe for many threads."""

    def __init__(self, allowed: Collection[str], client: Any) -> None:
        """Read from the `allowed` buckets only, with botocore's `client` for S3."""
        self._allowed = frozenset(allowed)
        self._client = client

    def read(self, bucket: str, name: str, version: str | None) -> bytes:
        """Return the object's bytes. Raises InvalidS3Object, ImageTooLarge, Throttling or InternalServerError."""
        if bucket not in self._allowed:
            raise InvalidS3Object(reason="The bucket is not one of those that this deployment may read.")
        asked = {"Bucket": bucket, "Key": name, **({"VersionId": version} if version else {})}
        try:
            return read_whole(lambda: self._read(asked))
        except BROKEN_OFF as error:
            raise InternalServerError(reason="S3 did not send the whole object.") from error
        except ClientError as error:
            raise _refusal(error) from error
        except BotoCoreError as error:
            raise InternalServerError(reason="S3 does not answer.") from error

    def _read(self, asked: Mapping[str, str]) -> bytes:
        found = self._client.get_object(**asked)
        with closing(found["Body"]) as body:  # an object that is too large is hung up on, not read
            require_size(found["ContentLength"])
            content: bytes = body.read()
            return content


def _refusal(error: ClientError) -> Refusal:
    """Return the refusal for S3's error. AWS has one text for every object that cannot be read; the reasons differ."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in BUSY:
        return Throttling(reason="S3 is too busy to be read.")
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return InternalServerError(reason="S3 failed to read the object.")
    return InvalidS3Object(reason=REASONS.get(code, f"S3 refused to read the object ({code})."))
