"""The quality filter: what a stricter level keeps a laxer one keeps, and what MaxFaces leaves out."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.faces import BoundingBox, DetectedFace, Pose, Quality
from openrek.domain.quality import LIMITS, quality_reasons, select

LEVELS = ["NONE", "LOW", "MEDIUM", "HIGH"]
REASONS = {
    "EXTREME_POSE",
    "LOW_BRIGHTNESS",
    "LOW_SHARPNESS",
    "LOW_CONFIDENCE",
    "SMALL_BOUNDING_BOX",
    "LOW_FACE_QUALITY",
}

GOOD = DetectedFace(
    box=BoundingBox(0.2, 0.2, 0.3, 0.4),
    confidence=99.9,
    landmarks=(),
    pose=Pose(40, 5, -5),
    quality=Quality(brightness=50, sharpness=95, coarse_sharpness=60),
    width_px=200,
    height_px=260,
)

sides = st.floats(0.001, 1)
anything = st.builds(
    DetectedFace,
    box=st.builds(BoundingBox, sides, sides, sides, sides),
    confidence=st.floats(0, 100),
    landmarks=st.just(()),
    pose=st.builds(Pose, st.floats(-180, 180), st.floats(-90, 90), st.floats(-90, 90)),
    quality=st.builds(Quality, st.floats(0, 100), st.floats(0, 100), st.floats(0, 100)),
    width_px=st.floats(1, 300),
    height_px=st.floats(1, 300),
)


clearness = st.none() | st.floats(0, 1.5)


def clear(_: DetectedFace) -> float:
    return 1.0


@given(anything, clearness)
def test_what_a_stricter_level_keeps_a_laxer_one_keeps(face: DetectedFace, clearness: float | None) -> None:
    kept = [not quality_reasons(face, level, clearness) for level in LEVELS]

    assert kept == sorted(kept, reverse=True)
    assert kept[0]


@given(anything, clearness, st.sampled_from([*LEVELS, "AUTO"]))
def test_reasons_are_the_models(face: DetectedFace, clearness: float | None, level: str) -> None:
    reasons = quality_reasons(face, level, clearness)
    unclear = level != "NONE" and clearness is not None and clearness < LIMITS[level].clearness

    assert set(reasons) <= REASONS
    assert len(set(reasons)) == len(reasons)
    assert ("LOW_FACE_QUALITY" in reasons) == (unclear or len(reasons) > 2)


@given(anything, clearness)
def test_auto_is_low(face: DetectedFace, clearness: float | None) -> None:
    assert quality_reasons(face, "AUTO", clearness) == quality_reasons(face, "LOW", clearness)


@pytest.mark.parametrize("level", [*LEVELS, "AUTO"])
def test_a_good_face_passes_every_level_however_it_leans(level: str) -> None:
    assert quality_reasons(GOOD, level) == ()
    assert quality_reasons(GOOD, level, 1.0) == ()
    assert quality_reasons(replace(GOOD, pose=Pose(180, 0, 0)), level) == ()


@pytest.mark.parametrize("level", ["LOW", "MEDIUM", "HIGH"])
def test_each_limit_is_named_just_beyond_it_and_not_on_it(level: str) -> None:
    limits = LIMITS[level]
    pairs = {
        "LOW_CONFIDENCE": [replace(GOOD, confidence=limits.confidence - by) for by in (0, 0.01)],
        "SMALL_BOUNDING_BOX": [replace(GOOD, width_px=limits.side_px - by) for by in (0, 0.01)],
        "LOW_BRIGHTNESS": [replace(GOOD, quality=Quality(limits.brightness - by, 95, 60)) for by in (0, 0.01)],
        "LOW_SHARPNESS": [replace(GOOD, quality=Quality(50, limits.sharpness - by, 60)) for by in (0, 0.01)],
        "EXTREME_POSE": [replace(GOOD, pose=Pose(0, -limits.yaw_deg - by, limits.pitch_deg)) for by in (0, 0.01)],
    }

    found = {name: (quality_reasons(on, level), quality_reasons(beyond, level)) for name, (on, beyond) in pairs.items()}

    assert found == {name: ((), (name,)) for name in pairs}
    coarse = [replace(GOOD, quality=Quality(50, 95, limits.coarse_sharpness - by)) for by in (0, 0.01)]
    assert [quality_reasons(face, level) for face in coarse] == [(), ("LOW_SHARPNESS",)]
    unclear = [quality_reasons(GOOD, level, limits.clearness - by) for by in (0, 0.001)]
    assert unclear == [(), ("LOW_FACE_QUALITY",)]


def sized(area: float, **changes: object) -> DetectedFace:
    return replace(GOOD, box=BoundingBox(0, 0, area, 1), **changes)


def test_quality_comes_before_max_faces_and_then_the_smallest_go() -> None:
    blurred = sized(0.9, quality=Quality(50, 1, 60))
    faces = [sized(0.1), blurred, sized(0.3), sized(0.2)]

    kept, dropped = select(faces, "AUTO", 2, clear)

    assert [face.box.area for face in kept] == [0.3, 0.2]
    assert dropped == ((blurred, ("LOW_SHARPNESS",)), (faces[0], ("EXCEEDS_MAX_FACES",)))


def test_only_faces_that_would_be_kept_are_embedded_for_their_clearness() -> None:
    faces = [sized(0.5, confidence=10.0), sized(0.4), sized(0.3), sized(0.2), sized(0.1)]
    asked = []

    def clearness(face: DetectedFace) -> float:
        asked.append(face.box.area)
        return 0.1 if face.box.area == 0.4 else 1.0

    kept, dropped = select(faces, "AUTO", 2, clearness)

    assert asked == [0.4, 0.3, 0.2]
    assert [face.box.area for face in kept] == [0.3, 0.2]
    assert [reasons for _, reasons in dropped] == [("LOW_CONFIDENCE",), ("LOW_FACE_QUALITY",), ("EXCEEDS_MAX_FACES",)]
    assert len(select(faces, "NONE", 5, clearness)[0]) == 5
    assert asked == [0.4, 0.3, 0.2]


@given(st.lists(anything, max_size=12), st.sampled_from([*LEVELS, "AUTO"]), st.integers(1, 8))
def test_every_face_is_kept_or_dropped_with_a_reason(faces: list[DetectedFace], level: str, most: int) -> None:
    kept, dropped = select(faces, level, most, clear)

    assert sorted(map(id, faces)) == sorted(map(id, [*kept, *(face for face, _ in dropped)]))
    assert len(kept) == min(most, sum(not quality_reasons(face, level) for face in faces))
    assert all(reasons for _, reasons in dropped)
    areas = [face.box.area for face in kept]
    assert areas == sorted(areas, reverse=True)
    assert all(face.box.area <= areas[-1] for face, reasons in dropped if reasons == ("EXCEEDS_MAX_FACES",))


def test_the_document_has_the_limits() -> None:
    """Callers choose a level by this table, so it and the limits change together or not at all."""
    text = (Path(__file__).parents[2] / "docs" / "ACCURACY.md").read_text("utf-8")
    section = text.partition("## Quality and the QualityFilter")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| [A-Z_]+, [^|]+ \| ([\d.]+)[^|]*\| ([\d.]+)[^|]*\| ([\d.]+)[^|]*\|$", section, re.MULTILINE)
    order = (
        "confidence",
        "side_px",
        "yaw_deg",
        "pitch_deg",
        "brightness",
        "sharpness",
        "coarse_sharpness",
        "clearness",
    )
    assert len(rows) == len(order)
    for level, column in zip(("LOW", "MEDIUM", "HIGH"), zip(*rows, strict=True), strict=True):
        assert [float(value) for value in column] == [getattr(LIMITS[level], name) for name in order]
    assert LIMITS["AUTO"] == LIMITS["LOW"]


@pytest.mark.parametrize(
    ("face", "reasons"),
    [
        (GOOD, ()),
        (replace(GOOD, width_px=1), ("SMALL_BOUNDING_BOX",)),
        (replace(GOOD, width_px=1, confidence=0), ("LOW_CONFIDENCE", "SMALL_BOUNDING_BOX", "LOW_FACE_QUALITY")),
    ],
)
def test_two_reasons_are_low_quality_besides(face: DetectedFace, reasons: tuple[str, ...]) -> None:
    assert quality_reasons(face, "LOW") == reasons
