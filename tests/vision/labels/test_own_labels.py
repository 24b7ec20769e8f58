"""An owner's own label: what is learnt tells its pictures apart, what is kept is read, and names are checked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.vision.labels.learning import Head, Measured, decode_background, learn
from openrek.vision.labels.own_labels import (
    DEFAULT_CATEGORY,
    FEATURES,
    MOST_BYTES,
    OwnLabel,
    UnusableName,
    checked_entry,
    decode_own,
    encode_own,
    own_label,
    said,
)
from openrek.vision.models.learnt_parts import MAGIC, LearntPartError, Provenance, encode

NONE = np.empty((0, FEATURES))
MEASURED = Measured(pictures=40, others=512, found=35, false_alarms=5)


def features(count: int, seed: int, likeness: float) -> np.ndarray:
    """Features near one direction, which the seed of hundreds chooses; of unit length, as the network's are."""
    towards = np.abs(np.random.default_rng(seed // 100).normal(size=FEATURES))
    rows = likeness * towards + np.abs(np.random.default_rng(seed).normal(size=(count, FEATURES)))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def label(name: str = "Our Mug", category: str | None = None, *parents: str) -> OwnLabel:
    head = Head(np.linspace(-1, 1, FEATURES), 0.25, MEASURED)
    return own_label(checked_entry(name, category, parents), head, "2026-12-01")


def probabilities(head: Head, rows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(rows @ head.weights + head.bias)))


def test_what_was_learnt_is_said_of_other_pictures_and_not_of_what_it_is_not() -> None:
    head = learn(features(30, 101, 0.6), features(40, 201, 0.6))

    assert probabilities(head, features(50, 102, 0.6)).min() > 0.55
    assert probabilities(head, features(50, 202, 0.6)).max() < 0.55
    assert probabilities(head, decode_background()).max() < 0.55
    assert head.measured == Measured(pictures=30, others=512 + 40, found=30, false_alarms=0)
    assert (head.measured.recall, head.measured.precision) == (1.0, 1.0)


def test_what_cannot_be_told_from_the_background_is_not_said() -> None:
    """Ordinary pictures, which the background has too."""
    head = learn(np.asarray(decode_background()[::16], float), NONE)

    assert head.measured.found + head.measured.false_alarms <= 5
    assert head.measured.precision is None or head.measured.precision < 0.9
    assert np.median(probabilities(head, decode_background())) == pytest.approx(0.1, abs=0.06)
    assert np.median(probabilities(head, features(50, 301, 0.6))) < 0.55


def test_held_back_pictures_decide_what_a_label_promises() -> None:
    """Pictures that are like those that do not show it can be learnt by heart, and are not found by what was learnt."""
    head = learn(features(30, 101, 0.6), features(400, 102, 0.6))

    assert head.measured.found < 10


def test_what_is_kept_is_read() -> None:
    kept = label("Unsere Tasse", None, "Cup")

    read = decode_own(encode_own(kept))

    assert read == replace(kept, weights=read.weights)
    np.testing.assert_allclose(read.weights, kept.weights, atol=1e-3)
    assert read.entry.category == "Kitchen and Dining"
    assert read.entry.ancestors == ("Cup",)
    assert len(encode_own(kept)) < MOST_BYTES / 2


def test_a_label_without_a_place_has_one() -> None:
    assert label().entry.category == DEFAULT_CATEGORY
    assert label("Our Mug", "Mugs of Ours").entry.category == "Mugs of Ours"
    assert label("Rex", "Family", "Dog").entry.ancestors == ("Animal", "Canine", "Dog", "Mammal", "Pet")


@pytest.mark.parametrize(
    "name", ["", " Mug", "Mug ", "a" * 101, "Mug\n", "../mug", "_mug", "Mug;", "\u202emug", "Mug\x00"]
)
def test_names_that_no_label_may_have(name: str) -> None:
    with pytest.raises(UnusableName, match="cannot be a name"):
        checked_entry(name, None, ())
    with pytest.raises(UnusableName, match="cannot be a name"):
        checked_entry("Mug of Ours", name, ())


@pytest.mark.parametrize("name", ["a", "Straße 7", "コップ", "Marks & Co. (London)", "X-Ray", "R2+"])
def test_names_that_a_label_may_have(name: str) -> None:
    assert checked_entry(name, None, ()).name == name


@pytest.mark.parametrize(
    ("name", "of"), [("Cat", "Cat"), ("cAT", "Cat"), ("Human", "Person"), ("cell phone", "Mobile Phone")]
)
def test_built_in_names_and_aliases_are_taken(name: str, of: str) -> None:
    with pytest.raises(UnusableName, match=f"openrek has the label {of} already"):
        checked_entry(name, None, ())


def test_parents_are_built_in() -> None:
    with pytest.raises(UnusableName, match="Gadget cannot be a parent"):
        checked_entry("Our Mug", None, ("Cup", "Gadget"))


def test_labels_are_said_from_some_confidence_on() -> None:
    heads = [
        replace(label(name), weights=np.zeros(FEATURES, np.float32), bias=bias)
        for name, bias in (("Sure", 30.0), ("Even", 0.0), ("Never", -30.0))
    ]

    found = {each.name: each.confidence for each in said(heads, np.ones(FEATURES, np.float32), 1.0, 99.9)}

    assert found == {"Sure": pytest.approx(99.9), "Even": 50.0}
    assert said([], np.ones(FEATURES, np.float32), 1.0, 99.9) == []


@given(st.integers(0, 3000), st.integers(0, 255))
def test_a_damaged_file_is_an_error_in_words(place: int, byte: int) -> None:
    whole = encode_own(label())
    place %= len(whole)
    damaged = whole[:place] + bytes([byte]) + whole[place + 1 :]
    if damaged == whole:
        return
    with pytest.raises(LearntPartError, match=r"^The .*\.$"):
        decode_own(damaged)


def test_other_learnt_parts_are_no_labels() -> None:
    about = Provenance("n", "w", "r", "f", "b", "l")
    arrays = {"weights": np.zeros((1, FEATURES)), "biases": np.zeros(1)}
    facts = {
        "category": "c",
        "ancestors": (),
        "learnt_on": "d",
        "pictures": 1,
        "others": 1,
        "found": 1,
        "false_alarms": 0,
    }
    assert decode_own(encode(about, ("Our Mug",), arrays, facts)).name == "Our Mug"
    for names, numbers, told in (
        (("Our Mug",), {"weights": np.zeros((1, 7)), "biases": np.zeros(1)}, facts),
        (("Our Mug",), {"weights": np.zeros((1, FEATURES))}, facts),
        (("Our Mug", "Another"), arrays, facts),
        (("Our Mug",), arrays, {}),
        (("Our Mug",), arrays, facts | {"pictures": 0}),
        (("Our Mug",), arrays, facts | {"found": "many"}),
        (("Cat",), arrays, facts),
        (("Our Mug",), arrays, facts | {"ancestors": ("Gadget",)}),
    ):
        with pytest.raises(LearntPartError):
            decode_own(encode(about, names, numbers, told))
    with pytest.raises(LearntPartError, match="more than"):
        decode_own(MAGIC + bytes(MOST_BYTES))
