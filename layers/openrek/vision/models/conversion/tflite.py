"""Reads tflite models. The slots and numbers are those of tensorflow/lite/schema/schema.fbs.

Only graphs in floating point: numbers that are stored smaller stand behind a DEQUANTIZE, which is done while reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from openrek.vision.models.conversion.attributes import Attributes
from openrek.vision.models.conversion.failure import ConversionError, UnknownOperator
from openrek.vision.models.conversion.flatbuffer import Table
from openrek.vision.models.conversion.onnx_graph import Array

_IDENTIFIER = b"TFL3"
_TYPES: Final[Mapping[int, type[np.generic]]] = {0: np.float32, 1: np.float16, 2: np.int32}

_ACTIVATION = ("activation", "b")
_POOL = (("padding", "b"), ("stride_w", "i"), ("stride_h", "i"), ("filter_w", "i"), ("filter_h", "i"), _ACTIVATION)
_REDUCE = (("keep_dims", "?"),)
_SLICE = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
_OPERATORS: Final[Mapping[int, tuple[str, Sequence[tuple[str, str]]]]] = {
    0: ("ADD", [_ACTIVATION]),
    2: ("CONCATENATION", [("axis", "i"), _ACTIVATION]),
    3: (
        "CONV_2D",
        [("padding", "b"), ("stride_w", "i"), ("stride_h", "i"), _ACTIVATION, ("dilation_w", "i"), ("dilation_h", "i")],
    ),
    4: (
        "DEPTHWISE_CONV_2D",
        [
            ("padding", "b"),
            ("stride_w", "i"),
            ("stride_h", "i"),
            ("multiplier", "i"),
            _ACTIVATION,
            ("dilation_w", "i"),
            ("dilation_h", "i"),
        ],
    ),
    6: ("DEQUANTIZE", []),
    9: ("FULLY_CONNECTED", [_ACTIVATION, ("weights_format", "b"), ("keep_num_dims", "?")]),
    14: ("LOGISTIC", []),
    17: ("MAX_POOL_2D", _POOL),
    18: ("MUL", [_ACTIVATION]),
    22: ("RESHAPE", []),  # the shape is that of the output
    23: ("RESIZE_BILINEAR", [("", ""), ("", ""), ("align_corners", "?"), ("half_pixel_centers", "?")]),
    34: ("PAD", []),
    39: ("TRANSPOSE", []),
    40: ("MEAN", _REDUCE),
    41: ("SUB", [_ACTIVATION]),
    42: ("DIV", [_ACTIVATION]),
    45: ("STRIDED_SLICE", [(name, "i") for name in _SLICE]),
    54: ("PRELU", []),
    59: ("NEG", []),
    74: ("SUM", _REDUCE),
    75: ("SQRT", []),
    76: ("RSQRT", []),
    99: ("SQUARED_DIFFERENCE", []),
}
"""Number of a builtin operator -> its name, and the slots of its options that may be written."""


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: type[np.generic]
    data: Array | None


@dataclass(frozen=True, slots=True)
class Operator:
    """Inputs and outputs are numbers of tensors; -1 is an input that is left out."""

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Model:
    tensors: Sequence[Tensor]
    inputs: Sequence[int]
    outputs: Sequence[int]
    operators: Sequence[Operator]


def read(encoded: bytes) -> Model:
    """Read a model. Raises ConversionError."""
    model = Table.root(encoded, _IDENTIFIER)
    if len(graphs := model.tables(2)) != 1:
        raise ConversionError(f"The tflite model has {len(graphs)} graphs; one is known.")
    buffers, codes = model.tables(4), [_code(table) for table in model.tables(1)]
    tensors = [_tensor(table, buffers) for table in graphs[0].tables(0)]
    operators = [_operator(table, codes, tensors) for table in graphs[0].tables(3)]
    inputs, outputs = (_numbers(graphs[0], slot, tensors) for slot in (1, 2))
    return Model(tensors, inputs, outputs, operators)


def _code(table: Table) -> int:
    """Return the operator's code. Old writers know the first field only, which ends at 127; new ones write both."""
    return max(table.number(0, "b"), table.number(3, "i"))


def _tensor(table: Table, buffers: Sequence[Table]) -> Tensor:
    name, number = table.text(3), table.number(1, "b")
    if number not in _TYPES:
        raise ConversionError(f"The tensor {name} is of the unknown type {number}.")
    if table.table(6) is not None:
        raise ConversionError(f"The tensor {name} is sparse, which is not known.")
    quantization = table.table(4)
    if quantization is not None and quantization.present() & {2, 3}:
        raise ConversionError(f"The tensor {name} is of quantized integers, which are not known.")
    shape = tuple(int(side) for side in table.array(0, np.int32))
    if (at := table.number(2, "I")) >= len(buffers):
        raise ConversionError(f"The tensor {name} is in the buffer {at}, which the model doesn't have.")
    data = buffers[at].array(0, np.uint8)
    if buffers[at].present() - {0}:
        raise ConversionError(f"The tensor {name} lies outside the flatbuffer, which is not known.")
    return Tensor(name, shape, _TYPES[number], _content(name, data, _TYPES[number], shape) if data.size else None)


def _content(name: str, data: Array, dtype: type[np.generic], shape: tuple[int, ...]) -> Array:
    try:
        return np.frombuffer(data.tobytes(), np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)
    except ValueError:
        raise ConversionError(f"The tensor {name} has {data.size} bytes, which its shape {shape} does not.") from None


def _operator(table: Table, codes: Sequence[int], tensors: Sequence[Tensor]) -> Operator:
    if (index := table.number(0, "I")) >= len(codes):
        raise ConversionError(f"An operator has the code {index}, which the model doesn't have.")
    inputs, outputs = (_numbers(table, slot, tensors) for slot in (1, 2))
    where = tensors[outputs[0]].name if outputs else "the end"
    if codes[index] not in _OPERATORS:
        raise UnknownOperator("tflite", f"number {codes[index]}", where)
    kind, fields = _OPERATORS[codes[index]]
    options, values = table.table(4), {}
    for slot in sorted(options.present()) if options is not None and kind != "RESHAPE" else ():
        name, letter = fields[slot] if slot < len(fields) else ("", "")
        if options is None or not name:
            raise ConversionError(f"The operator {kind} at {where} has the unknown option {slot}.")
        number = options.number(slot, letter)
        values[name] = bool(number) if letter == "?" else number
    return Operator(kind, inputs, outputs, Attributes(f"The operator {kind} at {where}", values))


def _numbers(table: Table, slot: int, tensors: Sequence[Tensor]) -> list[int]:
    numbers = [int(number) for number in table.array(slot, np.int32)]
    if not all(-1 <= number < len(tensors) for number in numbers):
        raise ConversionError("The tflite model names a tensor that it doesn't have.")
    return numbers
