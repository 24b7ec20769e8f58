"""What networks say becomes labels: sums over ImageNet's classes, breeds within boxes, the colour of plain pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.faces import BoundingBox
from openrek.domain.labels import DominantColor
from openrek.vision.labels import evidence
from openrek.vision.labels.objects import CLASSES, Sighting
from openrek.vision.labels.vocabulary import table
from openrek.vision.models.picture_classes import Impression, mean_impression

BOX = BoundingBox(0.1, 0.2, 0.3, 0.4)
AFGHAN_HOUND = 160
"""The number of a class of ImageNet; all from 151 to 268 are dogs."""


def chances(**numbers: float) -> np.ndarray:
    """Return probabilities of ImageNet's classes: `c160=0.9`; the rest is spread evenly over all others."""
    given_ = {int(name[1:]): chance for name, chance in numbers.items()}
    spread = np.full(1000, (1 - sum(given_.values())) / (1000 - len(given_)), np.float32)
    for number, chance in given_.items():
        spread[number] = chance
    return spread


def confidences(probabilities: np.ndarray) -> dict[str, float]:
    return dict(zip(table().pictured, evidence.picture_confidences(probabilities).tolist(), strict=True))


def test_a_breed_makes_a_dog_surer_than_the_breed() -> None:
    sure = confidences(chances(c160=0.6, c161=0.3))

    assert sure["Dog"] > sure["Afghan Hound"] > sure["Cat"]
    assert sure["Animal"] > 0.5


@given(st.floats(0.01, 0.9), st.floats(0.01, 0.9))
def test_more_of_a_class_makes_its_labels_surer(first: float, second: float) -> None:
    low, high = (confidences(chances(c160=chance)) for chance in sorted((first, second)))

    for name in ("Afghan Hound", "Dog", "Animal"):
        assert low[name] <= high[name] + 1e-6
    assert all(0 <= value <= 1 for value in high.values())


@pytest.mark.parametrize("of", CLASSES)
def test_every_class_of_objects_is_a_label(of: str) -> None:
    labels = {label.name: label for label in evidence.from_objects([Sighting(of, BOX, 80.0)])}

    name = table().label_of_boxes.get(of)
    if name is None:
        assert of in ("skis", "snowboard")
    else:
        (instance,) = labels[name].instances
        assert (instance.box, instance.confidence, labels[name].confidence) == (BOX, 80.0, 80.0)
    assert all(not label.instances for each, label in labels.items() if each != name)
    assert len(labels) >= 1


def test_a_crop_tells_the_breed_of_a_dog_with_its_box() -> None:
    feature = np.zeros(1280, np.float32)
    dog = Sighting("dog", BOX, 90.0)

    labels = evidence.from_crop(Impression(chances(c160=0.8), feature), dog)

    found = {label.name: label for label in labels}
    assert found["Afghan Hound"].instances[0].box == BOX
    others = 0.2 / 999  # for each of the other 117 dogs
    assert found["Afghan Hound"].confidence == pytest.approx(90 * 0.8 / (0.8 + 117 * others), abs=0.5)
    assert all("Dog" in label.entry.ancestors for label in labels)
    assert evidence.from_crop(Impression(chances(c404=0.9), feature), dog) == []


def test_a_picture_of_one_color_has_it_as_a_label() -> None:
    def told(name: str, simplified: str, share: float) -> dict[str, float]:
        found = evidence.from_colors([DominantColor(0, 0, 0, name, simplified, share)])
        return {label.name: label.confidence for label in found}

    assert told("blue", "blue", 80.0) == {"Blue": 80.0}
    assert told("dimgrey", "grey", 90.0) == {"Gray": 90.0}
    assert told("teal", "cyan", 90.0) == {"Teal": 90.0}
    assert told("blue", "blue", 60.0) == {}
    assert told("orange", "orange", 100.0) == {}  # Orange is a fruit


def test_heads_and_classes_answer_together() -> None:
    random = np.random.default_rng(1)
    feature = np.abs(random.normal(0, 1, 1280)).astype(np.float32)
    view = Impression(chances(c160=0.9), feature / np.linalg.norm(feature))

    found = {label.name for label in evidence.from_impression(mean_impression([view, view]))}

    assert {"Afghan Hound", "Dog", "Animal"} <= found
    assert all(label in table().entries for label in found)
