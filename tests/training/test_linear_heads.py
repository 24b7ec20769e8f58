"""Heads are learnt from a folder: right ones, and the same bytes whoever learns them."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openrek.vision.models.learnt_parts import decode
from training import ridge
from training.linear_heads import learn

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """300 rows of 24 features; two labels that are sums of some of them, the second often unsure."""
    numbers = (np.arange(300 * 24, dtype=np.int64) * 7919 + 12345) % 10007
    features = ((numbers - 5003) / 5003).astype(np.float16).reshape(300, 24)
    wide = features.astype(np.float64)
    smile, beard = wide[:, 0] + wide[:, 1] > 0.1, wide[:, 2] - wide[:, 3] > 0
    np.save(tmp_path / "features.npy", features)
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Smile", "Beard"])
        writer.writerows(
            [int(a), "" if row % 3 else int(b)] for row, (a, b) in enumerate(zip(smile, beard, strict=True))
        )
    words = {name: name for name in ("name", "what", "reads", "learnt_from", "learnt_by", "licence")}
    about = "".join(f'{name} = "{word}"\n' for name, word in words.items())
    (tmp_path / "about.toml").write_text(about + "penalty = 0.001\n", "utf-8")
    return tmp_path


def test_heads_tell_what_they_were_taught(folder: Path) -> None:
    part = decode(learn(folder))
    features = np.load(folder / "features.npy").astype(np.float64)

    scores = features @ part.arrays["weights"].T + part.arrays["biases"]

    assert part.names == ("Smile", "Beard")
    assert ((scores[:, 0] > 0) == (features[:, 0] + features[:, 1] > 0.1)).mean() > 0.9
    assert ((scores[:, 1] > 0) == (features[:, 2] - features[:, 3] > 0)).mean() > 0.9


def test_the_same_folder_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """In another process too, whose library for matrices works with other instructions and more threads."""
    first = learn(folder)
    kernels = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "training.linear_heads", str(folder), str(tmp_path / "part.learnt")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **kernels}, check=True)

    assert learn(folder) == first
    assert (tmp_path / "part.learnt").read_bytes() == first


def test_the_order_of_the_rows_is_no_matter() -> None:
    random = np.random.default_rng(1)
    features, targets = random.uniform(-1, 1, (500, 40)), random.choice([-1.0, 0.0, 1.0], (500, 3))
    shuffled = random.permutation(500)

    weights, biases = ridge.fit(features, targets, 0.01)
    again, biases_again = ridge.fit(features[shuffled], targets[shuffled], 0.01)

    np.testing.assert_array_equal(weights, again)
    np.testing.assert_array_equal(biases, biases_again)


def test_the_solution_is_numpys() -> None:
    random = np.random.default_rng(2)
    root = random.standard_normal((30, 30))
    matrix, right = root @ root.T + np.eye(30), random.standard_normal(30)

    np.testing.assert_allclose(ridge.solve(matrix, right), np.linalg.solve(matrix, right), rtol=1e-9)


@pytest.mark.parametrize(
    ("features", "targets", "told"),
    [
        (np.full((2, 1), 1e9), np.array([[1.0], [-1.0]]), "too large"),
        (np.full((2, 1), np.nan), np.array([[1.0], [-1.0]]), "too large"),
        (np.ones((2, 1)), np.array([[1.0], [0.5]]), "Targets are"),
        (np.ones((2, 1)), np.array([[1.0], [0.0]]), "one of the two signs"),
        (np.zeros((2, 1)), np.array([[1.0], [-1.0]]), "no single solution"),
    ],
)
def test_what_cannot_be_learnt_is_an_error(features: np.ndarray, targets: np.ndarray, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ridge.fit(features, targets, 0.0)
