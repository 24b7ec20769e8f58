"""Boxes: of overlapping ones the best stays, small ones are looked for in tiles, and confidences follow the scores."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openrek.vision.labels.networks import OBJECTS
from openrek.vision.labels.objects import (
    CLASSES,
    MOST_OVERLAP,
    Sighting,
    confidences_of,
    kept_boxes,
    overlaps,
    sightings,
)
from openrek.vision.labels.reader import LabelReader
from openrek.vision.models.sessions import ModelSessions

PLACES, SIDES = st.integers(0, 90), st.integers(1, 50)
CORNERS = st.tuples(PLACES, PLACES, SIDES, SIDES)
BOXES = st.lists(CORNERS, min_size=1, max_size=20).map(
    lambda all_: np.array([(x, y, x + w, y + h) for x, y, w, h in all_], np.float32) / 150
)


@pytest.fixture(scope="module")
def label_reader(weights_folder: Path) -> LabelReader:
    return LabelReader(ModelSessions(weights_folder))


@given(BOXES, st.randoms())
def test_kept_boxes_do_not_overlap_and_every_other_one_is_covered_by_a_better(
    boxes: np.ndarray, random: object
) -> None:
    scores = np.linspace(0.9, 0.1, len(boxes), dtype=np.float32)
    random.shuffle(scores)  # type: ignore[attr-defined]

    kept = kept_boxes(scores, boxes)

    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    for place in kept:
        others = [other for other in kept if other != place]
        assert (overlaps(boxes[place], boxes[others]) <= MOST_OVERLAP).all()
    for place in set(range(len(boxes))) - set(kept.tolist()):
        better = [keeper for keeper in kept if scores[keeper] >= scores[place]]
        assert (overlaps(boxes[place], boxes[better]) > MOST_OVERLAP).any()


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0, 0, 0.2, 0.2], np.float32)
    others = np.array([[0.1, 0, 0.3, 0.2], [0, 0, 0.2, 0.2], [0.5, 0.5, 0.6, 0.6]], np.float32)

    assert overlaps(box, others) == pytest.approx([1 / 3, 1, 0])


@given(st.lists(st.floats(0.125, 0.9375, width=32), min_size=2, max_size=6), st.booleans())
def test_a_better_score_is_surer(scores: list[float], tiles: bool) -> None:
    best_first = np.sort(np.array(scores, np.float32))[::-1]
    boxes = np.array([[0.1, 0.1, 0.4, 0.4]] * len(scores), np.float32)

    sure = confidences_of(best_first, boxes, tiles=tiles)

    assert ((sure >= 0) & (sure <= 1)).all()
    assert (np.diff(sure) <= 0).all()


@pytest.mark.parametrize("tiles", [False, True])
def test_no_other_box_is_surer_than_the_best(tiles: bool) -> None:
    """Small boxes are surer than large ones of the same score."""
    boxes = np.array([[0, 0, 1, 1], [0.5, 0.5, 0.51, 0.51]], np.float32)

    first, second = confidences_of(np.array([0.975, 0.974], np.float32), boxes, tiles=tiles)

    assert second <= first


def test_a_second_thing_makes_the_first_surer() -> None:
    scores, boxes = np.array([0.5, 0.4], np.float32), np.array([[0, 0, 0.3, 0.3], [0.5, 0.5, 0.8, 0.8]], np.float32)

    alone, together = (confidences_of(scores[:n], boxes[:n], tiles=False)[0] for n in (1, 2))

    assert alone < together


def test_the_cat_is_found_where_it_is(label_reader: LabelReader, photos: dict[str, bytes]) -> None:
    picture = Image.open(io.BytesIO(photos["chelsea.png"])).convert("RGB")

    first = next(
        each
        for each in sightings(label_reader.sessions.session(OBJECTS), picture, tiles=False)
        if each.coco_class == "cat"
    )

    assert first.confidence > 95
    assert first.box.area > 0.5
    assert set(CLASSES) >= {"cat"}


def test_tiles_find_a_person_that_is_too_small_for_one_look(
    label_reader: LabelReader, photos: dict[str, bytes]
) -> None:
    """A person a tenth of the width of a picture."""
    small = Image.open(io.BytesIO(photos["astronaut.png"])).convert("RGB").resize((200, 200))
    picture = Image.open(io.BytesIO(photos["coffee.png"])).convert("RGB").resize((2000, 1333))
    picture.paste(small, (300, 300))

    def persons(*, tiles: bool) -> list[Sighting]:
        seen = sightings(label_reader.sessions.session(OBJECTS), picture, tiles=tiles)
        return [each for each in seen if each.coco_class == "person" and each.confidence >= 25]

    assert not persons(tiles=False)
    (person,) = persons(tiles=True)
    middle = person.box.left + person.box.width / 2, person.box.top + person.box.height / 2
    assert middle == pytest.approx((400 / 2000, 400 / 1333), abs=0.03)
