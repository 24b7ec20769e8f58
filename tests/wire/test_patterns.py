"""Java's patterns: the whole value, ASCII classes, Unicode categories where they are written out."""

import re
from collections.abc import Callable, Iterator, Sequence
from re import _constants as constants  # type: ignore[attr-defined]
from re._compiler import compile as compile_parsed  # type: ignore[import-not-found]
from re._parser import parse  # type: ignore[import-not-found]
from typing import Any

import pytest

from openrek.wire.model import service_model
from openrek.wire.patterns import _compiled, matches

COLLECTION_ID = r"[a-zA-Z0-9_.\-]+"
TAG_KEY = r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$"


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (COLLECTION_ID, "staff_2.b-C", True),
        (COLLECTION_ID, "staff\n", False),
        (COLLECTION_ID, "../etc", False),
        (COLLECTION_ID, "caf\u00e9", False),
        ("^[0-9]+$", "123", True),
        ("^[0-9]+$", "123\n", False),
        ("^[0-9]+$", "\u0661\u0662", False),
        (r"(^arn:aws:sns:.*:\w{12}:.+$)", "arn:aws:sns:eu-west-1:\u00e9aaaaaaaaaaa:x", False),
        (TAG_KEY, "R\u00e9gion \u4e1c\u4eac \u00b2=+@", True),
        (TAG_KEY, "aws:x", False),
        (TAG_KEY, "a\u20acb", False),
        (TAG_KEY, "a\nb", False),
        (r"\S*", "a b", False),
        (r".*\S.*", "   ", False),
        (r".*\S.*", " a ", True),
        (".{1,}", "a\u2028b", False),
        ("[.]", "x", False),
        (r"\.", "x", False),
        (r"\p{L}\p{N}", "\u00e97", True),
    ],
)
def test_a_value_matches_as_in_java(pattern: str, value: str, expected: bool) -> None:
    assert matches(pattern, value) is expected


MOST_STEPS = 100_000


class Backtracking:
    """A matcher that matches as `re` does, slowly, and counts the steps."""

    def __init__(self, pattern: str, value: str) -> None:
        self._value = value
        self.steps = 0
        self.whole = len(value) in self._ends([*parse(pattern, re.ASCII)], 0)

    def _ends(self, items: Sequence[Any], at: int) -> Iterator[int]:
        if not items:
            yield at
            return
        for end in self._each(*items[0], at):
            yield from self._ends(items[1:], end)

    def _each(self, code: Any, argument: Any, at: int) -> Iterator[int]:
        self.steps += 1
        assert self.steps < MOST_STEPS
        if code is constants.MAX_REPEAT:
            yield from self._repeat(*argument, at)
        elif code is constants.SUBPATTERN:
            yield from self._ends([*argument[-1]], at)
        elif code is constants.BRANCH:
            for branch in argument[1]:
                yield from self._ends([*branch], at)
        elif code is constants.ASSERT_NOT:
            if next(self._ends([*argument[1]], at), None) is None:
                yield at
        elif code is constants.AT:
            if at == (0 if argument is constants.AT_BEGINNING else len(self._value)):
                yield at
        elif at < len(self._value) and _one(code, argument).match(self._value[at]):
            yield at + 1

    def _repeat(self, least: int, most: int, items: Any, at: int, done: int = 0) -> Iterator[int]:
        if done < most:
            for end in self._ends([*items], at):
                if end > at:
                    yield from self._repeat(least, most, items, end, done + 1)
        if done >= least:
            yield at


def _one(code: Any, argument: Any) -> re.Pattern[str]:
    one = parse("", re.ASCII)
    one.append((code, argument))
    compiled: re.Pattern[str] = compile_parsed(one, re.ASCII)
    return compiled


def work(pattern: str, value: str) -> int:
    counted = Backtracking(_compiled(pattern)[0].pattern, value)
    assert counted.whole is matches(pattern, value)
    return counted.steps


VALUES: dict[str, Callable[[int], str]] = {
    "-": lambda size: "-" * size,
    "a!": lambda size: "a" * size + "!",
    "a-!": lambda size: "a-" * (size // 2) + "!",
    " ": lambda size: " " * size,
    ":": lambda size: ":" * size,
    "arn:": lambda size: "arn:" * (size // 4),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_work_of_every_pattern_of_the_model_grows_no_faster_than_the_value(name: str) -> None:
    value = VALUES[name]
    for pattern in {shape.pattern for shape in service_model().shapes.values() if shape.pattern}:
        assert work(pattern, value(64)) <= 3 * work(pattern, value(32)), pattern


@pytest.mark.parametrize(("pattern", "size"), [("(a+)+", 6), ("a*a*b", 16)])
def test_work_that_grows_faster_would_be_seen(pattern: str, size: int) -> None:
    value = VALUES["a!"]
    assert work(pattern, value(2 * size)) > 3 * work(pattern, value(size))
