"""An owner's label pack on disk: `pack.toml`, an image tower (ONNX), names with thresholds (CSV), a matrix (.npy).

docs/LABELS.md describes it. Sizes are looked at before anything is read, hashes before anything is used; a matrix is
numbers and never a pickle. Nothing here runs the tower.
"""

import csv
import hashlib
import io
import math
import tokenize
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from openrek.domain.labels import LabelName
from openrek.vision.images.arrays import Floats
from openrek.vision.labels.own_labels import DEFAULT_CATEGORY, NAME
from openrek.vision.labels.vocabulary import table

ROW: Final = "pack.toml"
MOST_ROW_BYTES: Final = 64 << 10
MOST_TOWER_BYTES: Final = 1 << 30
MOST_NAMES_BYTES: Final = 4 << 20
MOST_MATRIX_BYTES: Final = 64 << 20
MOST_LABELS: Final = 20_000
MOST_NUMBERS: Final = 4096
MOST_SIDE_PX: Final = 1024
COLUMNS: Final = ("name", "category", "parents", "threshold")
_CHOICES: Final = {
    "layout": ("NCHW", "NHWC"),
    "channels": ("RGB", "BGR"),
    "fit": ("crop", "squeeze"),
    "resampling": ("bilinear", "bicubic", "lanczos", "box"),
}
_NO_HEADER: Final = (
    ValueError, EOFError, SyntaxError, TypeError, KeyError, tokenize.TokenError, RecursionError, MemoryError,
)  # fmt: skip
"""What numpy raises for the header of a file that is no .npy."""


class LabelPackError(Exception):
    """The pack cannot be used; the text is one sentence for the person who starts openrek."""


@dataclass(frozen=True, slots=True)
class Tower:
    """How the tower is fed: squares of `size_px`, from values 0..1 minus `mean`, over `std`, of each channel."""

    input: str
    output: str
    size_px: int
    layout: str
    channels: str
    fit: str
    resampling: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file of the pack: its name in the folder, its hash, and how large it may be."""

    name: str
    sha256: str
    most_bytes: int


@dataclass(frozen=True, slots=True)
class PackRow:
    """What `pack.toml` says."""

    name: str
    tower: Tower
    temperature: float
    graph: PackFile
    names: PackFile
    matrix: PackFile

    @property
    def files(self) -> tuple[PackFile, ...]:
        return (self.graph, self.names, self.matrix)


@dataclass(frozen=True, slots=True)
class PackLabels:
    """The labels [n] of a pack, the cosine from which on each is rather there than not, and unit vectors [n, d]."""

    entries: tuple[LabelName, ...]
    thresholds: Floats
    vectors: Floats


def read_row(text: bytes) -> PackRow:
    """Read `pack.toml`. Raises LabelPackError."""
    try:
        told = tomllib.loads(text.decode("utf-8"))
        tower, labels = told["tower"], told["labels"]
        return PackRow(
            name=_word(told, "name"),
            tower=_tower(tower),
            temperature=_number(labels, "temperature", 1e-3, 1e4),
            graph=PackFile(_file(tower, "file"), _word(tower, "sha256"), MOST_TOWER_BYTES),
            names=PackFile(_file(labels, "names"), _word(labels, "names_sha256"), MOST_NAMES_BYTES),
            matrix=PackFile(_file(labels, "matrix"), _word(labels, "matrix_sha256"), MOST_MATRIX_BYTES),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LabelPackError(f"{ROW} of the label pack lacks something: {error}.") from error


def bounded(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a regular file. Raises LabelPackError, for one that is too large before it is read."""
    try:
        if not path.is_file():
            raise LabelPackError(f"The file {path} of the label pack is missing, or no regular file.")
        if path.stat().st_size > most_bytes:
            raise LabelPackError(f"The file {path} of the label pack has more than {most_bytes} bytes.")
        with path.open("rb") as file:
            return file.read(most_bytes)
    except OSError as error:
        raise LabelPackError(f"The file {path} of the label pack cannot be read: {error.strerror}.") from error


def checked(folder: Path, file: PackFile) -> bytes:
    """Return the bytes of a file of the pack, exactly those whose hash was checked. Raises LabelPackError."""
    content = bounded(folder / file.name, file.most_bytes)
    if hashlib.sha256(content).hexdigest() != file.sha256.lower():
        raise LabelPackError(f"The file {folder / file.name} does not have the sha256 that {ROW} gives.")
    return content


def read_labels(folder: Path, row: PackRow) -> PackLabels:
    """Read the names and the matrix. Raises LabelPackError."""
    entries, thresholds = _names(checked(folder, row.names))
    vectors = _matrix(checked(folder, row.matrix))
    if len(vectors) != len(entries):
        raise LabelPackError(f"The label pack has {len(entries)} names and {len(vectors)} rows of its matrix.")
    return PackLabels(entries, np.array(thresholds, np.float32), vectors)


def _tower(told: Mapping[str, Any]) -> Tower:
    chosen = {name: _choice(told, name) for name in _CHOICES}
    return Tower(
        input=_word(told, "input"),
        output=_word(told, "output"),
        size_px=int(_number(told, "size_px", 16, MOST_SIDE_PX)),
        mean=_three(told, "mean", -10, 10),
        std=_three(told, "std", 1e-3, 10),
        **chosen,
    )


def _word(told: Mapping[str, Any], name: str) -> str:
    value = told[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value


def _file(told: Mapping[str, Any], name: str) -> str:
    value = _word(told, name)
    if "/" in value or "\\" in value or value.startswith("."):
        raise ValueError(f"{name} must be a file of the pack's own folder")
    return value


def _choice(told: Mapping[str, Any], name: str) -> str:
    value = _word(told, name)
    if value not in _CHOICES[name]:
        raise ValueError(f"{name} must be {' or '.join(_CHOICES[name])}")
    return value


def _number(told: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = told[name]
    if type(value) not in (int, float) or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}")
    return float(value)


def _three(told: Mapping[str, Any], name: str, least: float, most: float) -> tuple[float, float, float]:
    if not isinstance(told[name], list) or len(told[name]) != 3:
        raise ValueError(f"{name} must be three numbers")
    first, second, third = (_number({name: value}, name, least, most) for value in told[name])
    return first, second, third


def _names(content: bytes) -> tuple[tuple[LabelName, ...], list[float]]:
    """Return the entries in the order of the file, with all their ancestors, and the thresholds."""
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelPackError(f"The names of the label pack are no CSV in UTF-8: {error}.") from error
    if not 0 < len(rows) <= MOST_LABELS or not set(COLUMNS) <= rows[0].keys():
        raise LabelPackError(f"The names need 1 to {MOST_LABELS} rows with the columns {', '.join(COLUMNS)}.")
    if any(row[column] is None for row in rows for column in COLUMNS):
        raise LabelPackError("The names of the label pack have a row that is too short.")
    parents = {row["name"]: tuple(word for word in row["parents"].split("|") if word) for row in rows}
    if len(parents) != len(rows):
        raise LabelPackError("The names of the label pack have one twice.")
    return tuple(_entry(row["name"], row["category"], parents) for row in rows), [_cosine(row) for row in rows]


def _cosine(row: Mapping[str, str]) -> float:
    try:
        value = float(row["threshold"])
    except ValueError:
        value = math.nan
    if not -1 <= value <= 1:
        raise LabelPackError(f"The threshold of {row['name']!r} must be a cosine, -1 to 1, not {row['threshold']!r}.")
    return value


def _entry(name: str, category: str, parents: Mapping[str, Sequence[str]]) -> LabelName:
    """Return the entry of a label: the built-in one where there is one of that name."""
    known = table().entries
    if name in known:
        return known[name]
    if not NAME.fullmatch(name) or (category and not NAME.fullmatch(category)):
        raise LabelPackError(f"The label pack has a name or a category that none can be: {name!r}, {category!r}.")
    above, waiting = set(), list(parents[name])
    while waiting:
        parent = waiting.pop()
        if parent == name:
            raise LabelPackError(f"The label {name} of the label pack is its own ancestor.")
        if parent not in known and parent not in parents:
            raise LabelPackError(f"The parent {parent!r} of {name} is no label of openrek and none of the label pack.")
        if parent not in above:
            above.add(parent)
            waiting += known[parent].ancestors if parent in known else parents[parent]
    return LabelName(name, category or DEFAULT_CATEGORY, tuple(sorted(above)), ())


def _matrix(content: bytes) -> Floats:
    """Return the rows as unit vectors, float32. The header is looked at before memory is spent."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version}")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(file)
    except _NO_HEADER as error:
        raise LabelPackError(f"The matrix of the label pack is no .npy file: {error}.") from error
    if kind not in (np.dtype("<f2"), np.dtype("<f4")) or fortran or len(shape) != 2:
        raise LabelPackError("The matrix of the label pack must be [labels, d] of float16 or float32, rows first.")
    count, numbers = shape
    if not (0 < count <= MOST_LABELS and 0 < numbers <= MOST_NUMBERS):
        raise LabelPackError(f"The matrix may have {MOST_LABELS} rows of {MOST_NUMBERS} numbers, not {shape}.")
    if len(content) - file.tell() != count * numbers * kind.itemsize:
        raise LabelPackError("The matrix of the label pack has not as many bytes as its header says.")
    rows = np.frombuffer(content, kind, count * numbers, file.tell()).astype(np.float32).reshape(count, numbers)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or lengths.min() < 1e-6:
        raise LabelPackError("The matrix of the label pack has a row of zeros, or a number that is not finite.")
    units: Floats = rows / lengths
    return units
