"""Turns tflite models into ONNX graphs: one rule for each operator. Shapes stay fixed, as the models have them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from openrek.vision.models.conversion import tflite
from openrek.vision.models.conversion.channels_last import Window, convolution, pool, prelu, resize_bilinear
from openrek.vision.models.conversion.failure import ConversionError, UnknownOperator
from openrek.vision.models.conversion.onnx_graph import Array, OnnxGraph, Value
from openrek.vision.models.conversion.tflite import Model, Operator

_PADDINGS = {0: "SAME", 1: "VALID"}
_ACTIVATIONS = {0: None, 1: "Relu", 3: "Relu6"}

Rule = Callable[["_Conversion", Operator], None]


def convert(encoded: bytes, names: Sequence[str]) -> bytes:
    """Return the ONNX model; its inputs and then its first outputs are named as `names` says, and outputs without a
    name are left out. Raises ConversionError.
    """
    model = tflite.read(encoded)
    ends = [*model.inputs, *model.outputs][: len(names)]
    if not len(model.inputs) < len(names) == len(ends):
        raise ConversionError(f"The tflite model has {len(model.inputs)} inputs and {len(model.outputs)} outputs.")
    conversion = _Conversion(model, dict(zip(ends, names, strict=True)))
    for operator in model.operators:
        if operator.kind not in _RULES:
            raise UnknownOperator("tflite", operator.kind, conversion.output(operator))
        _RULES[operator.kind](conversion, operator)
        operator.attributes.check_all_read()
    values = [conversion.value(number) for number in ends]
    return conversion.graph.model(values[: len(model.inputs)], values[len(model.inputs) :])


class _Conversion:
    def __init__(self, model: Model, names: Mapping[int, str]) -> None:
        self.model = model
        self._names = names
        constants = {
            self.name(number): tensor.data for number, tensor in enumerate(model.tensors) if tensor.data is not None
        }
        self.graph = OnnxGraph(constants)

    def name(self, number: int) -> str:
        return self._names.get(number, f"tensor_{number}")

    def shape(self, number: int) -> tuple[int, ...]:
        return self.model.tensors[number].shape

    def value(self, number: int) -> Value:
        return Value(self.name(number), self.shape(number), np.dtype(self.model.tensors[number].dtype).name)

    def inputs(self, operator: Operator) -> list[str]:
        return [self.name(number) for number in operator.inputs]

    def output(self, operator: Operator) -> str:
        return self.name(operator.outputs[0])

    def known(self, number: int) -> Array:
        return self.graph.known(self.name(number))

    def activate(self, operator: Operator, make: Callable[[str], object]) -> None:
        """Let `make` add what gives its argument, and then the activation that the operator has built in."""
        activation, output = operator.attributes.integer("activation", 0), self.output(operator)
        if activation not in _ACTIVATIONS:
            raise ConversionError(f"The operator {operator.kind} at {output} has the unknown activation {activation}.")
        name = _ACTIVATIONS[activation]
        make(output if name is None else f"{output}.linear")
        if name == "Relu":
            self.graph.node("Relu", [f"{output}.linear"], output)
        elif name == "Relu6":
            bounds = [self.graph.constant("zero", 0.0), self.graph.constant("six", 6.0)]
            self.graph.node("Clip", [f"{output}.linear", *bounds], output)


def _window(operator: Operator) -> Window:
    attributes = operator.attributes
    padding = _PADDINGS.get(attributes.integer("padding", 0), "unknown")
    strides = [attributes.integer("stride_h", 0), attributes.integer("stride_w", 0)]
    return Window(strides, padding, [attributes.integer("dilation_h", 1), attributes.integer("dilation_w", 1)])


def _convolution(conversion: _Conversion, operator: Operator) -> None:
    data, weights, *biases = operator.inputs
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    kernel = conversion.known(weights)  # [out, h, w, in], or [1, h, w, out]
    bias = conversion.known(biases[0]) if biases and biases[0] >= 0 else None
    channels = conversion.shape(data)[3]
    if depthwise:
        operator.attributes.integer("multiplier", 0)  # which the shapes say as well
    kernel = kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)
    group = channels if depthwise else 1
    if not depthwise and kernel.shape[1] != channels:
        raise ConversionError(f"The operator CONV_2D at {conversion.output(operator)} is grouped, which is not known.")

    def make(output: str) -> None:
        name = conversion.name(data)
        convolution(conversion.graph, name, kernel, bias, _window(operator), output, group=group)

    conversion.activate(operator, make)


def _max_pool(conversion: _Conversion, operator: Operator) -> None:
    attributes = operator.attributes
    kernel = [attributes.integer("filter_h"), attributes.integer("filter_w")]
    data = conversion.name(operator.inputs[0])
    window = _window(operator)
    conversion.activate(operator, lambda output: pool(conversion.graph, "MaxPool", data, kernel, window, output))


def _binary(name: str) -> Rule:
    def rule(conversion: _Conversion, operator: Operator) -> None:
        inputs = conversion.inputs(operator)
        conversion.activate(operator, lambda output: conversion.graph.node(name, inputs, output))

    return rule


def _direct(name: str) -> Rule:
    def rule(conversion: _Conversion, operator: Operator) -> None:
        conversion.graph.node(name, conversion.inputs(operator), conversion.output(operator))

    return rule


def _prelu(conversion: _Conversion, operator: Operator) -> None:
    data, slopes = operator.inputs
    shape, output = conversion.shape(data), conversion.output(operator)
    if len(shape) != 4 or conversion.known(slopes).shape != (1, 1, shape[3]):
        raise ConversionError(f"The operator PRELU at {output} has no slope for each channel, which alone is known.")
    prelu(conversion.graph, conversion.name(data), conversion.known(slopes), output)


def _dequantize(conversion: _Conversion, operator: Operator) -> None:
    """Add the float16 numbers of a weight as float32: converted once here, not in every run."""
    conversion.graph.constant(conversion.output(operator), conversion.known(operator.inputs[0]).astype(np.float32))


def _fully_connected(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(weights_format=0, keep_num_dims=False)
    graph, output = conversion.graph, conversion.output(operator)
    data, weights, *biases = operator.inputs
    columns = conversion.known(weights).shape[1]
    flat = graph.node(
        "Reshape", [conversion.name(data), graph.constant(f"{output}.rows", [-1, columns])], f"{output}.flat"
    )
    inputs = [flat, conversion.name(weights), *(conversion.name(bias) for bias in biases if bias >= 0)]
    conversion.activate(operator, lambda made: graph.node("Gemm", inputs, made, transB=1))


def _concatenation(conversion: _Conversion, operator: Operator) -> None:
    axis, inputs = operator.attributes.integer("axis", 0), conversion.inputs(operator)
    conversion.activate(operator, lambda output: conversion.graph.node("Concat", inputs, output, axis=axis))


def _reshape(conversion: _Conversion, operator: Operator) -> None:
    output = conversion.output(operator)
    shape = conversion.graph.constant(f"{output}.shape", list(conversion.shape(operator.outputs[0])))
    conversion.graph.node("Reshape", [conversion.name(operator.inputs[0]), shape], output)


def _resize_bilinear(conversion: _Conversion, operator: Operator) -> None:
    size = [int(side) for side in conversion.known(operator.inputs[1])]
    resize_bilinear(
        conversion.graph,
        conversion.name(operator.inputs[0]),
        size,
        conversion.output(operator),
        align_corners=operator.attributes.flag("align_corners"),
        half_pixel_centers=operator.attributes.flag("half_pixel_centers"),
    )


def _pad(conversion: _Conversion, operator: Operator) -> None:
    output = conversion.output(operator)
    before_then_after = conversion.known(operator.inputs[1]).T.reshape(-1)
    pads = conversion.graph.constant(f"{output}.pads", before_then_after.astype(np.int64))
    conversion.graph.node("Pad", [conversion.name(operator.inputs[0]), pads], output)


def _transpose(conversion: _Conversion, operator: Operator) -> None:
    permutation = [int(axis) for axis in conversion.known(operator.inputs[1])]
    data = conversion.name(operator.inputs[0])
    conversion.graph.node("Transpose", [data], conversion.output(operator), perm=permutation)


def _reduce(name: str) -> Rule:
    def rule(conversion: _Conversion, operator: Operator) -> None:
        output = conversion.output(operator)
        known = conversion.known(operator.inputs[1]).reshape(-1).astype(np.int64)
        axes = conversion.graph.constant(f"{output}.axes", known)
        kept = int(operator.attributes.flag("keep_dims"))
        conversion.graph.node(name, [conversion.name(operator.inputs[0]), axes], output, keepdims=kept)

    return rule


def _reciprocal_root(conversion: _Conversion, operator: Operator) -> None:
    output = conversion.output(operator)
    root = conversion.graph.node("Sqrt", conversion.inputs(operator), f"{output}.root")
    conversion.graph.node("Reciprocal", [root], output)


def _squared_difference(conversion: _Conversion, operator: Operator) -> None:
    output = conversion.output(operator)
    difference = conversion.graph.node("Sub", conversion.inputs(operator), f"{output}.difference")
    conversion.graph.node("Mul", [difference, difference], output)


def _strided_slice(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(ellipsis_mask=0, new_axis_mask=0)
    masks = [operator.attributes.integer(name, 0) for name in ("begin_mask", "end_mask", "shrink_axis_mask")]
    graph, output, sides = conversion.graph, conversion.output(operator), conversion.shape(operator.inputs[0])
    begins, ends, steps = (conversion.known(number).astype(np.int64).copy() for number in operator.inputs[1:])
    if (steps < 1).any():
        raise ConversionError(f"The operator STRIDED_SLICE at {output} goes backwards, which is not known.")
    for axis in range(len(begins)):
        from_start, to_end, shrinks = (mask >> axis & 1 for mask in masks)
        begins[axis] = 0 if from_start else begins[axis]
        ends[axis] = sides[axis] if to_end else ends[axis]
        if shrinks:
            ends[axis] = begins[axis] + 1 if begins[axis] != -1 else sides[axis]
    inputs = [
        conversion.name(operator.inputs[0]),
        graph.constant(f"{output}.begins", begins),
        graph.constant(f"{output}.ends", ends),
        graph.constant(f"{output}.axes", list(range(len(begins)))),
        graph.constant(f"{output}.steps", steps),
    ]
    shape = graph.constant(f"{output}.shape", list(conversion.shape(operator.outputs[0])))
    graph.node("Reshape", [graph.node("Slice", inputs, f"{output}.slice"), shape], output)


_RULES: dict[str, Rule] = {
    "ADD": _binary("Add"),
    "SUB": _binary("Sub"),
    "MUL": _binary("Mul"),
    "DIV": _binary("Div"),
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "MAX_POOL_2D": _max_pool,
    "DEQUANTIZE": _dequantize,
    "FULLY_CONNECTED": _fully_connected,
    "CONCATENATION": _concatenation,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize_bilinear,
    "PAD": _pad,
    "PRELU": _prelu,
    "LOGISTIC": _direct("Sigmoid"),
    "NEG": _direct("Neg"),
    "SQRT": _direct("Sqrt"),
    "RSQRT": _reciprocal_root,
    "SQUARED_DIFFERENCE": _squared_difference,
    "TRANSPOSE": _transpose,
    "MEAN": _reduce("ReduceMean"),
    "SUM": _reduce("ReduceSum"),
    "STRIDED_SLICE": _strided_slice,
}
