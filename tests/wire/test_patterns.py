"""Java's patterns: the whole value, ASCII classes, Unicode categories where they are written out."""

import time

import pytest

from openrek.wire.model import service_model
from openrek.wire.patterns import matches

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


@pytest.mark.parametrize(
    "value", ["-" * 5000, "a" * 5000 + "!", "a-" * 2500 + "!", " " * 5000, ":" * 5000, "arn:" * 1250]
)
def test_no_pattern_of_the_model_takes_long_for_a_long_value(value: str) -> None:
    began = time.perf_counter()
    for shape in service_model().shapes.values():
        if shape.pattern:
            matches(shape.pattern, value)
    assert time.perf_counter() - began < 1.0
