"""`openrek equipment`: persons and what they wear, as a table or as the service's JSON."""

import json
from pathlib import Path

NO_GLOVES = "Covers of hands are not detected: hands are told, never a HAND_COVER."


def test_parts_are_a_table(run, tmp_path: Path, photos: dict[str, bytes]) -> None:
    (tmp_path / "a.jpg").write_bytes(photos["biden.jpg"])
    said = run("equipment", tmp_path / "a.jpg").output
    lines = [line.split() for line in said.splitlines()]
    assert lines[:2] == [["Person", "Part", "Equipment"], ["0", "FACE"]]
    assert ["0", "HEAD"] in lines
    assert NO_GLOVES in " ".join(said.split())


def test_nobody_is_said_to_be_there(run, tmp_path: Path, photos: dict[str, bytes]) -> None:
    (tmp_path / "a.png").write_bytes(photos["coffee.png"])
    said = " ".join(run("equipment", tmp_path / "a.png").output.split())
    assert said == f"No person was found in the photo. {NO_GLOVES}"
    printed = json.loads(run("equipment", tmp_path / "a.png", "--json").stdout)
    assert printed == {"ProtectiveEquipmentModelVersion": "1.0", "Persons": []}
