"""The stored form of an embedding: what it costs in accuracy, and what it refuses."""

import math
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.store.log.quantisation import dequantise, quantise
from tests.store.synthetic import unit

finite = st.floats(-1.0, 1.0, width=32)


@settings(max_examples=300, deadline=None)
@given(st.lists(finite, min_size=1, max_size=64).filter(lambda xs: max(map(abs, xs)) > 1e-30))
def test_no_number_moves_by_more_than_half_a_step(numbers: list[float]) -> None:
    vector, scale = quantise(array("f", numbers))

    steps = array("b", vector)
    assert max(map(abs, steps)) == 127
    back = dequantise(vector, scale)
    assert len(back) == len(numbers)
    for was, now in zip(numbers, back, strict=True):
        assert abs(was - now) <= 0.5 * scale * (1 + 1e-5)


@settings(max_examples=200, deadline=None)
@given(st.lists(finite, min_size=1, max_size=32))
def test_a_stored_row_stands_for_itself(numbers: list[float]) -> None:
    """Reading it back and storing that again gives the same row: no drift."""
    if max(map(abs, numbers)) < 1e-30:
        return
    vector, scale = quantise(array("f", numbers))

    assert quantise(dequantise(vector, scale))[0] == vector


@pytest.mark.parametrize(
    "numbers", [[], [0.0, -0.0], [math.nan, 1.0], [1.0, math.nan], [math.inf], [1.0, -math.inf]], ids=str
)
def test_what_has_no_direction_is_refused(numbers: list[float]) -> None:
    with pytest.raises(ValueError, match="finite and not zero"):
        quantise(array("f", numbers))


@pytest.mark.parametrize("tiny", [1e-45, 1e-44, 1e-40, 1.2e-38])
def test_the_smallest_numbers_there_are(tiny: float) -> None:
    """A scale below float32's smallest would be zero: such a vector has no direction that could be stored."""
    try:
        vector, scale = quantise(array("f", [tiny, -tiny]))
    except ValueError:
        return
    assert scale > 0.0
    assert array("b", vector)[0] == -array("b", vector)[1] > 0


def test_the_error_of_a_cosine() -> None:
    """As design and documentation state it: 3e-4 to 8e-4 (std), 3e-3 at most, between random unit vectors."""
    vectors = np.array([unit(n) for n in range(200)], np.float64)
    stored = np.array([dequantise(*quantise(array("f", row))) for row in vectors], np.float64)

    error = vectors @ stored.T - vectors @ vectors.T

    assert np.abs(error).max() < 3e-3
    assert error.std() < 8e-4
