"""Paddle programs, made here by hand field by field, give the numbers that Paddle's rules give."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from openrek.vision.models.conversion.failure import ConversionError, UnknownOperator
from tests.vision.models.conversion.conftest import Converters, names_of, run

FLOAT32, LOD_TENSOR = 5, 7


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, value: int | float | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def attribute(name: str, value: object) -> bytes:
    match value:
        case bool():
            content = field(2, 6) + field(10, int(value))
        case int():
            content = field(2, 0) + field(3, value)
        case float():
            content = field(2, 1) + field(4, value)
        case str():
            content = field(2, 2) + field(5, value)
        case [*items]:
            content = field(2, 3) + b"".join(field(6, item) for item in items)
        case _:
            content = field(2, 99)
    return field(1, name) + content


def operator(kind: str, inputs: Mapping[str, str], outputs: Mapping[str, str], **attributes: object) -> bytes:
    places = [
        field(number, field(1, place) + field(2, name))
        for number, names in ((1, inputs), (2, outputs))
        for place, name in names.items()
    ]
    written = [field(4, attribute(name, value)) for name, value in attributes.items()]
    return field(4, b"".join(places) + field(3, kind) + b"".join(written))


def variable(name: str, shape: Sequence[int], *, trained: bool = False) -> bytes:
    sides = field(1, FLOAT32) + b"".join(field(2, side) for side in shape)
    return field(
        3, field(1, name) + field(2, field(1, LOD_TENSOR) + field(3, field(1, sides))) + field(3, int(trained))
    )


def parameter(array: np.ndarray) -> bytes:
    description = field(1, FLOAT32) + b"".join(field(2, side) for side in array.shape)
    return struct.pack("<IQIi", 0, 0, 0, len(description)) + description + array.astype("<f4").tobytes()


def program(shape: Sequence[int], *parts: bytes) -> bytes:
    """One that feeds `x` and fetches `y`, both of `shape`."""
    feed = operator("feed", {"X": "feed"}, {"Out": "x"}, col=0)
    fetch = operator("fetch", {"X": "y"}, {"Out": "fetch"}, col=0)
    return field(1, b"".join([variable("x", shape), variable("y", shape), feed, *parts, fetch]))


def dropout(**attributes: object) -> bytes:
    return operator("dropout", {"X": "x"}, {"Out": "y"}, seed=0, fix_seed=False, dropout_prob=0.2, **attributes)


@pytest.mark.parametrize(("implementation", "factor"), [("downgrade_in_infer", 0.8), ("upscale_in_train", 1.0)])
def test_dropout_of_the_older_kind_scales(converters: Converters, implementation: str, factor: float) -> None:
    model = converters.paddle(program([-1, 3], dropout(dropout_implementation=implementation)), b"")

    (found,) = run(model, x=np.array([[1, 2, -3]], np.float32))

    np.testing.assert_allclose(found, [[factor, 2 * factor, -3 * factor]], rtol=1e-6)


def test_another_dropout_is_an_error(converters: Converters) -> None:
    with pytest.raises(ConversionError, match="dropout at y has the unknown implementation sometimes"):
        converters.paddle(program([-1, 3], dropout(dropout_implementation="sometimes")), b"")


def sum_and_product() -> bytes:
    """y = (x + later) * earlier, whose parameters stand in the other order in the program than by name."""
    return program(
        [-1, 2],
        variable("later", [2], trained=True),
        variable("earlier", [2], trained=True),
        variable("sum", [-1, 2]),
        operator("elementwise_add", {"X": "x", "Y": "later"}, {"Out": "sum"}, axis=-1),
        operator("elementwise_mul", {"X": "sum", "Y": "earlier"}, {"Out": "y"}, axis=-1),
    )


def test_parameters_stand_in_the_order_of_their_names(converters: Converters) -> None:
    """The file holds no names; reading it in the program's order would swap two of the same shape."""
    parameters = parameter(np.array([10, 100])) + parameter(np.array([1, 2]))  # earlier, later

    (found,) = run(converters.paddle(sum_and_product(), parameters), x=np.array([[1, 2], [3, 4]], np.float32))

    np.testing.assert_array_equal(found, [[20, 400], [40, 600]])


def test_parameters_are_all_used_and_all_there(converters: Converters) -> None:
    whole = parameter(np.array([10, 100])) + parameter(np.array([1, 2]))
    with pytest.raises(ConversionError, match=r"^4 bytes are left over after the last parameter.$"):
        converters.paddle(sum_and_product(), whole + bytes(4))
    for cut in (1, 9, len(whole) // 2, len(whole) - 3):
        with pytest.raises(ConversionError, match=r"end before the last one|outside the file"):
            converters.paddle(sum_and_product(), whole[:-cut])
    with pytest.raises(ConversionError, match=r"^The parameter later has the shape \(3,\), not that of the program.$"):
        converters.paddle(sum_and_product(), parameter(np.array([10, 100])) + parameter(np.array([1, 2, 3])))


def test_y_stands_below_x_from_its_axis(converters: Converters) -> None:
    """axis 1: a number for each channel, where ONNX would take it for one for each column."""
    adds = operator("elementwise_add", {"X": "x", "Y": "bias"}, {"Out": "y"}, axis=1)
    encoded = program([-1, 2, 2, 2], variable("bias", [2], trained=True), adds)

    (found,) = run(converters.paddle(encoded, parameter(np.array([1, 10]))), x=np.zeros((1, 2, 2, 2), np.float32))

    np.testing.assert_array_equal(found[0, :, 0, 0], [1, 10])


def detector() -> bytes:
    """Scores through a sigmoid, then the operator that drops boxes."""
    return program(
        [-1, 2],
        variable("scores", [-1, 2]),
        operator("sigmoid", {"X": "x"}, {"Out": "scores"}),
        operator("multiclass_nms3", {"Scores": "scores"}, {"Out": "y"}, nms_threshold=0.6),
    )


def test_a_detector_is_taken_without_its_nms(converters: Converters) -> None:
    model = converters.paddle(detector(), b"", ["scores"], without=frozenset({"multiclass_nms3"}))

    assert names_of(model) == (["x"], {"scores": ["N", 2]})
    np.testing.assert_allclose(run(model, x=np.zeros((1, 2), np.float32))[0], [[0.5, 0.5]])


def test_an_unknown_operator_is_named(converters: Converters) -> None:
    with pytest.raises(UnknownOperator) as error:
        converters.paddle(detector(), b"")

    assert str(error.value) == (
        "The Paddle graph has the operator multiclass_nms3 at y, which the converter doesn't know."
    )


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            operator("relu", {"X": "x"}, {"Out": "y"}, slope=0.1),
            "The operator relu at y has the unknown attribute slope.",
        ),
        (
            operator("softmax", {"X": "x"}, {"Out": "y"}, axis=1, data_format="NHWC"),
            "The operator softmax at y has data_format = 'NHWC'; only 'AnyLayout' is known.",
        ),
        (
            operator("relu", {"X": "x"}, {"Out": "y"}, slope=None),
            "The operator relu has slope of the unknown attribute type 99.",
        ),
        (operator("softmax", {"X": "x"}, {"Out": "y"}), "The operator softmax at y lacks the attribute axis."),
    ],
)
def test_attributes_that_are_not_known_are_an_error(converters: Converters, part: bytes, message: str) -> None:
    with pytest.raises(ConversionError) as error:
        converters.paddle(program([-1, 2], part), b"")

    assert str(error.value) == message


def test_attributes_of_training_and_scheduling_are_none(converters: Converters) -> None:
    part = operator("relu", {"X": "x"}, {"Out": "y"}, op_role=0, use_mkldnn=False, op_device="")

    (found,) = run(converters.paddle(program([-1, 2], part), b""), x=np.array([[-1, 2]], np.float32))

    np.testing.assert_array_equal(found, [[0, 2]])


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"\x0a\x05abc", "ends within a field"),
        (b"\x0a", "ends within a number"),
        (b"\xff" * 11, "more than 64 bits"),
        (b"\x0b", "unknown wire type 3"),
        (b"", "has 0 blocks"),
    ],
)
def test_broken_bytes_are_an_error(converters: Converters, message: bytes, told: str) -> None:
    with pytest.raises(ConversionError, match=told):
        converters.paddle(message, b"")
