"""Labels that follow from objects."""

import pytest

from openrek.domain.faces import BoundingBox
from openrek.vision.labels.objects import Sighting
from openrek.vision.labels.rules import concluded


def seen(of: str, confidence: float = 90.0, left: float = 0.0) -> Sighting:
    return Sighting(of, BoundingBox(left, 0.0, 0.2, 1.0), confidence)


def test_a_toilet_is_in_a_bathroom() -> None:
    assert concluded([seen("toilet", 90.0)]) == {"Bathroom": pytest.approx(86.4)}


def test_four_sheep_are_a_herd_and_three_are_none() -> None:
    sheep = [seen("sheep", confidence) for confidence in (90.0, 80.0, 70.0, 60.0)]

    assert concluded(sheep) == {"Herd": pytest.approx(57.0)}
    assert concluded(sheep[:3]) == {}
    assert concluded([*sheep[:2], seen("cow"), seen("horse")]) == {}


def test_a_rider_is_on_the_horse() -> None:
    horse = seen("horse", 90.0)

    assert concluded([horse, seen("person", 50.0, left=0.1)]) == {"Horseback Riding": pytest.approx(45.0)}
    assert concluded([horse, seen("person", left=0.7)]) == {}


def test_a_meal_is_a_table_with_food_on_it() -> None:
    assert concluded([seen("dining table", 90.0), seen("pizza", 50.0)]) == {"Meal": pytest.approx(40.0)}
    assert concluded([seen("dining table")]) == {}
    assert concluded([]) == {}
