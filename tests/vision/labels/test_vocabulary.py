"""The vocabulary is sound: no cycles, no orphans, no unknown names, and nothing in it that nothing can answer."""

import csv

from openrek.operations.translation import demographic_labels
from openrek.vision.labels.css_colors import SIMPLIFIED
from openrek.vision.labels.evidence import HEADS
from openrek.vision.labels.objects import CLASSES
from openrek.vision.labels.rules import RULES
from openrek.vision.labels.vocabulary import FILE, PICTURE_CLASSES, table
from openrek.vision.models.learnt_parts import decode

CATEGORIES = 40
"""Of Rekognition's labels, version 3; every label is in one of them."""
FACES = {"Crowd", "Face", "Groupshot", "Head", "People", "Person", "Photography", "Portrait"}
COLORS = {"Black", "Blue", "Gray", "Green", "Maroon", "Purple", "Red", "Teal", "White", "Yellow"}


def test_names_are_there_once_in_order() -> None:
    with FILE.open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file, delimiter="\t")]

    assert names == sorted(set(names))
    assert len(names) == 1033
    assert len({entry.category for entry in table().entries.values()}) <= CATEGORIES


def test_ancestors_are_labels_in_order_and_have_their_own_ancestors_with_them() -> None:
    entries = table().entries
    for name, entry in entries.items():
        assert name not in entry.ancestors
        assert list(entry.ancestors) == sorted(set(entry.ancestors))
        for ancestor in entry.ancestors:
            assert set(entries[ancestor].ancestors) < set(entry.ancestors), (name, ancestor)


def test_no_alias_is_a_label() -> None:
    aliases = [alias for entry in table().entries.values() for alias in entry.aliases]
    assert not set(aliases) & table().entries.keys()
    assert len(set(aliases)) == len(aliases)


def test_every_label_has_evidence_that_exists() -> None:
    for name, evidence in table().evidence.items():
        assert evidence.objects or evidence.pictures or evidence.other, name
        assert set(evidence.objects) <= set(CLASSES), name
        assert all(0 <= number < PICTURE_CLASSES for number in evidence.pictures), name


def test_other_evidence_is_what_the_vocabulary_says() -> None:
    said = {
        way: {name for name, evidence in table().evidence.items() if way in evidence.other}
        for way in ("head", "rule", "faces", "color")
    }
    assert said == {
        "head": set(decode(HEADS.read_bytes()).names),
        "rule": {rule.label for rule in RULES},
        "faces": FACES | set(demographic_labels.NAMES),
        "color": COLORS,
    }
    assert {name.capitalize() for name in (*SIMPLIFIED, *SIMPLIFIED.values())} >= COLORS


def test_a_label_has_the_evidence_of_those_below_it() -> None:
    known = table()
    for name, evidence in known.evidence.items():
        for ancestor in known.entries[name].ancestors:
            above = known.evidence[ancestor]
            assert set(evidence.objects) <= set(above.objects), (name, ancestor)
            assert set(evidence.pictures) <= set(above.pictures), (name, ancestor)


def test_boxes_go_to_one_label_that_their_class_answers() -> None:
    known = table()
    assert set(CLASSES) - set(known.label_of_boxes) == {"skis", "snowboard"}
    for of, name in known.label_of_boxes.items():
        assert known.evidence[name].objects == (of,)


def test_rules_need_classes_that_exist() -> None:
    assert {of for rule in RULES for need in rule.needs for of in need.of} <= set(CLASSES)
    assert all(len(rule.needs) == 2 for rule in RULES if rule.touching)
