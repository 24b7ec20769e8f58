"""Heads of faces are learnt from labels and numbers: right ones, calibrated, and the same bytes whoever learns them."""

import csv
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from openrek.vision.faces.attributes.heads import INPUTS
from openrek.vision.faces.attributes.signals import BLOCKS
from openrek.vision.models.learnt_parts import decode
from training import face_heads, kernel_ridge

ROOT = Path(__file__).parents[2]
FACES = 240
AGES = ["0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"]
EMOTIONS = ["HAPPY", "SAD", "ANGRY", "SURPRISED", "DISGUSTED", "CALM", "FEAR", ""]


def made(seed: int = 7) -> face_heads.Rows:
    """Faces that nobody has: 20 numbers in each block, and labels that follow from the first ones."""
    random = np.random.default_rng(seed)
    blocks = {block: random.normal(0, 1, (FACES, 20)).astype(np.float32) for block in BLOCKS}
    labels = []
    for at in range(FACES):
        age = int(np.clip(blocks["feature"][at, 0] * 2 + 4, 0, 8))
        row = {"file": f"{at:03}.jpg", "age": AGES[age], "sample": "1"}
        row["gender"] = "Male" if blocks["feature"][at, 1] > 0 else "Female"
        row["emotion"] = EMOTIONS[at % 8]
        blocks["eyes"][at, 2 + at % 8] += 4
        for place, column in enumerate(["eyeglasses", "sunglasses", "eyes_open"]):
            row[column] = "" if at % 5 == place else str(int(blocks["eyes"][at, place] > 0.3))
        for place, column in enumerate(["beard", "mustache", "occluded", "mouth_open", "smile"]):
            row[column] = str(int(blocks["mouth"][at, place] > 0.3))
        labels.append(row)
    return face_heads.Rows(labels, blocks)


@pytest.fixture(scope="module")
def settings() -> dict:
    return tomllib.loads(face_heads.SETTINGS.read_text("utf-8"))


@pytest.fixture(scope="module")
def part(settings: dict) -> bytes:
    return face_heads.learn(made(), settings)


def value(part: bytes, name: str, rows: face_heads.Rows) -> np.ndarray:
    learnt = decode(part)
    numbers = kernel_ridge.joined(rows.blocks, INPUTS[name])
    return numbers @ learnt.arrays[name].astype(np.float64) + learnt.arrays["biases"][learnt.names.index(name)]


@pytest.mark.parametrize(
    ("name", "column", "yes"),
    [("eyeglasses", "eyeglasses", "1"), ("smile", "smile", "1"), ("male", "gender", "Male"), ("SAD", "emotion", "SAD")],
)
def test_heads_tell_faces_that_they_have_not_seen(part: bytes, name: str, column: str, yes: str) -> None:
    others = made(seed=8)
    logits = value(part, name, others)
    known = np.array([bool(row[column]) for row in others.labels])
    right = np.array([row[column] == yes for row in others.labels])

    assert ((logits > 0) == right)[known].mean() > 0.8


def test_a_probability_is_how_often_it_comes_true(part: bytes) -> None:
    others = made(seed=9)
    chances = 1 / (1 + np.exp(-value(part, "smile", others)))
    right = np.array([row["smile"] == "1" for row in others.labels])

    assert chances.mean() == pytest.approx(right.mean(), abs=0.08)
    assert np.where(chances > 0.5, chances, 1 - chances).mean() == pytest.approx(
        ((chances > 0.5) == right).mean(), abs=0.08
    )


def test_ages_are_years(part: bytes) -> None:
    others = made(seed=8)
    years = value(part, "age", others)
    index = np.array([AGES.index(row["age"]) for row in others.labels])

    assert np.corrcoef(years, index)[0, 1] > 0.85


def test_the_same_rows_give_the_same_bytes(settings: dict, part: bytes, tmp_path: Path) -> None:
    """In another process too, whose library for matrices works with other instructions and more threads."""
    rows = made()
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows.labels[0]))
        writer.writeheader()
        writer.writerows(rows.labels)
    files = np.array([row["file"] for row in rows.labels])
    np.savez(tmp_path / "features.npz", asked=files, files=files, **rows.blocks)
    kernels = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "2"}
    out = tmp_path / "part.learnt"
    command = [sys.executable, "-m", "training.face_heads", str(tmp_path), str(out), str(tmp_path / "features.npz")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **kernels}, check=True)

    assert face_heads.learn(rows, settings) == part
    assert out.read_bytes() == part


def test_rows_that_were_looked_for_do_not_say_how_common_a_label_is(settings: dict) -> None:
    rows = made()
    sought = [dict(row, sample="0" if row["smile"] == "1" and at % 2 else "1") for at, row in enumerate(rows.labels)]

    all_rows, fewer = (
        value(face_heads.learn(face_heads.Rows(labels, rows.blocks), settings), "smile", rows)
        for labels in (rows.labels, sought)
    )

    assert fewer.mean() < all_rows.mean() - 0.2


def test_the_dual_is_the_ridge(settings: dict) -> None:
    """The same as numpy's solution of the weighted equations for standardised features."""
    random = np.random.default_rng(3)
    features, targets = random.normal(3, 2, (60, 9)), random.choice([-1.0, 1.0], 60)
    weights = kernel_ridge.balanced(targets, np.ones(60))
    block = kernel_ridge.block(features, say=1.0)

    fitted, bias = kernel_ridge.fit([block], targets, weights, 0.01)

    numbers = np.rint(features * kernel_ridge.STEPS) / kernel_ridge.STEPS
    standard = (numbers - block.mean) / block.deviation / 3
    rows = np.hstack([standard, np.ones((60, 1))])
    curve = (rows * weights[:, None]).T @ rows + 0.01 * np.diag([1.0] * 9 + [0.0])
    answer = np.linalg.solve(curve, rows.T @ (weights * targets))
    np.testing.assert_allclose(numbers @ fitted + bias, rows @ answer, atol=2e-3)


def test_held_back_scores_are_those_of_the_other_rows() -> None:
    random = np.random.default_rng(4)
    features, targets = random.normal(0, 1, (50, 6)), random.choice([-1.0, 1.0], 50)
    block, folds = kernel_ridge.block(features, say=1.0), np.arange(50) % 5
    weights = kernel_ridge.balanced(targets, np.ones(50))

    scores = kernel_ridge.held_back_scores(kernel_ridge.likeness([block]), targets, weights, 0.02, folds)

    learnt = folds != 2
    among = kernel_ridge.Block(block.steps[learnt], block.mean, block.deviation, block.say)
    fitted, bias = kernel_ridge.fit([among], targets[learnt], weights[learnt] / weights[learnt].sum(), 0.02)
    np.testing.assert_allclose(scores[folds == 2], features[folds == 2] @ fitted + bias, atol=2e-3)


@pytest.mark.parametrize(
    ("features", "targets", "told"),
    [
        (np.full((4, 2), 1e12), [1.0, -1, 1, -1], "too large"),
        (np.full((4, 2), np.nan), [1.0, -1, 1, -1], "too large"),
        (np.ones((4, 2)), [1.0, 1, 1, 1], "one of the two signs"),
    ],
)
def test_what_cannot_be_learnt_is_an_error(features: np.ndarray, targets: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        kernel_ridge.fit(
            [kernel_ridge.block(features, 1.0)],
            np.array(targets),
            kernel_ridge.balanced(np.array(targets), np.ones(4)),
            0.1,
        )
