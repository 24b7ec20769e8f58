"""tflite graphs, made here by hand, give the numbers that TensorFlow's rules give."""

from collections.abc import Sequence

import flatbuffers
import numpy as np
import pytest

from openrek.vision.models.conversion.failure import ConversionError, UnknownOperator
from tests.vision.models.conversion.conftest import Converters, convolved, names_of, run

FLOAT32, FLOAT16, INT32 = 0, 1, 2
CONV_2D, DEPTHWISE, DEQUANTIZE, LOGISTIC, MAX_POOL, RESHAPE, STRIDED_SLICE, PRELU = 3, 4, 6, 14, 17, 22, 45, 54
PICTURE = np.arange(16, dtype=np.float32).reshape(4, 4)
KERNEL = np.array([[1, 2, 0], [0, 1, 3], [-1, 0, 0.5]], np.float32)

Field = tuple[int, str, int]
"""Slot, kind, value of a table: offset, int8, uint8, int32, uint32, bool."""


def table(builder: flatbuffers.Builder, *fields: Field) -> int:
    builder.StartObject(max((slot for slot, _, _ in fields), default=0) + 1)
    for slot, kind, value in fields:
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(builder, f"Prepend{kind.capitalize()}Slot")(slot, value, 111)  # a default that no value is
    return builder.EndObject()


def vector(builder: flatbuffers.Builder, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return builder.EndVector()


class Tflite:
    """A model under construction; tensors and operators are added in order, a tensor is named by its number."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1024)
        self.codes: list[int] = []
        self.tensors: list[int] = []
        self.operators: list[int] = []
        self.buffers = [table(self.builder)]

    def tensor(self, shape: Sequence[int], kind: int = FLOAT32, data: np.ndarray | None = None, *more: Field) -> int:
        buffer = 0
        if data is not None:
            buffer = len(self.buffers)
            bytes_ = self.builder.CreateByteVector(data.tobytes())
            self.buffers.append(table(self.builder, (0, "offset", bytes_)))
        name = self.builder.CreateString(f"named_{len(self.tensors)}")
        sides = self.builder.CreateNumpyVector(np.array(shape, np.int32))
        fields: list[Field] = [(0, "offset", sides), (1, "int8", kind), (2, "uint32", buffer), (3, "offset", name)]
        self.tensors.append(table(self.builder, *fields, *more))
        return len(self.tensors) - 1

    def operator(self, code: int, inputs: Sequence[int], outputs: Sequence[int], *options: Field) -> None:
        numbers = [self.builder.CreateNumpyVector(np.array(side, np.int32)) for side in (inputs, outputs)]
        fields: list[Field] = [(0, "uint32", len(self.codes)), (1, "offset", numbers[0]), (2, "offset", numbers[1])]
        if options:
            fields += [(3, "uint8", 1), (4, "offset", table(self.builder, *options))]
        self.codes.append(code)
        self.operators.append(table(self.builder, *fields))

    def encoded(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        builder = self.builder
        codes = [table(builder, (0, "int8", min(code, 127)), (3, "int32", code)) for code in self.codes]
        ends = [builder.CreateNumpyVector(np.array(side, np.int32)) for side in (inputs, outputs)]
        lists = [vector(builder, items) for items in (self.tensors, self.operators)]
        slots = zip(range(4), (lists[0], *ends, lists[1]), strict=True)
        graph = table(builder, *[(slot, "offset", at) for slot, at in slots])
        parts = [vector(builder, items) for items in (codes, [graph], self.buffers)]
        model = table(builder, (1, "offset", parts[0]), (2, "offset", parts[1]), (4, "offset", parts[2]))
        builder.Finish(model, b"TFL3")
        return bytes(builder.Output())


def window(stride: int, activation: int = 0) -> list[Field]:
    """The options of a CONV_2D: SAME, strides, activation."""
    return [(0, "int8", 0), (1, "int32", stride), (2, "int32", stride), (3, "int8", activation)]


def one_convolution(stride: int, activation: int = 0, *, half: bool = False, more: Sequence[Field] = ()) -> bytes:
    """A picture of 4 x 4, one channel, through KERNEL and a bias of 1; with `half`, the kernel is float16."""
    model = Tflite()
    picture = model.tensor([1, 4, 4, 1])
    kernel = model.tensor([1, 3, 3, 1], FLOAT16 if half else FLOAT32, KERNEL.astype(np.float16 if half else np.float32))
    if half:
        wide = model.tensor([1, 3, 3, 1])
        model.operator(DEQUANTIZE, [kernel], [wide])
        kernel = wide
    bias = model.tensor([1], FLOAT32, np.ones(1, np.float32))
    out = 4 // stride
    result = model.tensor([1, out, out, 1])
    model.operator(CONV_2D, [picture, kernel, bias], [result], *window(stride, activation), *more)
    return model.encoded([picture], [result])


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_is_on_the_right_and_the_bottom(converters: Converters, stride: int, half: bool) -> None:
    """At stride 2 a symmetric pad of one would look at other pixels; float16 weights are widened while reading."""
    (found,) = run(converters.tflite(one_convolution(stride, half=half), ["x", "y"]), x=PICTURE.reshape(1, 4, 4, 1))

    np.testing.assert_allclose(found[0, :, :, 0], convolved(PICTURE, KERNEL, stride) + 1, rtol=1e-6)


@pytest.mark.parametrize(("activation", "largest"), [(1, np.inf), (3, 6.0)])
def test_an_activation_that_is_built_in_is_applied(converters: Converters, activation: int, largest: float) -> None:
    picture = PICTURE - 8
    (found,) = run(converters.tflite(one_convolution(1, activation), ["x", "y"]), x=picture.reshape(1, 4, 4, 1))

    np.testing.assert_allclose(found[0, :, :, 0], (convolved(picture, KERNEL, 1) + 1).clip(0, largest), rtol=1e-6)


def test_a_depthwise_kernel_has_its_channels_last(converters: Converters) -> None:
    model = Tflite()
    picture, result = model.tensor([1, 4, 4, 2]), model.tensor([1, 4, 4, 2])
    kernels = np.stack([KERNEL, -2 * KERNEL], axis=-1)[None]
    kernel = model.tensor([1, 3, 3, 2], FLOAT32, kernels)
    options: list[Field] = [(0, "int8", 0), (1, "int32", 1), (2, "int32", 1), (3, "int32", 1)]
    model.operator(DEPTHWISE, [picture, kernel, -1], [result], *options)
    pictures = np.stack([PICTURE, PICTURE.T], axis=-1)[None]

    (found,) = run(converters.tflite(model.encoded([picture], [result]), ["x", "y"]), x=pictures)

    np.testing.assert_allclose(found[0, :, :, 0], convolved(PICTURE, KERNEL, 1), rtol=1e-6)
    np.testing.assert_allclose(found[0, :, :, 1], convolved(PICTURE.T, -2 * KERNEL, 1), rtol=1e-6)


def test_a_prelu_has_a_slope_for_each_channel(converters: Converters) -> None:
    model = Tflite()
    data, result = model.tensor([1, 1, 2, 3]), model.tensor([1, 1, 2, 3])
    slopes = model.tensor([1, 1, 3], FLOAT32, np.array([0.5, -2, 0], np.float32))
    model.operator(PRELU, [data, slopes], [result])

    encoded = model.encoded([data], [result])
    (found,) = run(converters.tflite(encoded, ["x", "y"]), x=np.array([[[[1, 2, 3], [-1, -2, -3]]]], np.float32))

    np.testing.assert_array_equal(found, [[[[1, 2, 3], [-0.5, 4, 0]]]])


def test_a_prelu_with_other_slopes_is_an_error(converters: Converters) -> None:
    model = Tflite()
    data, result = model.tensor([1, 1, 2, 3]), model.tensor([1, 1, 2, 3])
    model.operator(PRELU, [data, model.tensor([1], FLOAT32, np.ones(1, np.float32))], [result])

    with pytest.raises(ConversionError, match="PRELU at y has no slope for each channel"):
        converters.tflite(model.encoded([data], [result]), ["x", "y"])


@pytest.mark.parametrize(("masks", "expected"), [((0, 0, 0), PICTURE[1:3, 0:2]), ((1, 2, 0), PICTURE[0:3, 0:4])])
def test_a_slice_has_masks(converters: Converters, masks: tuple[int, int, int], expected: np.ndarray) -> None:
    model = Tflite()
    picture, result = model.tensor([4, 4]), model.tensor(expected.shape)
    bounds = [model.tensor([2], INT32, np.array(ends, np.int32)) for ends in ([1, 0], [3, 2], [1, 1])]
    options: list[Field] = [(0, "int32", masks[0]), (1, "int32", masks[1]), (4, "int32", masks[2])]
    model.operator(STRIDED_SLICE, [picture, *bounds], [result], *options)

    (found,) = run(converters.tflite(model.encoded([picture], [result]), ["x", "y"]), x=PICTURE)

    np.testing.assert_array_equal(found, expected)


def test_an_axis_that_shrinks_is_one_place(converters: Converters) -> None:
    model = Tflite()
    picture, result = model.tensor([4, 4]), model.tensor([4])
    bounds = [model.tensor([2], INT32, np.array(ends, np.int32)) for ends in ([-1, 0], [0, 4], [1, 1])]
    model.operator(STRIDED_SLICE, [picture, *bounds], [result], (4, "int32", 1))

    (found,) = run(converters.tflite(model.encoded([picture], [result]), ["x", "y"]), x=PICTURE)

    np.testing.assert_array_equal(found, PICTURE[-1])


def test_outputs_without_a_name_are_left_out(converters: Converters) -> None:
    model = Tflite()
    data, first, second = model.tensor([2]), model.tensor([2]), model.tensor([2])
    model.operator(LOGISTIC, [data], [first])
    model.operator(LOGISTIC, [first], [second])
    encoded = model.encoded([data], [first, second])

    assert names_of(converters.tflite(encoded, ["x", "y"])) == (["x"], {"y": [2]})
    assert names_of(converters.tflite(encoded, ["x", "y", "z"]))[1] == {"y": [2], "z": [2]}


def test_an_unknown_operator_is_named(converters: Converters) -> None:
    model = Tflite()
    data, result = model.tensor([2]), model.tensor([2])
    model.operator(118, [data], [result])

    with pytest.raises(UnknownOperator) as error:
        converters.tflite(model.encoded([data], [result]), ["x", "y"])

    assert str(error.value) == (
        "The tflite graph has the operator number 118 at named_1, which the converter doesn't know."
    )


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (lambda: one_convolution(1, 4), "The operator CONV_2D at y has the unknown activation 4."),
        (
            lambda: one_convolution(1, more=[(7, "int32", 1)]),
            "The operator CONV_2D at named_3 has the unknown option 7.",
        ),
        (lambda: b"\x20\0\0\0TFL2" + bytes(60), "The file is no TFL3 flatbuffer."),
    ],
)
def test_what_is_not_known_is_an_error(converters: Converters, encoded: object, message: str) -> None:
    with pytest.raises(ConversionError) as error:
        converters.tflite(encoded(), ["x", "y"])

    assert str(error.value) == message


def test_a_file_that_is_cut_is_an_error_wherever(converters: Converters) -> None:
    whole = one_convolution(1)
    for cut in range(8, len(whole) - 1, 5):
        with pytest.raises(ConversionError):
            converters.tflite(whole[:cut], ["x", "y"])


def test_quantized_integers_are_not_taken_for_numbers(converters: Converters) -> None:
    model = Tflite()
    scales = model.builder.CreateNumpyVector(np.ones(1, np.float32))
    quantization = table(model.builder, (2, "offset", scales))
    data, result = model.tensor([2], FLOAT32, None, (4, "offset", quantization)), model.tensor([2])
    model.operator(LOGISTIC, [data], [result])

    with pytest.raises(ConversionError, match="The tensor named_0 is of quantized integers"):
        converters.tflite(model.encoded([data], [result]), ["x", "y"])


@pytest.mark.parametrize("kind", [9, 3])
def test_an_unknown_type_is_an_error(converters: Converters, kind: int) -> None:
    model = Tflite()
    data = model.tensor([2], kind)
    with pytest.raises(ConversionError, match=f"The tensor named_0 is of the unknown type {kind}"):
        converters.tflite(model.encoded([data], [data]), ["x", "y"])


def test_the_same_model_gives_the_same_bytes(converters: Converters) -> None:
    assert converters.tflite(one_convolution(2), ["x", "y"]) == converters.tflite(one_convolution(2), ["x", "y"])
