"""The numbers of calibration: fitted so that what is said at some confidence is right as often, and kept as data."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.labels import Annotated, boxes_right
from openrek.vision.labels.calibration import FILE, Calibration, calibration
from openrek.vision.labels.objects import confidences_of
from openrek.vision.labels.vocabulary import PICTURE_CLASSES
from openrek.vision.models.learnt_parts import decode
from training.label_calibration import ABOUT, Seen, fit, told

BOX = (0.25, 0.25, 0.75, 0.75)
OTHER = (0.0, 0.0, 0.2, 0.2)


def photos(count: int) -> list[Seen]:
    """Photos of a cat and another one: each is there as often as its score squared says."""
    random = np.random.default_rng(1)
    made = []
    for number in range(count):
        scores = np.sort(random.uniform(0.1, 0.9, 2))[::-1].astype(np.float32)
        places = zip((BOX, OTHER), scores, strict=True)
        objects = tuple(("cat", box, False) for box, score in places if random.uniform() < score**2)
        found = {"cat": (scores, np.array([BOX, OTHER], np.float32))}
        chances = np.full(PICTURE_CLASSES, 1 / PICTURE_CLASSES, np.float32)
        made.append(Seen(Annotated(Path(f"{number}.jpg"), objects, 480), {False: found, True: found}, chances))
    return made


def test_what_is_said_is_right_as_often() -> None:
    seen = photos(700)
    numbers = fit(seen)

    first = []
    for each in seen:
        sure = confidences_of(*each.objects[False]["cat"], tiles=False, numbers=numbers)
        first.append((100 * sure[0], bool(each.photo.objects)))
    for low in (30, 60):
        right = [(confidence, is_there) for confidence, is_there in first if low <= confidence < low + 30]
        said, is_right = np.mean(right, axis=0)
        assert len(right) > 100
        assert abs(100 * is_right - said) < 8


def test_a_photo_is_told_its_labels_with_ancestors_and_boxes() -> None:
    (seen,) = photos(1)

    said, boxes = told(seen, calibration(), tiles=True)

    assert said["Cat"] == boxes["cat"][0][0] > boxes["cat"][1][0]
    assert said["Animal"] == pytest.approx(said["Cat"])
    assert list(boxes) == ["cat"]


def test_boxes_are_right_once_for_each_object_and_crowds_do_not_count() -> None:
    crowd = (0.8, 0.0, 1.0, 0.2)
    photo = Annotated(Path("a.jpg"), (("cat", BOX, False), ("cat", crowd, True)), 480)

    assert list(boxes_right(photo, "cat", [(0.9, BOX), (0.8, BOX), (0.7, crowd)])) == [True, False, None]


def test_what_ships_was_made_so() -> None:
    part = decode(FILE.read_bytes())
    assert part.provenance == ABOUT
    assert {name: array.shape for name, array in part.arrays.items()} == {
        "present": (2, 4), "another": (2, 3), "object_names": (3,), "other_names": (3,)
    }  # fmt: skip
    assert set(part.arrays) == set(Calibration.__dataclass_fields__)
