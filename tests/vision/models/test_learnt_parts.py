"""Learnt parts: what is written is read, and nothing else is."""

import hashlib
import json
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from openrek.vision.models import learnt_parts
from openrek.vision.models.learnt_parts import MAGIC, LearntPartError, Provenance, decode, encode

ABOUT = Provenance("smile", "whether a face smiles", "faceres, global_pooling/Mean", "800 faces", "ridge", "Apache-2.0")


@given(arrays(np.float16, array_shapes(max_dims=4), elements=st.floats(-60000, 60000, width=16)))
def test_what_is_written_is_read(numbers: np.ndarray) -> None:
    written = encode(ABOUT, ("Smile", "Fröhlich"), {"weights": numbers.astype(np.float64), "a": np.array([0.5])})

    part = decode(written)

    assert (part.provenance, part.names, list(part.arrays)) == (ABOUT, ("Smile", "Fröhlich"), ["a", "weights"])
    np.testing.assert_array_equal(part.arrays["weights"], numbers.astype(np.float32))
    assert part.arrays["weights"].dtype == np.float32
    assert encode(part.provenance, part.names, part.arrays) == written


def test_the_format_is_the_documented_one() -> None:
    written = encode(ABOUT, ("Smile",), {"b": np.array([1.0, -2.0]), "a": np.array([[0.1]])})

    header = (
        b'{"arrays":{"a":[1,1],"b":[2]},"learnt_by":"ridge","learnt_from":"800 faces","licence":"Apache-2.0",'
        b'"name":"smile","names":["Smile"],"reads":"faceres, global_pooling/Mean","what":"whether a face smiles"}'
    )
    numbers = struct.pack("<3e", 0.1, 1.0, -2.0)
    content = b"OPENREKLEARNT1\r\n" + struct.pack("<I", len(header)) + header + numbers
    assert written == content + hashlib.sha256(content).digest()


@pytest.mark.parametrize("number", [np.nan, np.inf, 70000.0])
def test_numbers_that_float16_does_not_hold_are_refused(number: float) -> None:
    with pytest.raises(LearntPartError, match="The array weights of the learnt part has a number that is not finite"):
        encode(ABOUT, (), {"weights": np.array([1.0, number])})


def sealed(header: object, numbers: bytes = b"") -> bytes:
    """A file whose hash is right, whatever else is not."""
    text = header if isinstance(header, bytes) else json.dumps(header, sort_keys=True).encode()
    content = MAGIC + struct.pack("<I", len(text)) + text + numbers
    return content + hashlib.sha256(content).digest()


def header(**changes: object) -> dict[str, object]:
    facts = {name: getattr(ABOUT, name) for name in ABOUT.__dataclass_fields__}
    return {**facts, "names": [], "arrays": {"a": [1]}, **changes}


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: b"", "is no learnt part"),
        (lambda: b"\x80\x04" + bytes(100), "is no learnt part"),
        (lambda: sealed(header(), bytes(2))[:-1], "its sha256 is another"),
        (lambda: sealed(header(), bytes(3)), "3 bytes of numbers"),
        (lambda: sealed(header(arrays={"a": [2]}), bytes(2)), "2 bytes of numbers"),
        (lambda: sealed(header(), b"\x00\x7c"), "not finite"),
        (lambda: sealed(header(arrays={"a": [-1]}), bytes(2)), "a shape that is none"),
        (lambda: sealed(header(arrays={"a": [True]}), bytes(2)), "a shape that is none"),
        (lambda: sealed(header(arrays={"a": [1.0]}), bytes(2)), "a shape that is none"),
        (lambda: sealed(header(arrays={"a": [1] * 5}), bytes(2)), "too many dimensions"),
        (lambda: sealed(header(arrays={f"a{i:03}": [1] for i in range(65)}), bytes(130)), "too many arrays"),
        (lambda: sealed(header(licence="")), "an empty word"),
        (lambda: sealed(header(names=[1])), "an empty word"),
        (lambda: sealed(header(arrays=[])), "lacks something"),
        (lambda: sealed({"name": "x"}), "lacks something"),
        (lambda: sealed(b"["), "lacks something"),
        (lambda: sealed(b"[" * 100_000), "lacks something"),
        (lambda: sealed(b" " * (learnt_parts.MOST_HEADER_BYTES + 1)), "header of the learnt part is too long"),
        (lambda: MAGIC + b"\xff\xff\xff\xff" + hashlib.sha256(MAGIC + b"\xff" * 4).digest(), "is too long"),
        (lambda: bytes(learnt_parts.MOST_BYTES + 1), "are the most"),
    ],
)
def test_anything_else_is_refused(made: Callable[[], bytes], told: str) -> None:
    with pytest.raises(LearntPartError, match=told):
        decode(made())


def test_every_changed_byte_is_noticed() -> None:
    written = encode(ABOUT, ("Smile",), {"a": np.array([1.0])})
    for at in range(len(written)):
        with pytest.raises(LearntPartError):
            decode(written[:at] + bytes([written[at] ^ 1]) + written[at + 1 :])


def test_facts_are_kept_and_bounded_in_kind() -> None:
    facts = {"category": "Mugs", "pictures": 30, "ancestors": ("Cup",)}
    written = encode(ABOUT, ("Mug",), {"a": np.array([1.0])}, facts)

    assert decode(written).facts == facts
    assert decode(encode(ABOUT, ("Mug",), {"a": np.array([1.0])})).facts == {}
    for bad in (None, 1.5, True, [1], {"a": "b"}):
        with pytest.raises(LearntPartError, match="no fact"):
            decode(sealed(header(facts={"a": bad}), b"\x00\x00"))
