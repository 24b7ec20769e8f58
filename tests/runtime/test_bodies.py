"""Reading bodies: what is too large, too slow or too much at once, without a network."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from openrek.domain.errors import ImageTooLarge, SerializationError, Throttling
from openrek.runtime.bodies import BodyBudget, ClientGone, EarlyResponse, read_body


class Client:
    """Sends `pieces`, each `pause_s` after the one before; then hangs up, or says nothing more if it `hangs`."""

    def __init__(
        self, pieces: Sequence[bytes], *, pause_s: float = 0.0, hangs: bool = False, ends: bool = True
    ) -> None:
        self.left = list(pieces)
        self.pause_s = pause_s
        self.hangs = hangs
        self.ends = ends

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(self.pause_s)
        if self.left:
            piece = self.left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.left) or not self.ends}
        if self.hangs:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}


def read(client: Client, limit: int = 10, **times: float) -> bytes:
    return asyncio.run(read_body(client.receive, limit, ImageTooLarge(), **times))


def test_pieces_are_joined() -> None:
    assert read(Client([b"ab", b"", b"cd"])) == b"abcd"
    assert read(Client([b"x" * 10])) == b"x" * 10


def test_more_than_the_limit_is_refused_without_waiting_for_the_rest() -> None:
    client = Client([b"x" * 6, b"x" * 6, b"x" * 6])
    with pytest.raises(ImageTooLarge):
        read(client)
    assert client.left == [b"x" * 6]


def test_a_client_that_hangs_up_gets_no_answer() -> None:
    with pytest.raises(ClientGone):
        read(Client([b"ab"], ends=False))


def test_a_body_that_stops_coming_is_refused() -> None:
    with pytest.raises(SerializationError) as refusal:
        read(Client([b"ab"], ends=False, hangs=True), idle_s=0.05)
    assert "2 bytes came" in (refusal.value.reason or "")


def test_a_body_that_drips_is_refused() -> None:
    with pytest.raises(SerializationError):
        read(Client([b"x"] * 100, pause_s=0.02), limit=1000, idle_s=1.0, total_s=0.1)


def test_the_budget_bounds_what_large_bodies_hold_together() -> None:
    budget = BodyBudget(100, free_bytes=10)
    with budget.hold(60):
        with pytest.raises(Throttling), budget.hold(60):
            pass
        with budget.hold(40), budget.hold(10):
            pass
    with budget.hold(100):
        pass


def test_an_early_answer_is_sent_first_and_the_body_thrown_away() -> None:
    client = Client([b"x"] * 5)
    sent: list[dict[str, Any]] = []
    left_when_sent: list[int] = []

    async def send(message: Any) -> None:
        sent.append(message)
        left_when_sent.append(len(client.left))

    asyncio.run(EarlyResponse(b"no", 400)({"type": "http"}, client.receive, send))
    assert [message.get("body") for message in sent] == [None, b"no", b""]
    assert left_when_sent == [5, 5, 0]
    assert (b"connection", b"close") in sent[0]["headers"]
