"""Reading of request bodies: bounded in bytes, in time, and in the memory that all requests together take.

A refusal that comes before the body was read is sent at once, and then the body is thrown away for a while: a client
that is still sending (boto3 reads no response before it is done) would otherwise see a reset connection in place of the
response.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from openrek.domain.errors import Refusal, SerializationError, Throttling

IDLE_TIMEOUT_S = 10.0
GRACE_S = 20.0
LEAST_BYTES_PER_S = 16 * 1024
"""A phone's uplink is several times as fast. A slower client holds a connection, and memory of all bodies' share."""
DRAIN_TIMEOUT_S = 5.0
DRAIN_BYTES = 64 * 1024 * 1024
FREE_BYTES = 256 * 1024
"""A body up to this size is not counted against what all may hold."""


class ClientGone(Exception):
    """The client closed the connection; nobody waits for a response."""


class BodyBudget:
    """Bytes that all bodies together may hold. Small bodies are free: the number of requests bounds them.

    Used from the event loop only.
    """

    def __init__(self, total_bytes: int, free_bytes: int = FREE_BYTES) -> None:
        self._remaining = total_bytes
        self._free = free_bytes

    @contextmanager
    def hold(self, body_bytes: int) -> Iterator[None]:
        """Count the bytes inside the block. Raises Throttling when the budget is spent."""
        held = body_bytes if body_bytes > self._free else 0
        if held > self._remaining:
            raise Throttling(reason="Too many large requests at once.")
        self._remaining -= held
        try:
            yield
        finally:
            self._remaining += held


async def read_body(
    receive: Receive,
    limit_bytes: int,
    too_large: Refusal,
    *,
    idle_s: float = IDLE_TIMEOUT_S,
    grace_s: float = GRACE_S,
    least_bytes_per_s: float = LEAST_BYTES_PER_S,
) -> bytes:
    """Return the whole body.

    It may take `grace_s`, and a second more for each `least_bytes_per_s` that came, but never `idle_s` without a byte.

    Raises `too_large`, SerializationError for a body that does not arrive in that time, or ClientGone.
    """
    chunks: list[bytes] = []
    size = 0
    clock = asyncio.get_running_loop().time
    began_s = clock()
    while True:
        remaining_s = began_s + grace_s + size / least_bytes_per_s - clock()
        try:
            async with asyncio.timeout(min(idle_s, remaining_s)):
                message = await receive()
        except TimeoutError:
            slow = f"in {clock() - began_s:.0f} s, which is less than {least_bytes_per_s / 1024:g} KiB a second"
            how = slow if remaining_s < idle_s else f"and then nothing for {idle_s:g} s"
            raise SerializationError(
                "The request body is incomplete", reason=f"The body did not arrive: {size} bytes came, {how}."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client closes the connection. Only for after the body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EarlyResponse(Response):
    """A response to a request whose body was not read; closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        self.headers["connection"] = "close"
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    remaining = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while remaining > 0:
                message = await receive()
                remaining -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
