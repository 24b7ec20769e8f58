"""The notes on an invocation: counts and names only."""

from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.runtime.functions.invocation_notes import FACES, Notes, noted

COUNTED = {
    "CompareFaces": "FaceMatches",
    "DeleteFaces": "DeletedFaces",
    "DetectFaces": "FaceDetails",
    "ErasePerson": "DeletedFaces",
    "IndexFaces": "FaceRecords",
    "ListFaces": "Faces",
    "SearchAllFacesByImage": "SearchedFaces",
    "SearchFaces": "FaceMatches",
    "SearchFacesByImage": "FaceMatches",
    "SearchUsers": "UserMatches",
    "SearchUsersByImage": "UserMatches",
}
"""Operation -> the member of its answer whose length is told as `faces`."""


def notes_of(response: dict[str, Any]) -> Notes:
    notes = Notes()
    noted(lambda *_: response, notes)({"CollectionId": "staff"}, Caller())
    return notes


@pytest.mark.parametrize(("operation", "member"), COUNTED.items())
def test_the_faces_of_an_answer_are_counted(operation: str, member: str) -> None:
    notes = notes_of({"FaceModelVersion": "7.0", "UnindexedFaces": [{}], "DeletedUsers": [{}], member: [{}, {}, {}]})
    assert (notes.collection, notes.faces) == ("staff", 3)
    assert notes.indexed == (3 if operation == "IndexFaces" else 0)


def test_every_name_belongs_to_an_operation() -> None:
    assert set(COUNTED.values()) == set(FACES)


def test_an_answer_without_faces_counts_none() -> None:
    assert notes_of({"CollectionIds": ["a"]}).faces is None
