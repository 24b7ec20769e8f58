"""Reads Paddle inference models: a ProgramDesc (.pdmodel, protobuf) and its parameters (.pdiparams).

The numbers of the fields are those of paddle/fluid/framework/framework.proto. `.pdiparams` holds the tensors one after
another in the order of their sorted names, without the names.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from openrek.vision.models.conversion.attributes import Attributes
from openrek.vision.models.conversion.failure import ConversionError
from openrek.vision.models.conversion.onnx_graph import Array
from openrek.vision.models.conversion.protobuf_wire import Message

_LOD_TENSOR = 7
_TYPES = {5: "<f4", 3: "<i8", 2: "<i4"}
_WITHOUT_EFFECT = ("op_", "mkldnn_", "use_", "with_quant_attr", "is_test", "workspace_size_MB", "exhaustive_search")
"""Beginnings of the names of attributes that say how to train, profile or schedule, not what to compute."""


_ATTRIBUTES: Mapping[int, Callable[[Message], object]] = {
    0: lambda attribute: attribute.integer(3),
    1: lambda attribute: attribute.floats(4)[-1],
    2: lambda attribute: attribute.text(5),
    3: lambda attribute: attribute.integers(6),
    4: lambda attribute: attribute.floats(7),
    5: lambda attribute: attribute.texts(8),
    6: lambda attribute: bool(attribute.integer(10)),
    7: lambda attribute: [bool(value) for value in attribute.integers(11)],
    9: lambda attribute: attribute.integer(13),
    11: lambda attribute: attribute.integers(15),
}
"""Number of an attribute's type -> where its value is."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One node; inputs and outputs go by Paddle's names of their places, each with any number of tensors."""

    kind: str
    inputs: Mapping[str, Sequence[str]]
    outputs: Mapping[str, Sequence[str]]
    attributes: Attributes

    def input(self, place: str) -> str:
        """Return the one tensor of an input. Raises ConversionError where there is none, or several."""
        return self._only(self.inputs, place)

    def output(self, place: str) -> str:
        return self._only(self.outputs, place)

    def _only(self, places: Mapping[str, Sequence[str]], place: str) -> str:
        names = places.get(place, ())
        if len(names) != 1:
            raise ConversionError(f"The operator {self.kind} has {len(names)} tensors in {place}; one is known.")
        return names[0]


@dataclass(frozen=True, slots=True)
class Program:
    """`shapes` has every tensor's (-1: free); `parameters` the names of the trained ones."""

    operators: Sequence[Operator]
    shapes: Mapping[str, Sequence[int]]
    parameters: frozenset[str]


def read_program(encoded: bytes) -> Program:
    """Read a program. Raises ConversionError."""
    blocks = Message(encoded).messages(1)
    if len(blocks) != 1:
        raise ConversionError(f"The Paddle program has {len(blocks)} blocks; one without branches is known.")
    shapes, parameters = {}, set()
    for variable in blocks[0].messages(3):
        name, kind = variable.text(1), variable.message(2)
        if kind.integer(1) != _LOD_TENSOR:
            continue
        shapes[name] = kind.message(3).message(1).integers(2)
        if variable.integer(3, 0):
            parameters.add(name)
    return Program([_operator(message) for message in blocks[0].messages(4)], shapes, frozenset(parameters))


def read_parameters(encoded: bytes, program: Program) -> dict[str, Array]:
    """Name -> array. Raises ConversionError where a shape is not the program's or bytes are missing or left over."""
    at, arrays = 0, {}
    for name in sorted(program.parameters):
        array, at = _tensor(encoded, at)
        if list(array.shape) != list(program.shapes[name]):
            raise ConversionError(f"The parameter {name} has the shape {array.shape}, not that of the program.")
        arrays[name] = array
    if at != len(encoded):
        raise ConversionError(f"{len(encoded) - at} bytes are left over after the last parameter.")
    return arrays


def _operator(message: Message) -> Operator:
    kind = message.text(3)
    inputs, outputs = ({place.text(1): place.texts(2) for place in message.messages(number)} for number in (1, 2))
    values = {}
    for attribute in message.messages(4):
        name = attribute.text(1)
        if not name.startswith(_WITHOUT_EFFECT):
            values[name] = _attribute(kind, name, attribute)
    first = next((names[0] for names in outputs.values() if names), "the end")
    return Operator(kind, inputs, outputs, Attributes(f"The operator {kind} at {first}", values))


def _attribute(kind: str, name: str, attribute: Message) -> object:
    number = attribute.integer(2)
    if number not in _ATTRIBUTES:
        raise ConversionError(f"The operator {kind} has {name} of the unknown attribute type {number}.")
    return _ATTRIBUTES[number](attribute)


def _tensor(encoded: bytes, at: int) -> tuple[Array, int]:
    """Read one tensor of the parameters' file (version, levels: none, version, description, numbers); return the offset
    of the next one too.
    """
    if len(encoded) - at < 20:
        raise ConversionError("The parameters end before the last one.")
    version, levels, inner_version, size = struct.unpack_from("<IQIi", encoded, at)
    if (version, levels, inner_version) != (0, 0, 0) or not 0 < size <= len(encoded) - at - 20:
        raise ConversionError("A parameter has an unknown version, levels, or a description outside the file.")
    start = at + 20 + size
    description = Message(encoded[at + 20 : start])
    if (number := description.integer(1)) not in _TYPES:
        raise ConversionError(f"A parameter is of the unknown type {number}.")
    dtype, shape = np.dtype(_TYPES[number]), description.integers(2)
    count = math.prod(shape)
    if min(shape, default=1) < 0 or count * dtype.itemsize > len(encoded) - start:
        raise ConversionError("The parameters end before the last one.")
    return np.frombuffer(encoded, dtype, count, start).reshape(shape), start + count * dtype.itemsize
