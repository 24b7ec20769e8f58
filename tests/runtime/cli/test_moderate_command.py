"""`openrek moderate`: labels as a table or as the service's JSON, and always what was not looked for."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from openrek.operations.detect_moderation_labels import NOT_LOOKED_FOR
from tests.support.drawn_things import pill_bottle

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


def test_labels_are_a_table(run, tmp_path: Path, rekognition: "RekognitionClient") -> None:
    pill_bottle().save(tmp_path / "pills.png")
    (leaf, *_) = rekognition.detect_moderation_labels(Image={"Bytes": (tmp_path / "pills.png").read_bytes()})[
        "ModerationLabels"
    ]
    lines = run("moderate", tmp_path / "pills.png").output.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["Confidence", "Label", "Below"],
        [f"{leaf['Confidence']:.1f}", "Pills", "Products"],
        [f"{leaf['Confidence']:.1f}", "Products", "Drugs", "&", "Tobacco"],
        [f"{leaf['Confidence']:.1f}", "Drugs", "&", "Tobacco"],
    ]
    assert " ".join(" ".join(lines[4:]).split()) == NOT_LOOKED_FOR


def test_a_clean_photo_says_what_was_not_looked_for(run, tmp_path: Path, photos: dict[str, bytes]) -> None:
    (tmp_path / "coffee.png").write_bytes(photos["coffee.png"])
    said = " ".join(run("moderate", tmp_path / "coffee.png").output.split())
    assert said == f"Nothing is at least 50 sure. {NOT_LOOKED_FOR}"


def test_json_is_the_services_answer(run, tmp_path: Path, rekognition: "RekognitionClient") -> None:
    pill_bottle().save(tmp_path / "pills.png")
    response = rekognition.detect_moderation_labels(
        Image={"Bytes": (tmp_path / "pills.png").read_bytes()}, MinConfidence=1
    )
    printed = json.loads(run("moderate", tmp_path / "pills.png", "--json", "--min-confidence", 1).stdout)
    assert printed == {name: value for name, value in response.items() if name != "ResponseMetadata"}
