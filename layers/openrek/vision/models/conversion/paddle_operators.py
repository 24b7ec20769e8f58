"""Turns Paddle programs into ONNX graphs: one rule for each operator."""

from collections.abc import Callable, Sequence

import numpy as np

from openrek.vision.models.conversion import paddle
from openrek.vision.models.conversion.failure import ConversionError, UnknownOperator
from openrek.vision.models.conversion.onnx_graph import Array, OnnxGraph, Value
from openrek.vision.models.conversion.paddle import Operator, Program

Rule = Callable[["_Conversion", Operator], None]


def convert(
    model: bytes, parameters: bytes, outputs: Sequence[str] = (), *, without: frozenset[str] = frozenset()
) -> bytes:
    """Return the ONNX model of a Paddle program; batch and other free sides stay free.

    `outputs` are names of tensors, or those that the program fetches. The kinds of operators in `without` are left out
    with all that only they need: PicoDet's `multiclass_nms3`, say. Raises ConversionError.
    """
    program = paddle.read_program(model)
    conversion = _Conversion(program, paddle.read_parameters(parameters, program))
    for operator in program.operators:
        if operator.kind in without:
            continue
        if operator.kind not in _RULES:
            raise UnknownOperator("Paddle", operator.kind, _first(operator))
        _RULES[operator.kind](conversion, operator)
        operator.attributes.check_all_read()
    wanted = outputs or conversion.fetched
    if unknown := [name for name in wanted if name not in program.shapes]:
        raise ConversionError(f"The Paddle program has no tensor {unknown[0]}.")
    return conversion.graph.model(
        conversion.inputs, [Value(name, [_side(side) for side in program.shapes[name]]) for name in wanted]
    )


class _Conversion:
    def __init__(self, program: Program, parameters: dict[str, Array]) -> None:
        self.program = program
        self.graph = OnnxGraph(parameters)
        self.inputs: list[Value] = []
        self.fetched: list[str] = []


def _side(side: int) -> int | None:
    return None if side < 0 else side


def _first(operator: Operator) -> str:
    return next((names[0] for names in operator.outputs.values() if names), "the end")


def _feed(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.integer("col")
    name = operator.output("Out")
    sides = [("N" if axis == 0 else f"side_{axis}") if side < 0 else side
             for axis, side in enumerate(conversion.program.shapes[name])]  # fmt: skip
    conversion.inputs.append(Value(name, sides))


def _fetch(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.integer("col")
    conversion.fetched.append(operator.input("X"))


def _unary(name: str) -> Rule:
    def rule(conversion: _Conversion, operator: Operator) -> None:
        conversion.graph.node(name, [operator.input("X")], operator.output("Out"))

    return rule


def _convolution(conversion: _Conversion, operator: Operator) -> None:
    attributes = operator.attributes
    attributes.expect(
        data_format="NCHW", padding_algorithm="EXPLICIT", fuse_activation="", fuse_alpha=0.0, fuse_beta=0.0
    )
    attributes.expect(fuse_relu=False, fuse_brelu=False, fuse_residual_connection=False, fuse_brelu_threshold=6.0)
    attributes.expect(fuse_relu_before_depthwise_conv=False, Scale_in=1.0, Scale_out=1.0, Scale_in_eltwise=1.0)
    attributes.expect(Scale_weights=[1.0], force_fp32_output=False)
    if operator.inputs.get("Bias") or operator.inputs.get("ResidualData"):
        raise ConversionError(f"The operator {operator.kind} at {_first(operator)} has a bias or a residual inside.")
    pads = attributes.integers("paddings")  # (height, width), or (top, bottom, left, right)
    pads = [pads[0], pads[2], pads[1], pads[3]] if len(pads) == 4 else [*pads, *pads]
    conversion.graph.node(
        "Conv",
        [operator.input("Input"), operator.input("Filter")],
        operator.output("Output"),
        strides=attributes.integers("strides"),
        pads=pads,
        dilations=attributes.integers("dilations"),
        group=attributes.integer("groups"),
    )


def _batch_norm(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(data_layout="NCHW", fuse_with_relu=False, trainable_statistics=False)
    operator.attributes.number("momentum")  # of training
    inputs = [operator.input(place) for place in ("X", "Scale", "Bias", "Mean", "Variance")]
    epsilon = operator.attributes.number("epsilon")
    conversion.graph.node("BatchNormalization", inputs, operator.output("Y"), epsilon=epsilon)


def _hard_swish(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(threshold=6.0, scale=6.0, offset=3.0)
    conversion.graph.node("HardSwish", [operator.input("X")], operator.output("Out"))


def _hard_sigmoid(conversion: _Conversion, operator: Operator) -> None:
    alpha, beta = operator.attributes.number("slope"), operator.attributes.number("offset")
    conversion.graph.node("HardSigmoid", [operator.input("X")], operator.output("Out"), alpha=alpha, beta=beta)


def _elementwise(name: str) -> Rule:
    def rule(conversion: _Conversion, operator: Operator) -> None:
        graph, output = conversion.graph, operator.output("Out")
        operator.attributes.expect(x_data_format="", y_data_format="", Scale_x=1.0, Scale_y=1.0, Scale_out=1.0)
        left, right = operator.input("X"), operator.input("Y")
        axis = operator.attributes.integer("axis")
        rank, shape = len(conversion.program.shapes[left]), conversion.program.shapes[right]
        if axis != -1 and axis + len(shape) < rank:  # Paddle aligns Y with X at `axis`, ONNX at the end
            aligned = [*shape, *[1] * (rank - axis - len(shape))]
            right = graph.node("Reshape", [right, graph.constant(f"{output}.aligned", aligned)], f"{output}.right")
        graph.node(name, [left, right], output)

    return rule


def _pool(conversion: _Conversion, operator: Operator) -> None:
    attributes = operator.attributes
    attributes.expect(adaptive=True, ksize=[1, 1], pooling_type="avg", data_format="NCHW", ceil_mode=False)
    attributes.expect(
        global_pooling=False, padding_algorithm="EXPLICIT", exclusive=True, strides=[1, 1], paddings=[0, 0]
    )
    conversion.graph.node("GlobalAveragePool", [operator.input("X")], operator.output("Out"))


def _dropout(conversion: _Conversion, operator: Operator) -> None:
    """Add the scaling of Paddle's older dropout: it scales when it infers, not when it trains."""
    attributes, output = operator.attributes, operator.output("Out")
    attributes.integer("seed")
    attributes.flag("fix_seed")
    keeps = 1.0 - attributes.number("dropout_prob")
    implementation = attributes.text("dropout_implementation")
    if implementation == "upscale_in_train":
        conversion.graph.node("Identity", [operator.input("X")], output)
        return
    if implementation != "downgrade_in_infer":
        raise ConversionError(f"The operator dropout at {output} has the unknown implementation {implementation}.")
    scale = conversion.graph.constant(f"{output}.keeps", float(keeps))
    conversion.graph.node("Mul", [operator.input("X"), scale], output)


def _flatten(conversion: _Conversion, operator: Operator) -> None:
    last = len(conversion.program.shapes[operator.input("X")]) - 1
    operator.attributes.expect(start_axis=1, stop_axis=last)
    conversion.graph.node("Flatten", [operator.input("X")], operator.output("Out"), axis=1)


def _matmul(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(
        trans_x=False, trans_y=False, Scale_x=1.0, Scale_y=1.0, Scale_out=1.0, force_fp32_output=False
    )
    for place in ("X", "Y", "Out"):
        operator.attributes.expect(**{f"fused_reshape_{place}": [], f"fused_transpose_{place}": []})
    conversion.graph.node("MatMul", [operator.input("X"), operator.input("Y")], operator.output("Out"))


def _softmax(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(data_format="AnyLayout")
    axis = operator.attributes.integer("axis")
    conversion.graph.node("Softmax", [operator.input("X")], operator.output("Out"), axis=axis)


def _concat(conversion: _Conversion, operator: Operator) -> None:
    axis = operator.attributes.integer("axis")
    conversion.graph.node("Concat", operator.inputs["X"], operator.output("Out"), axis=axis)


def _reshape(conversion: _Conversion, operator: Operator) -> None:
    if operator.inputs.get("Shape") or operator.inputs.get("ShapeTensor"):
        raise ConversionError(f"The operator reshape2 at {_first(operator)} takes its shape from a tensor.")
    output = operator.output("Out")
    shape = conversion.graph.constant(f"{output}.shape", operator.attributes.integers("shape"))
    conversion.graph.node("Reshape", [operator.input("X"), shape], output)


def _transpose(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(data_format="AnyLayout")
    permutation = operator.attributes.integers("axis")
    conversion.graph.node("Transpose", [operator.input("X")], operator.output("Out"), perm=permutation)


def _scale(conversion: _Conversion, operator: Operator) -> None:
    operator.attributes.expect(bias_after_scale=True)
    graph, output = conversion.graph, operator.output("Out")
    factor = graph.constant(f"{output}.factor", operator.attributes.number("scale"))
    bias = graph.constant(f"{output}.bias", operator.attributes.number("bias"))
    graph.node("Add", [graph.node("Mul", [operator.input("X"), factor], f"{output}.scaled"), bias], output)


def _nearest(conversion: _Conversion, operator: Operator) -> None:
    attributes, output = operator.attributes, operator.output("Out")
    attributes.expect(interp_method="nearest", data_layout="NCHW", align_corners=False, align_mode=0)
    attributes.expect(out_d=-1, out_h=-1, out_w=-1)
    factors = attributes.numbers("scale")
    scales = conversion.graph.constant(f"{output}.scales", np.array([1, 1, *factors], np.float32))
    conversion.graph.node(
        "Resize",
        [operator.input("X"), "", scales],
        output,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _split(conversion: _Conversion, operator: Operator) -> None:
    outputs, attributes = operator.outputs["Out"], operator.attributes
    attributes.expect(sections=[])
    attributes.expect(num=len(outputs))
    axis = attributes.integer("axis")
    conversion.graph.nodes("Split", [operator.input("X")], outputs, axis=axis, num_outputs=len(outputs))


_RULES: dict[str, Rule] = {
    "feed": _feed,
    "fetch": _fetch,
    "relu": _unary("Relu"),
    "sigmoid": _unary("Sigmoid"),
    "sqrt": _unary("Sqrt"),
    "conv2d": _convolution,
    "depthwise_conv2d": _convolution,
    "batch_norm": _batch_norm,
    "hard_swish": _hard_swish,
    "hard_sigmoid": _hard_sigmoid,
    "elementwise_add": _elementwise("Add"),
    "elementwise_mul": _elementwise("Mul"),
    "elementwise_div": _elementwise("Div"),
    "elementwise_sub": _elementwise("Sub"),
    "pool2d": _pool,
    "dropout": _dropout,
    "flatten_contiguous_range": _flatten,
    "matmul_v2": _matmul,
    "softmax": _softmax,
    "concat": _concat,
    "reshape2": _reshape,
    "transpose2": _transpose,
    "scale": _scale,
    "nearest_interp_v2": _nearest,
    "split": _split,
}
