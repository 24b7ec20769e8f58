"""Convolutions and pools of TensorFlow's dialects, whose pictures are [batch, height, width, channels].

ONNX wants [batch, channels, height, width]: each becomes Transpose, the operator, Transpose. onnxruntime takes out the
pairs that meet when a session opens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openrek.vision.models.conversion.failure import ConversionError
from openrek.vision.models.conversion.onnx_graph import Array, OnnxGraph

_FIRST, _LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True, slots=True)
class Window:
    """The movement of a kernel over the picture.

    `padding` is TensorFlow's word: SAME adds what is odd to the right and the bottom, which is ONNX's SAME_UPPER and
    not what symmetric pads of half the kernel would give at stride 2.
    """

    strides: Sequence[int]
    padding: str
    dilations: Sequence[int] = (1, 1)

    def onnx_padding(self, where: str) -> str:
        if self.padding not in _PADDINGS:
            raise ConversionError(f"{where} has the unknown padding {self.padding}.")
        return _PADDINGS[self.padding]


_PADDINGS = {"SAME": "SAME_UPPER", "VALID": "VALID"}


def convolution(
    graph: OnnxGraph, data: str, kernel: Array, bias: Array | None, window: Window, output: str, *, group: int
) -> str:
    """Add a convolution; `kernel` is [out channels, in channels of a group, height, width].

    Names of added nodes begin with `output`.
    """
    first = graph.node("Transpose", [data], f"{output}.first", perm=_FIRST)
    inputs = [first, graph.constant(f"{output}.kernel", kernel)]
    if bias is not None:
        inputs.append(graph.constant(f"{output}.bias", bias))
    graph.node(
        "Conv",
        inputs,
        f"{output}.conv",
        strides=list(window.strides),
        dilations=list(window.dilations),
        auto_pad=window.onnx_padding(output),
        group=group,
    )
    return graph.node("Transpose", [f"{output}.conv"], output, perm=_LAST)


def pool(graph: OnnxGraph, operator: str, data: str, kernel: Sequence[int], window: Window, output: str) -> str:
    """Add a pool; `operator` is MaxPool or AveragePool; an average is one of the pixels inside, as in TensorFlow."""
    first = graph.node("Transpose", [data], f"{output}.first", perm=_FIRST)
    padding = window.onnx_padding(output)
    strides = list(window.strides)
    graph.node(operator, [first], f"{output}.pool", kernel_shape=list(kernel), strides=strides, auto_pad=padding)
    return graph.node("Transpose", [f"{output}.pool"], output, perm=_LAST)


def prelu(graph: OnnxGraph, data: str, slopes: Array, output: str) -> str:
    """Add Relu(x) - slope * Relu(-x), a slope for each channel, with both products as depthwise 1x1 convolutions: these
    run in onnxruntime's blocked layout beside their neighbours, for which it has no PRelu (478 points: 11.5 -> 4.3 ms).
    """
    weights = slopes.reshape(-1, 1, 1, 1)
    minus_one = graph.constant(f"{output}.minus_one", np.full_like(weights, -1))
    minus_slope = graph.constant(f"{output}.minus_slope", np.negative(weights))
    group = len(weights)
    first = graph.node("Transpose", [data], f"{output}.first", perm=_FIRST)
    above = graph.node("Relu", [first], f"{output}.above")
    flipped = graph.node("Conv", [first, minus_one], f"{output}.flipped", group=group, kernel_shape=[1, 1])
    below = graph.node("Relu", [flipped], f"{output}.below")
    scaled = graph.node("Conv", [below, minus_slope], f"{output}.scaled", group=group, kernel_shape=[1, 1])
    summed = graph.node("Add", [above, scaled], f"{output}.sum")
    return graph.node("Transpose", [summed], output, perm=_LAST)


def resize_bilinear(
    graph: OnnxGraph, data: str, size: Sequence[int], output: str, *, align_corners: bool, half_pixel_centers: bool
) -> str:
    """Add a resize; `size` is (height, width); batch and channels stay as they are."""
    mode = "align_corners" if align_corners else "half_pixel" if half_pixel_centers else "asymmetric"
    first = graph.node("Transpose", [data], f"{output}.first", perm=_FIRST)
    kept = graph.node("Shape", [first], f"{output}.kept", end=2)
    sizes = graph.node("Concat", [kept, graph.constant(f"{output}.size", size)], f"{output}.sizes", axis=0)
    graph.node(
        "Resize", [first, "", "", sizes], f"{output}.resized", mode="linear", coordinate_transformation_mode=mode
    )
    return graph.node("Transpose", [f"{output}.resized"], output, perm=_LAST)
