"""Persons and their equipment as the API's dicts, and the summary of who wears what is required."""

from collections.abc import Iterable, Sequence
from typing import Final

from openrek.domain.equipment import HAND_COVER, WORN_ON, BodyPart, Cover, EquippedPerson
from openrek.operations.translation.shapes import Response, box_shape

WITH, WITHOUT, INDETERMINATE = (
    "PersonsWithRequiredEquipment",
    "PersonsWithoutRequiredEquipment",
    "PersonsIndeterminate",
)
LEAST_CONFIDENCE_PCT: Final = 50.0
"""A smaller MinConfidence acts as this."""


def person_shape(number: int, person: EquippedPerson) -> Response:
    return {
        "BodyParts": [_part_shape(part) for part in person.parts],
        "BoundingBox": box_shape(person.box),
        "Confidence": person.confidence,
        "Id": number,
    }


def summary_shape(persons: Sequence[EquippedPerson], least_pct: float, required: Iterable[str]) -> Response:
    """Return the ids of the persons by whether they wear all that is required, sure of it by `least_pct`."""
    summary: dict[str, list[int]] = {WITH: [], WITHOUT: [], INDETERMINATE: []}
    kinds, least_pct = list(required), max(least_pct, LEAST_CONFIDENCE_PCT)
    for number, person in enumerate(persons):
        verdicts = {_verdict(person, kind, least_pct) for kind in kinds}
        if person.confidence < least_pct:
            verdicts = {INDETERMINATE}
        summary[next(each for each in (WITHOUT, INDETERMINATE, WITH) if each in verdicts)].append(number)
    return dict(summary)


def _verdict(person: EquippedPerson, kind: str, least_pct: float) -> str:
    """Return the list that the person belongs to for one type of equipment."""
    parts = [part for part in person.parts if part.name in WORN_ON[kind]]
    if kind == HAND_COVER or not parts or any(part.confidence < least_pct for part in parts):
        return INDETERMINATE
    covers = [cover for part in parts for cover in part.covers if cover.kind == kind]
    if not covers:
        return WITHOUT
    if any(min(cover.confidence, cover.covers_confidence) < least_pct for cover in covers):
        return INDETERMINATE
    return WITH if all(cover.covers for cover in covers) else WITHOUT


def _part_shape(part: BodyPart) -> Response:
    covers = [_cover_shape(cover) for cover in part.covers]
    return {"Name": part.name, "Confidence": part.confidence, "EquipmentDetections": covers}


def _cover_shape(cover: Cover) -> Response:
    return {
        "BoundingBox": box_shape(cover.box),
        "Confidence": cover.confidence,
        "Type": cover.kind,
        "CoversBodyPart": {"Confidence": cover.covers_confidence, "Value": cover.covers},
    }
