"""Reading bodies: what is too large, too slow or too much at once, without a network."""

import asyncio
import selectors
from collections.abc import Sequence
from typing import Any

import pytest

from openrek.domain.errors import ImageTooLarge, SerializationError, Throttling
from openrek.runtime.server.bodies import BodyBudget, ClientGone, EarlyResponse, read_body


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
    assert refusal.value.reason == "The body did not arrive: 2 bytes came, and then nothing for 0.05 s."


class Waiting(selectors.SelectSelector):
    """Waits no time, and counts how long it would have."""

    waited_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.waited_s += timeout or 0.0
        return super().select(0)


class Seconds(asyncio.SelectorEventLoop):
    """An event loop whose seconds pass at once."""

    def __init__(self) -> None:
        self._waiting = Waiting()
        super().__init__(self._waiting)

    def time(self) -> float:
        return self._waiting.waited_s


def arrival(pieces: int, piece_bytes: int, pause_s: float, **more: Any) -> tuple[int | str | None, float]:
    """How much came or why not all did, and after how many seconds, with the server's own bounds."""
    loop = Seconds()
    try:
        client = Client([b"x" * piece_bytes] * pieces, pause_s=pause_s, **more)
        body = loop.run_until_complete(read_body(client.receive, 8_000_000, ImageTooLarge()))
        return len(body), loop.time()
    except SerializationError as refusal:
        return refusal.reason, loop.time()
    finally:
        loop.close()


def test_a_body_may_take_its_time_while_it_comes() -> None:
    """A photo of 5 MB in base64 over an uplink of 0.7 Mbit/s; and the slowest line that is allowed."""
    size, took_s = arrival(750, 9_000, 0.1)
    assert (size, round(took_s)) == (6_750_000, 75)
    size, took_s = arrival(400, 16 * 1024, 1.0)
    assert (size, round(took_s)) == (400 * 16 * 1024, 400)


@pytest.mark.parametrize(
    ("pieces", "piece_bytes", "pause_s", "after_s", "reason"),
    [
        (100, 1, 9.0, 20.0, "2 bytes came, in 20 s, which is less than 16 KiB a second"),
        (10_000, 100, 0.1, 21.3, "21200 bytes came, in 21 s, which is less than 16 KiB a second"),
        (2, 500_000, 11.0, 10.0, "0 bytes came, and then nothing for 10 s"),
    ],
)
def test_a_body_that_drips_or_stops_is_refused(
    pieces: int, piece_bytes: int, pause_s: float, after_s: float, reason: str
) -> None:
    told, took_s = arrival(pieces, piece_bytes, pause_s)
    assert told == f"The body did not arrive: {reason}."
    assert took_s == pytest.approx(after_s, abs=0.05)


def test_a_body_that_came_fast_and_then_drips_is_refused_when_its_time_is_used_up() -> None:
    class Turns(Client):
        async def receive(self) -> dict[str, Any]:
            self.pause_s = 0.0 if len(self.left) == 101 else 9.0
            return await super().receive()

    loop = Seconds()
    client = Turns([b"x" * 1_638_400, *[b"x"] * 100])
    with pytest.raises(SerializationError):
        loop.run_until_complete(read_body(client.receive, 8_000_000, ImageTooLarge()))
    loop.close()
    assert loop.time() == pytest.approx(120, abs=0.1)


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
