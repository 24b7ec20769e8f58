"""Small parts that openrek learnt itself: heads, directions, calibration. Data in the package, one file each.

docs/LEARNT.md describes the format. There is nothing in it that could run: a header in JSON and float16 numbers, both
bounded, checked before they are used. Knows numpy only.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

MAGIC: Final = b"OPENREKLEARNT1\r\n"
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_HEADER_BYTES: Final = 256 * 1024
MOST_ARRAYS: Final = 64
MOST_DIMENSIONS: Final = 4
_HASH_BYTES: Final = 32
_LENGTH: Final = struct.Struct("<I")


Fact: TypeAlias = str | int | Sequence[str]


class LearntPartError(Exception):
    """The bytes are no learnt part; the text is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of a part, in words for people: its purpose, the data and the method that it was learnt from and with,
    and its licence.

    `reads` names the numbers that it is multiplied with: a row of the manifest, the output, how they are normalised.
    """

    name: str
    what: str
    reads: str
    learnt_from: str
    learnt_by: str
    licence: str


@dataclass(frozen=True, slots=True)
class LearntPart:
    """A learnt part. `names` are those of the rows of the arrays: a label for each, say.

    Arrays are float32, of float16 numbers. `facts`, of parts that have any: what else is known of it, by name.
    """

    provenance: Provenance
    names: tuple[str, ...]
    arrays: Mapping[str, NDArray[np.float32]]
    facts: Mapping[str, Fact] = field(default_factory=dict)


def encode(
    provenance: Provenance,
    names: tuple[str, ...],
    arrays: Mapping[str, NDArray[np.float64]],
    facts: Mapping[str, Fact] | None = None,
) -> bytes:
    """Return the file: the same bytes from the same numbers, which are rounded to float16.

    Raises LearntPartError for numbers that float16 does not hold and for what `decode` would refuse.
    """
    with np.errstate(over="ignore"):
        rounded = {name: np.asarray(arrays[name]).astype("<f2") for name in sorted(arrays)}
    described = {name: list(array.shape) for name, array in rounded.items()}
    words = {field.name: getattr(provenance, field.name) for field in fields(Provenance)}
    header = {**words, "names": list(names), "arrays": described} | ({"facts": dict(facts)} if facts else {})
    text = json.dumps(header, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")
    numbers = b"".join(array.tobytes() for array in rounded.values())
    content = MAGIC + _LENGTH.pack(len(text)) + text + numbers
    encoded = content + hashlib.sha256(content).digest()
    decode(encoded)
    return encoded


def decode(encoded: bytes) -> LearntPart:
    """Read a learnt part. Raises LearntPartError."""
    if len(encoded) > MOST_BYTES:
        raise LearntPartError(f"The learnt part has {len(encoded)} bytes; {MOST_BYTES} are the most.")
    start = len(MAGIC) + _LENGTH.size
    if not encoded.startswith(MAGIC) or len(encoded) < start + _HASH_BYTES:
        raise LearntPartError("The file is no learnt part.")
    if hashlib.sha256(encoded[:-_HASH_BYTES]).digest() != encoded[-_HASH_BYTES:]:
        raise LearntPartError("The learnt part is damaged: its sha256 is another.")
    (size,) = _LENGTH.unpack_from(encoded, len(MAGIC))
    if size > min(MOST_HEADER_BYTES, len(encoded) - start - _HASH_BYTES):
        raise LearntPartError("The header of the learnt part is too long.")
    provenance, names, shapes, facts = _header(encoded[start : start + size])
    return LearntPart(provenance, names, _arrays(encoded[start + size : -_HASH_BYTES], shapes), facts)


def _header(text: bytes) -> tuple[Provenance, tuple[str, ...], dict[str, tuple[int, ...]], dict[str, Fact]]:
    try:
        header: dict[str, Any] = json.loads(text)
        provenance = Provenance(**{field.name: header[field.name] for field in fields(Provenance)})
        names = tuple(header["names"])
        shapes = {name: tuple(shape) for name, shape in header["arrays"].items()}
        facts = {name: _fact(value) for name, value in header.get("facts", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LearntPartError(f"The header of the learnt part lacks something: {error!r}.") from error
    words = [getattr(provenance, field.name) for field in fields(Provenance)]
    if not all(isinstance(word, str) and word for word in (*words, *names)):
        raise LearntPartError("The header of the learnt part has an empty word, or a value that is none.")
    sides = [side for shape in shapes.values() for side in shape]
    if len(shapes) > MOST_ARRAYS or not all(type(side) is int and 0 < side < MOST_BYTES for side in sides):
        raise LearntPartError("The header of the learnt part has a shape that is none, or too many arrays.")
    if any(len(shape) > MOST_DIMENSIONS for shape in shapes.values()) or list(shapes) != sorted(shapes):
        raise LearntPartError("The header of the learnt part has arrays out of order, or of too many dimensions.")
    return provenance, names, shapes, facts


def _fact(value: Any) -> Fact:
    """Return a fact as it is told. Raises TypeError for a value of another kind."""
    if type(value) in (str, int):
        return value  # type: ignore[no-any-return]
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise TypeError(f"no fact: {value!r}"[:80])


def _arrays(numbers: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    counts = {name: math.prod(shape) for name, shape in shapes.items()}
    if 2 * sum(counts.values()) != len(numbers):
        raise LearntPartError(f"The learnt part has {len(numbers)} bytes of numbers, not those that its header says.")
    arrays, at = {}, 0
    for name, shape in shapes.items():
        array = np.frombuffer(numbers, "<f2", counts[name], 2 * at).astype(np.float32).reshape(shape)
        if not np.isfinite(array).all():
            raise LearntPartError(f"The array {name} of the learnt part has a number that is not finite.")
        array.setflags(write=False)
        arrays[name] = array
        at += counts[name]
    return arrays
