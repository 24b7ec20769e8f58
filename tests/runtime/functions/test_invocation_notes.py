"""The notes on an invocation: counts and names only."""

from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.operations.registry import OPERATIONS
from openrek.runtime.functions.invocation_notes import Notes, noted
from tests.support.extended import SERVICE

COUNTED = {name: row for name, row in OPERATIONS.items() if row.listed}


def notes_of(response: dict[str, Any], listed: str) -> Notes:
    notes = Notes()
    noted(lambda *_: response, notes, listed)({"CollectionId": "staff"}, Caller())
    return notes


@pytest.mark.parametrize("operation", COUNTED)
def test_what_the_row_names_is_counted_and_nothing_else(operation: str) -> None:
    member = OPERATIONS[operation].listed
    others = {"FaceModelVersion": "7.0", "UnindexedFaces": [{}], "DeletedUsers": [{}]}
    notes = notes_of({**others, member: [{}] * 3}, member)
    assert (notes.collection, notes.listed) == ("staff", 3)


@pytest.mark.parametrize("operation", COUNTED)
def test_what_is_counted_is_a_list_of_the_answer(operation: str) -> None:
    output = SERVICE.operation_model(operation).output_shape
    assert output.members[OPERATIONS[operation].listed].type_name == "list"


def test_faces_are_counted_in_these() -> None:
    counted = {name: (row.listed, row.logged_as) for name, row in COUNTED.items()}
    assert counted["CompareFaces"] == counted["SearchFacesByImage"] == ("FaceMatches", "faces")
    assert counted["IndexFaces"] == ("FaceRecords", "faces")
    assert counted["SearchUsers"] == ("UserMatches", "faces")
    assert {name: row.metric for name, row in COUNTED.items() if row.metric} == {"IndexFaces": "FacesIndexed"}


def test_an_answer_without_the_list_counts_none() -> None:
    assert notes_of({"CollectionIds": ["a"]}, "").listed is None
    assert notes_of({"CollectionIds": ["a"]}, "Faces").listed is None
