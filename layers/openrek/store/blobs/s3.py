"""Blobs as objects of one S3 bucket. Knows botocore, and nothing of what the blobs hold.

The role needs s3:ListBucket besides reading, writing and deleting: without it S3 says "access denied" for a missing
object. Versioning must be off, or deleted objects would stay.
"""

import mmap
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.session import Session, get_session

from openrek.store.blobs.port import BlobExists, BlobMissing, Buffer, checked_name, is_name
from openrek.store.blobs.s3_reads import BROKEN_OFF, read_whole

PART_BYTES: Final = 8 << 20
CHUNK_BYTES: Final = 1 << 20
THREADS: Final = 8
ATTEMPTS: Final = 4
CONNECT_TIMEOUT_S: Final = 1.0
READ_TIMEOUT_S: Final = 10.0

WRITER: Final = "openrek-writer"
"""Metadata of each object: a number that only the call which wrote it knows."""

MISSING: Final = ("NoSuchKey", "404")
CONFLICT: Final = "ConditionalRequestConflict"
PRECONDITION: Final = "PreconditionFailed"
NO_SUCH_RANGE: Final = "InvalidRange"

Result = TypeVar("Result")


class S3Blobs:
    def __init__(
        self,
        bucket: str,
        *,
        client: Any = None,
        part_bytes: int = PART_BYTES,
    ) -> None:
        """Connect to nothing yet. `client` is made as by `s3_client`."""
        self._bucket = bucket
        self._part_bytes = part_bytes
        self._connecting = threading.Lock()
        self._given = client
        self._pool = ThreadPoolExecutor(THREADS, "blobs")

    def put(self, name: str, content: bytes) -> None:
        """Store a blob with one conditional request. S3 checks the content against a checksum before it stores it.

        When the response to an earlier attempt was lost, the next one finds the blob: its metadata tell whose it is.
        """
        writer = secrets.token_hex(16)
        for attempt in range(ATTEMPTS):
            try:
                self._client.put_object(
                    **self._at(name),
                    Body=content,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="CRC32",
                    Metadata={WRITER: writer},
                )
                return
            except ClientError as error:
                code = _code(error)
                if code == PRECONDITION:
                    if self._wrote(name, writer):
                        return
                    raise BlobExists(name) from None
                if code != CONFLICT or attempt == ATTEMPTS - 1:  # somebody was writing the same name: see who won
                    raise

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            self._described(name)  # for BlobMissing: there is no empty range to ask for
            return b""
        end = "" if length is None else start + length - 1
        range_ = {} if start == 0 and length is None else {"Range": f"bytes={start}-{end}"}

        def fetch() -> bytes:
            content: bytes = self._client.get_object(**self._at(name), **range_)["Body"].read()
            return content

        try:
            return self._whole(name, fetch)
        except BeyondEnd:
            return b""

    def open(self, name: str) -> Buffer:
        """Read the blob in parts, several at once, into memory that is allocated once. The response to the first tells
        the size, so a small blob takes one request.
        """
        try:
            first = self._whole(name, lambda: self._client.get_object(**self._at(name), Range=self._range(0)))
        except BeyondEnd:
            return b""
        size, etag = int(first["ContentRange"].rpartition("/")[2]), first["ETag"]
        memory = mmap.mmap(-1, size, access=mmap.ACCESS_COPY)  # pages that the parts' own threads touch first
        view = memoryview(memory)

        def fill(start: int) -> None:
            part = view[start : start + self._part_bytes]

            def fetch() -> None:
                found = self._client.get_object(**self._at(name), Range=self._range(start), IfMatch=etag)
                _read_into(found["Body"], part)

            self._whole(name, fetch)

        rest = self._pool.map(fill, range(self._part_bytes, size, self._part_bytes))
        try:
            _read_into(first["Body"], view[: self._part_bytes])
        except BROKEN_OFF:
            fill(0)
        for _ in rest:
            pass
        return view.toreadonly()

    def delete(self, name: str) -> None:
        self._client.delete_object(**self._at(name))

    def names(self, prefix: str = "") -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:  # in the order of the keys' bytes
            names = (str(found["Key"]) for found in page.get("Contents", ()))
            yield from (name for name in names if is_name(name))

    @property
    def _client(self) -> Any:
        """The one client of all threads, made under a lock: botocore cannot make clients in several threads at once."""
        with self._connecting:
            if self._given is None:
                self._given = s3_client()
            return self._given

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": checked_name(name)}

    def _range(self, start: int) -> str:
        return f"bytes={start}-{start + self._part_bytes - 1}"

    def _wrote(self, name: str, writer: str) -> bool:
        """Return whether the stored blob was written by `writer`."""
        try:
            return bool(self._described(name)["Metadata"].get(WRITER) == writer)
        except BlobMissing:
            return False

    def _described(self, name: str) -> Any:
        return self._whole(name, lambda: self._client.head_object(**self._at(name)))

    def _whole(self, name: str, fetch: Callable[[], Result]) -> Result:
        """Return what `fetch` returns, fetched again when the response broke off.

        Raises BlobMissing, also when the blob changed meanwhile, for then it was deleted; BeyondEnd when it ends before
        the range.
        """
        return read_whole(lambda: self._known(name, fetch))

    @staticmethod
    def _known(name: str, fetch: Callable[[], Result]) -> Result:
        try:
            return fetch()
        except ClientError as error:
            code = _code(error)
            if code in MISSING or code == PRECONDITION:
                raise BlobMissing(name) from None
            if code == NO_SUCH_RANGE:
                raise BeyondEnd from None
            raise


def s3_client(session: Session | None = None, *, read_timeout_s: float = READ_TIMEOUT_S) -> Any:
    """Return a client for S3Blobs in a botocore session; it connects when it is first used."""
    return (session or get_session()).create_client(
        "s3",
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=2 * THREADS,
        ),
    )


class BeyondEnd(Exception):
    """The range begins at or after the blob's end."""


def _read_into(body: Any, part: memoryview) -> None:
    """Fill `part` with the body. Raises one of BROKEN_OFF when it ends early."""
    at = 0
    while at < len(part):
        got = body.readinto(part[at : at + CHUNK_BYTES])
        if not got:
            raise IncompleteReadError(actual_bytes=at, expected_bytes=len(part))
        at += got


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
