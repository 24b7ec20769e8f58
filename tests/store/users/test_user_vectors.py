"""The vector of a user: the normalised mean of its faces, in whatever order they came."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.store.log.quantisation import dequantise, quantise
from openrek.store.users.user_vectors import user_vector
from tests.store.people import People, likeness
from tests.store.synthetic import unit


def test_a_users_vector_is_the_normalised_mean_of_its_faces(people: People) -> None:
    faces = people.add("ada", 5)
    people.user("ada", faces)
    stored = [np.array(dequantise(*quantise(likeness("ada", number)))) for number in range(5)]
    probe = likeness("bob", 1)

    def cosine_with(numbers: list[int]) -> float:
        mean = np.mean([stored[number] for number in numbers], axis=0)
        return float(np.array(probe) @ (mean / np.linalg.norm(mean)))

    def cosine_found() -> float:
        (found,) = people.search.nearest_users(people.head, [probe], limit=1, lowest_cosine=-1.0)
        return found[0].cosine

    assert cosine_found() == pytest.approx(cosine_with([0, 1, 2, 3, 4]), abs=3e-3)
    people.leave("ada", [faces[0], faces[3]])
    assert cosine_found() == pytest.approx(cosine_with([1, 2, 4]), abs=3e-3)
    people.join("ada", [faces[0]])
    assert cosine_found() == pytest.approx(cosine_with([0, 1, 2, 4]), abs=3e-3)


def test_a_user_with_one_face_has_its_vector() -> None:
    face = quantise(likeness("ada", 1))

    vector, scale = user_vector([face])

    difference = np.array(dequantise(vector, scale)) - np.array(dequantise(*face))
    assert np.abs(difference).max() <= scale


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_the_vector_depends_on_the_faces_and_not_on_their_order(numbers: list[int]) -> None:
    faces = [quantise(likeness("ada", number)) for number in numbers]

    vector, scale = user_vector(faces)
    other, other_scale = user_vector(faces[::-1])

    assert (vector, scale) == (other, other_scale)
    expected = np.sum([np.array(dequantise(*face), np.float64) for face in faces], axis=0)
    expected /= np.linalg.norm(expected)
    assert np.abs(np.array(dequantise(vector, scale)) - expected).max() <= 0.51 * scale


def test_faces_that_cancel_out_are_represented_by_the_first() -> None:
    one = unit(1)
    first, second = quantise(one), quantise(type(one)("f", (-x for x in one)))

    assert user_vector([first, second]) == first
