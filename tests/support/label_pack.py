"""A label pack on disk: a tower that makes the mean of each channel of a picture, and labels that are colours."""

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.support.onnx_bytes import field, model, node, port

SIDE_PX = 32
ROWS = (
    ("Company Red", "Our Colours", "", 0.9),
    ("Company Blue", "Our Colours", "Company Palette", 0.9),
    ("Company Palette", "Our Colours", "Accessories", 0.99),
    ("Cat", "", "", 0.999),
)
VECTORS = ((1.0, -1.0, -1.0), (-2.0, -2.0, 2.0), (0.0, 0.0, 1.0), (0.5, 0.0, -0.5))
"""Means of channels from -1 to 1, of any length."""


def tower(numbers: str = "numbers") -> bytes:
    """Return a model: [1, 3, 32, 32] -> the mean of each channel, [1, 3]."""
    pooled = node("GlobalAveragePool", "picture", "pooled", {})
    flat = node("Flatten", "pooled", numbers, {})
    nodes = field(1, pooled) + field(1, flat)
    return model(nodes, "colours", port("picture", [1, 3, SIDE_PX, SIDE_PX]), port(numbers, [1, 3]))


def npy(rows: object, kind: str = "<f4") -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(rows, kind), allow_pickle=False)
    return file.getvalue()


def names(rows: Sequence[tuple[object, ...]] = ROWS) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("name", "category", "parents", "threshold"))
    writer.writerows(rows)
    return file.getvalue().encode()


def toml(files: dict[str, bytes], **changes: str) -> bytes:
    """Return pack.toml for the files; `changes` replace values as they are written: `layout='"NHWC"'`."""
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    tower_says = {
        "file": '"tower.onnx"', "sha256": f'"{sha256["tower.onnx"]}"', "input": '"picture"', "output": '"numbers"',
        "size_px": str(SIDE_PX), "layout": '"NCHW"', "channels": '"RGB"', "fit": '"crop"', "resampling": '"bicubic"',
        "mean": "[0.5, 0.5, 0.5]", "std": "[0.5, 0.5, 0.5]",
    }  # fmt: skip
    labels_say = {
        "names": '"labels.csv"', "names_sha256": f'"{sha256["labels.csv"]}"', "matrix": '"labels.npy"',
        "matrix_sha256": f'"{sha256["labels.npy"]}"', "temperature": "40.0",
    }  # fmt: skip
    lines = [
        'name = "colours"',
        "[tower]",
        *(f"{name} = {changes.get(name, value)}" for name, value in tower_says.items()),
    ]
    lines += ["[labels]", *(f"{name} = {changes.get(name, value)}" for name, value in labels_say.items())]
    return "\n".join(lines).encode()


def files(**replaced: bytes) -> dict[str, bytes]:
    """Return the files of a pack but for pack.toml; `replaced`: `tower`, `names` or `matrix`."""
    return {
        "tower.onnx": replaced.get("tower", tower()),
        "labels.csv": replaced.get("names", names()),
        "labels.npy": replaced.get("matrix", npy(VECTORS)),
    }


def write(folder: Path, contents: dict[str, bytes] | None = None, **changes: str) -> Path:
    """Write a pack with the right hashes, and return its folder."""
    contents = contents or files()
    folder.mkdir(exist_ok=True)
    for name, content in (contents | {"pack.toml": toml(contents, **changes)}).items():
        (folder / name).write_bytes(content)
    return folder
