"""Turns TensorFlow.js graph models into ONNX graphs: one rule for each operator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from openrek.vision.models.conversion import tfjs
from openrek.vision.models.conversion.channels_last import Window, convolution, pool, resize_bilinear
from openrek.vision.models.conversion.failure import ConversionError, UnknownOperator
from openrek.vision.models.conversion.onnx_graph import OnnxGraph, Value
from openrek.vision.models.conversion.tfjs import Operator

Rule = Callable[[OnnxGraph, Operator], None]
Shapes = Mapping[str, Sequence[int | str | None]]

_ACTIVATIONS = ("Relu", "Relu6")


def convert(description: Mapping[str, Any], data: bytes, more_outputs: Shapes | None = None) -> bytes:
    """Return the ONNX model; where the model's batch is free, it stays free.

    The outputs are those that the model declares and `more_outputs`, nodes within it with their shapes. Raises
    ConversionError.
    """
    model = tfjs.read(description, data)
    graph = OnnxGraph(model.weights)
    for operator in model.operators:
        if operator.kind not in _RULES:
            raise UnknownOperator("tfjs", operator.kind, operator.name)
        operator.attributes.expect(data_format="NHWC", explicit_paddings=[], epsilon=0.0, Truncate=False)
        _RULES[operator.kind](graph, operator)
        operator.attributes.check_all_read()
    outputs: dict[str, Sequence[int | str | None]] = {**model.outputs, **(more_outputs or {})}
    free = "N" in model.input.shape
    values = [Value(name, ["N", *shape[1:]] if free else shape) for name, shape in outputs.items()]
    return graph.model([model.input], values)


def _constant(graph: OnnxGraph, operator: Operator) -> None:
    operator.attributes.ignore("dtype", "value")  # the numbers and their type are among the weights
    graph.known(operator.name)


def _placeholder(_: OnnxGraph, operator: Operator) -> None:
    operator.attributes.ignore("dtype", "shape")  # the signature has both


def _window(operator: Operator) -> Window:
    attributes = operator.attributes
    dilations = attributes.integers("dilations", []) or [1, 1, 1, 1]
    return Window(attributes.integers("strides")[1:3], attributes.text("padding"), dilations[1:3])


def _fused(operator: Operator) -> tuple[bool, str | None]:
    """Return True if a bias is added, and the activation that follows."""
    fused = operator.attributes.texts("fused_ops")
    bias, rest = fused[:1] == ["BiasAdd"], fused[1:] if fused[:1] == ["BiasAdd"] else fused
    if rest and (len(rest) > 1 or rest[0] not in _ACTIVATIONS):
        raise ConversionError(f"The operator {operator.kind} at {operator.name} has the unknown fused_ops {fused}.")
    if len(operator.inputs) != (3 if bias else 2):
        raise ConversionError(f"The operator {operator.kind} at {operator.name} has {len(operator.inputs)} inputs.")
    return bias, rest[0] if rest else None


def _activate(graph: OnnxGraph, activation: str | None, output: str, make: Callable[[str], object]) -> None:
    """Let `make` add what gives its argument, and then the activation."""
    make(output if activation is None else f"{output}.linear")
    if activation == "Relu":
        graph.node("Relu", [f"{output}.linear"], output)
    elif activation == "Relu6":
        bounds = [graph.constant("zero", 0.0), graph.constant("six", 6.0)]
        graph.node("Clip", [f"{output}.linear", *bounds], output)


def _convolution(graph: OnnxGraph, operator: Operator) -> None:
    has_bias, activation = _fused(operator)
    window, kernel = _window(operator), graph.known(operator.inputs[1])  # [h, w, in, out or multiplier]
    group = 1
    if "Depthwise" in operator.kind:
        group = kernel.shape[2]
        kernel = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])
    else:
        kernel = kernel.transpose(3, 2, 0, 1)
    bias = graph.known(operator.inputs[2]).reshape(-1) if has_bias else None

    def make(output: str) -> None:
        convolution(graph, operator.inputs[0], kernel, bias, window, output, group=group)

    _activate(graph, activation, operator.name, make)


def _matmul(graph: OnnxGraph, operator: Operator) -> None:
    operator.attributes.expect(transpose_a=False, transpose_b=False)
    has_bias, activation = _fused(operator)

    def make(output: str) -> None:
        product = graph.node("MatMul", operator.inputs[:2], f"{output}.product" if has_bias else output)
        if has_bias:
            graph.node("Add", [product, operator.inputs[2]], output)

    _activate(graph, activation, operator.name, make)


def _average_pool(graph: OnnxGraph, operator: Operator) -> None:
    kernel = operator.attributes.integers("ksize")[1:3]
    pool(graph, "AveragePool", operator.inputs[0], kernel, _window(operator), operator.name)


def _direct(name: str) -> Rule:
    def rule(graph: OnnxGraph, operator: Operator) -> None:
        graph.node(name, operator.inputs, operator.name)

    return rule


def _floor_div(graph: OnnxGraph, operator: Operator) -> None:
    """Add a division; ONNX rounds whole numbers towards zero, the same for the places in a grid divided here."""
    if graph.known(operator.inputs[1]).dtype != np.int32:
        raise ConversionError(f"The operator FloorDiv at {operator.name} divides by other than whole numbers.")
    graph.node("Div", operator.inputs, operator.name)


def _softmax(graph: OnnxGraph, operator: Operator) -> None:
    graph.node("Softmax", operator.inputs, operator.name, axis=-1)


def _axes(graph: OnnxGraph, operator: Operator) -> str:
    known = graph.known(operator.inputs[1]).reshape(-1).astype(np.int64)
    return graph.constant(f"{operator.name}.axes", known)


def _mean(graph: OnnxGraph, operator: Operator) -> None:
    kept = int(operator.attributes.flag("keep_dims"))
    graph.node("ReduceMean", [operator.inputs[0], _axes(graph, operator)], operator.name, keepdims=kept)


def _expand(graph: OnnxGraph, operator: Operator) -> None:
    graph.node("Unsqueeze", [operator.inputs[0], _axes(graph, operator)], operator.name)


def _reshape(graph: OnnxGraph, operator: Operator) -> None:
    graph.node("Reshape", [operator.inputs[0], _axes(graph, operator)], operator.name)


def _squeeze(graph: OnnxGraph, operator: Operator) -> None:
    axes = graph.constant(f"{operator.name}.axes", operator.attributes.integers("squeeze_dims"))
    graph.node("Squeeze", [operator.inputs[0], axes], operator.name)


def _cast(graph: OnnxGraph, operator: Operator) -> None:
    graph.cast(operator.inputs[0], operator.name, _type(operator, "DstT"))


def _type(operator: Operator, attribute: str) -> str:
    types = {"DT_FLOAT": "float32", "DT_INT32": "int32"}
    if (found := operator.attributes.text(attribute)) not in types:
        raise ConversionError(f"The operator {operator.kind} at {operator.name} has the unknown type {found}.")
    return types[found]


def _concat(graph: OnnxGraph, operator: Operator) -> None:
    axis = int(graph.known(operator.inputs[-1]))
    graph.node("Concat", operator.inputs[:-1], operator.name, axis=axis)


def _pack(graph: OnnxGraph, operator: Operator) -> None:
    axis = operator.attributes.integer("axis", 0)
    axes = graph.constant(f"{operator.name}.axes", [axis])
    parts = [
        graph.node("Unsqueeze", [data, axes], f"{operator.name}.part_{index}")
        for index, data in enumerate(operator.inputs)
    ]
    graph.node("Concat", parts, operator.name, axis=axis)


def _unpack(graph: OnnxGraph, operator: Operator) -> None:
    axis, count, name = operator.attributes.integer("axis", 0), operator.attributes.integer("num"), operator.name
    axes = graph.constant(f"{name}.axes", [axis])
    parts = [f"{name}.part_{index}" for index in range(count)]
    graph.nodes("Split", operator.inputs, parts, axis=axis, num_outputs=count)
    for index, part in enumerate(parts):
        graph.node("Squeeze", [part, axes], f"{name}:{index}" if index else name)


def _arg_max(graph: OnnxGraph, operator: Operator) -> None:
    axis = int(graph.known(operator.inputs[1]))
    found = graph.node("ArgMax", operator.inputs[:1], f"{operator.name}.found", axis=axis, keepdims=0)
    graph.cast(found, operator.name, _type(operator, "output_type"))


def _gather(graph: OnnxGraph, operator: Operator) -> None:
    data, places = operator.inputs
    graph.node("GatherND", [data, graph.cast(places, f"{operator.name}.places", "int64")], operator.name)


def _squared_difference(graph: OnnxGraph, operator: Operator) -> None:
    difference = graph.node("Sub", operator.inputs, f"{operator.name}.difference")
    graph.node("Mul", [difference, difference], operator.name)


def _resize_bilinear(graph: OnnxGraph, operator: Operator) -> None:
    size = [int(side) for side in graph.known(operator.inputs[1])]
    aligned, centred = (operator.attributes.flag(name) for name in ("align_corners", "half_pixel_centers"))
    data, output = operator.inputs[0], operator.name
    resize_bilinear(graph, data, size, output, align_corners=aligned, half_pixel_centers=centred)


_RULES: dict[str, Rule] = {
    "Const": _constant,
    "Placeholder": _placeholder,
    "Conv2D": _convolution,
    "_FusedConv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
    "FusedDepthwiseConv2dNative": _convolution,
    "_FusedMatMul": _matmul,
    "MatMul": _matmul,
    "AvgPool": _average_pool,
    "Add": _direct("Add"),
    "AddV2": _direct("Add"),
    "Sub": _direct("Sub"),
    "Mul": _direct("Mul"),
    "RealDiv": _direct("Div"),
    "Minimum": _direct("Min"),
    "Maximum": _direct("Max"),
    "Relu": _direct("Relu"),
    "Sigmoid": _direct("Sigmoid"),
    "Sqrt": _direct("Sqrt"),
    "Identity": _direct("Identity"),
    "FloorDiv": _floor_div,
    "Softmax": _softmax,
    "Mean": _mean,
    "ExpandDims": _expand,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Cast": _cast,
    "ConcatV2": _concat,
    "Pack": _pack,
    "Unpack": _unpack,
    "ArgMax": _arg_max,
    "GatherNd": _gather,
    "SquaredDifference": _squared_difference,
    "ResizeBilinear": _resize_bilinear,
}
