import os
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openrek.runtime.cli.external_ids import NameTooLong, external_id, file_name

ALLOWED = re.compile(r"[a-zA-Z0-9_.\-:]{0,255}")
BYTES = st.binary(max_size=84)


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("photo-1_a.JPG", "photo-1_a.JPG"),
        ("Anna é/1.jpg", "Anna:20:c3:a9:2f1.jpg"),
        ("a:b", "a:3ab"),
        ("a:3ab", "a:3a3ab"),
        (os.fsdecode(b"\xff.png"), ":ff.png"),
    ],
)
def test_the_mapping(name: str, image_id: str) -> None:
    assert external_id(name) == image_id
    assert file_name(image_id) == name


@given(BYTES)
def test_every_name_comes_back(raw: bytes) -> None:
    name = os.fsdecode(raw)
    image_id = external_id(name)
    assert ALLOWED.fullmatch(image_id)
    assert file_name(image_id) == name


@given(BYTES, BYTES)
def test_different_names_get_different_ids(first: bytes, second: bytes) -> None:
    assume(first != second)
    assert external_id(os.fsdecode(first)) != external_id(os.fsdecode(second))


@given(st.text(alphabet="abAB09_.-:f", max_size=30))
def test_an_id_is_either_from_a_name_or_refused(image_id: str) -> None:
    try:
        name = file_name(image_id)
    except ValueError:
        return
    assert external_id(name) == image_id


def test_a_name_that_does_not_fit_is_refused() -> None:
    assert len(external_id("x" * 255)) == 255
    for name in ("x" * 256, "é" * 43):
        with pytest.raises(NameTooLong, match="255 are allowed"):
            external_id(name)
