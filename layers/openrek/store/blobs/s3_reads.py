"""Reads of S3 whose response broke off: what botocore calls that, and how often such a read is made again."""

from collections.abc import Callable
from typing import Final, TypeVar

from botocore.exceptions import (
    ConnectionClosedError,
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

READS: Final = 4

BROKEN_OFF: Final = (
    ConnectionClosedError,
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
"""The response began, and its body ended early or is wrong: botocore's own retries do not cover that."""

Result = TypeVar("Result")


def read_whole(fetch: Callable[[], Result]) -> Result:
    """Return what `fetch` returns, fetched again when the response broke off, `READS` times in all.

    Raises what the last fetch raised, and at once everything that is not BROKEN_OFF.
    """
    for _ in range(READS - 1):
        try:
            return fetch()
        except BROKEN_OFF:
            continue
    return fetch()
