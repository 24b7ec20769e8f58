"""The pictures that an owner's labels are learnt against: half of each source, the same ones everywhere."""

import numpy as np

from openrek.vision.labels.learning import BACKGROUND
from openrek.vision.models.learnt_parts import decode
from training.label_background import ABOUT, ROWS, SOURCES, background


def table(order: np.ndarray) -> dict[str, np.ndarray]:
    features = np.arange(1, 1801, dtype=np.float16)[:, None] * np.ones((1, 1280), np.float16)
    sources = np.repeat(np.array([*SOURCES, "imagenet-sample"]), 600)
    rows = {"f": features, "source": sources, "name": np.array([f"{number}.jpg" for number in range(1800)])}
    return {name: column[order] for name, column in rows.items()}


def test_half_of_each_source_is_chosen_whatever_the_order_of_the_rows() -> None:
    part = decode(background(table(np.arange(1800))))

    assert part.arrays["features"].shape == (ROWS, 1280)
    np.testing.assert_allclose(np.linalg.norm(part.arrays["features"], axis=1), 1, atol=1e-3)
    assert [sum(name.startswith(f"{source}/") for name in part.names) for source in SOURCES] == [256, 256]
    assert part.names == decode(background(table(np.random.default_rng(1).permutation(1800)))).names


def test_what_ships_was_made_so() -> None:
    part = decode(BACKGROUND.read_bytes())
    assert (part.provenance, len(part.names)) == (ABOUT, ROWS)
