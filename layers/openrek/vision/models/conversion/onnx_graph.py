"""Builds an ONNX graph node by node; the one module of the converters that knows `onnx`.

Nodes keep the order in which they were added, which must be one in which they can run. What no output needs is left
out, initializers are sorted by name, and the serialisation is deterministic: the same calls give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from openrek.vision.models.conversion.failure import ConversionError

OPSET = 18
IR_VERSION = 9
MOST_NODES = 20_000
_TYPES = {"float32": onnx.TensorProto.FLOAT, "int32": onnx.TensorProto.INT32, "int64": onnx.TensorProto.INT64}

Array = NDArray[np.generic]
Side = int | str | None
"""A fixed size, the name of a free one, or None for one that is not known."""


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output of the whole graph."""

    name: str
    shape: Sequence[Side]
    dtype: str = "float32"


class OnnxGraph:
    """`constants` are known by name from the start; they are written only where a node uses them."""

    def __init__(self, constants: Mapping[str, Array]) -> None:
        self._constants = dict(constants)
        self._nodes: list[onnx.NodeProto] = []
        self._made: set[str] = set()

    def constant(self, name: str, array: Array | float | Sequence[int]) -> str:
        """Add a constant and return its name; a list of int becomes int64, a float becomes float32."""
        if isinstance(array, float):
            array = np.array(array, np.float32)
        elif not isinstance(array, np.ndarray):
            array = np.array(array, np.int64)
        self._constants[name] = array
        return name

    def known(self, name: str) -> Array:
        """Return a constant's array. Raises ConversionError where `name` is only known when the graph runs."""
        if name not in self._constants:
            raise ConversionError(f"{name} must be a constant of the graph, and is not.")
        return self._constants[name]

    def is_known(self, name: str) -> bool:
        return name in self._constants

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        """Add a node with one output and return that output's name."""
        self.nodes(operator, inputs, [output], **attributes)
        return output

    def nodes(self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: object) -> None:
        """Add a node with several outputs. Raises ConversionError where an output was made before."""
        for output in outputs:
            if output in self._made or output in self._constants:
                raise ConversionError(f"Two nodes of the graph make {output}.")
            self._made.add(output)
        if len(self._nodes) == MOST_NODES:
            raise ConversionError(f"The graph has more than {MOST_NODES} nodes.")
        self._nodes.append(helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes))

    def cast(self, data: str, output: str, dtype: str) -> str:
        """Add a node that makes `data` one of float32, int32, int64."""
        return self.node("Cast", [data], output, to=_TYPES[dtype])

    def model(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> bytes:
        """Return the bytes of the model. Raises ConversionError where the graph is not a valid one."""
        needed, kept = {value.name for value in outputs}, []
        for node in reversed(self._nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(node.input)
        weights = [_tensor(name, self._constants[name]) for name in sorted(needed & self._constants.keys())]
        used = [_declared(value) for value in inputs if value.name in needed]
        graph = helper.make_graph(kept[::-1], "graph", used, [_declared(value) for value in outputs], weights)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="openrek")
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ConversionError(f"The converted graph is not valid: {str(error).splitlines()[0]}.") from error
        return bytes(model.SerializeToString(deterministic=True))


def _tensor(name: str, array: Array) -> onnx.TensorProto:
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return numpy_helper.from_array(np.ascontiguousarray(little).reshape(array.shape), name)


def _declared(value: Value) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(value.name, _TYPES[value.dtype], list(value.shape))
