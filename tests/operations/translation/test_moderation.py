"""The two taxonomies, over all labels: whole chains, and the older version's names."""

import csv
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.operations.translation.moderation import FILE, NEW, OLD, said, taxonomy
from openrek.vision.moderation import evidence

ROWS = list(csv.DictReader(FILE.read_text("utf-8").splitlines(), delimiter="\t"))
LABELS = [row["label"] for row in ROWS]
TOP = {
    "Explicit",
    "Non-Explicit Nudity of Intimate parts and Kissing",
    "Swimwear or Underwear",
    "Violence",
    "Visually Disturbing",
    "Drugs & Tobacco",
    "Alcohol",
    "Rude Gestures",
    "Gambling",
    "Hate Symbols",
}
OLD_TOP = {
    "Explicit Nudity",
    "Suggestive",
    "Violence",
    "Visually Disturbing",
    "Rude Gestures",
    "Drugs",
    "Tobacco",
    "Alcohol",
    "Gambling",
    "Hate Symbols",
}
SOME = st.dictionaries(st.sampled_from(LABELS), st.floats(1, 100), max_size=8)


@pytest.mark.parametrize("label", LABELS)
def test_a_chain_leads_to_the_top_level_by_level(label: str) -> None:
    chain = taxonomy(NEW).chains[label]
    assert chain[0].name == label
    assert [entry.level for entry in chain] == list(range(len(chain), 0, -1))
    assert [entry.parent for entry in chain] == [*(entry.name for entry in chain[1:]), ""]
    assert chain[-1].name in TOP


@pytest.mark.parametrize("label", LABELS)
def test_an_older_chain_has_at_most_two_levels_and_its_own_top(label: str) -> None:
    chain = taxonomy(OLD).chains[label]
    assert 1 <= len(chain) <= 2
    assert chain[-1].parent == ""
    assert chain[-1].name in OLD_TOP
    assert [entry.level for entry in chain] == list(range(len(chain), 0, -1))


def test_the_taxonomy_is_whole() -> None:
    assert len(LABELS) == len(set(LABELS)) == 52
    assert {row["label"] for row in ROWS if not row["parent"]} == TOP
    assert {entry.name for chain in taxonomy(OLD).chains.values() for entry in chain if not entry.parent} == OLD_TOP
    names = [entry.name for entry in taxonomy(NEW).chains["Pills"]]
    assert names == ["Pills", "Products", "Drugs & Tobacco"]
    assert [entry.name for entry in taxonomy(OLD).chains["Pills"]] == ["Pills", "Drugs"]
    assert [entry.name for entry in taxonomy(OLD).chains["Smoking"]] == ["Smoking", "Tobacco"]
    assert [entry.name for entry in taxonomy(OLD).chains["Gambling"]] == ["Gambling", "Gambling"]
    assert [entry.name for entry in taxonomy(OLD).chains["Crashes"]] == ["Visually Disturbing"]


def test_what_the_networks_say_is_in_the_taxonomy() -> None:
    assert {evidence.EXPLICIT, evidence.SUGGESTIVE, *evidence.PICTURED} <= set(LABELS)


@pytest.mark.parametrize("version", [NEW, OLD])
@given(found=SOME, least_pct=st.floats(0, 100))
def test_every_label_is_said_with_all_above_it_and_never_surer_than_they(
    version: str, found: dict[str, float], least_pct: float
) -> None:
    words = taxonomy(version)
    told = said(found, words, least_pct)
    sure = {label.entry: label.confidence for label in told}

    assert len(sure) == len(told)
    assert all(confidence >= least_pct for confidence in sure.values())
    for name, confidence in found.items():
        chain = words.chains[name]
        assert (chain[0] in sure) >= (confidence >= least_pct)
        told_of = [sure[entry] for entry in chain if entry in sure]
        assert told_of == sorted(told_of)
        if chain[0] in sure:
            assert len(told_of) == len(chain)
    assert [label.confidence for label in told] == sorted(sure.values(), reverse=True)
    for first, second in pairwise(told):
        if first.confidence == second.confidence:
            assert first.entry.level >= second.entry.level
