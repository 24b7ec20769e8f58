"""Reads TensorFlow.js graph models: a JSON of nodes and weights, and the bytes of the weights."""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openrek.vision.models.conversion.attributes import Attributes
from openrek.vision.models.conversion.failure import ConversionError
from openrek.vision.models.conversion.onnx_graph import Array, Value

_STORED = {"float16": "<f2", "uint8": "u1", "uint16": "<u2", "float32": "<f4", "int32": "<i4"}
_TYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32"}
_WITHOUT_EFFECT = {"T", "Tidx", "Tshape", "Tdim", "Tparams", "Tindices", "SrcT", "N", "num_args", "use_cudnn_on_gpu"}
"""Types and counts that the tensors say as well."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One node; `inputs` are names of outputs of other nodes, without those that only order the run."""

    kind: str
    name: str
    inputs: Sequence[str]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Model:
    """The operators stand in an order in which they can run, the same whatever the order in the file."""

    operators: Sequence[Operator]
    weights: Mapping[str, Array]
    input: Value
    outputs: Mapping[str, Sequence[int | None]]


def read_json(encoded: bytes) -> dict[str, Any]:
    """Read a model's JSON. Raises ConversionError."""
    try:
        return dict(json.loads(encoded))
    except (ValueError, TypeError, RecursionError) as error:
        raise ConversionError(f"The model's JSON cannot be read: {error}.") from error


def read(description: Mapping[str, Any], data: bytes) -> Model:
    """Read a model; `data` are the bytes of all shards, one after another. Raises ConversionError."""
    try:
        weights = _weights([weight for group in description["weightsManifest"] for weight in group["weights"]], data)
        if description["modelTopology"].get("library"):
            raise ConversionError("The tfjs model has functions of its own, which are not known.")
        operators = [_operator(node) for node in _in_order(description["modelTopology"]["node"])]
        signature = description.get("signature") or description["userDefinedMetadata"]["signature"]
        (entry,) = signature["inputs"].values()
        outputs = {_plain(end["name"]): _shape(end) for end in signature["outputs"].values()}
        sides = [side if side is not None else "N" for side in _shape(entry)]
        return Model(operators, weights, Value(_plain(entry["name"]), sides, _TYPES[entry["dtype"]]), outputs)
    except (KeyError, TypeError, AttributeError, ValueError, UnicodeDecodeError) as error:
        raise ConversionError(f"The tfjs model lacks a part or has one of another form: {error!r}.") from error


def _plain(name: str) -> str:
    """Return the name of a node's first output, which is the node's own."""
    return name.removesuffix(":0")


def _shape(end: Mapping[str, Any]) -> list[int | None]:
    sides = [int(side["size"]) for side in end["tensorShape"].get("dim", [])]
    return [side if side > 0 else None for side in sides]


def _weights(descriptions: Iterable[Mapping[str, Any]], data: bytes) -> dict[str, Array]:
    """Return the weights as float32 or whole numbers; float16 and uint8 are only how float32 numbers are stored."""
    weights: dict[str, Array] = {}
    at = 0
    for description in descriptions:
        stored = description.get("quantization")
        dtype = np.dtype(_STORED[stored["dtype"] if stored else description["dtype"]])
        shape = [int(side) for side in description["shape"]]
        count = math.prod(shape)
        if min(shape, default=0) < 0 or count * dtype.itemsize > len(data) - at:
            raise ConversionError(f"The weight {description['name']} ends after the last byte.")
        array = np.frombuffer(data, dtype, count, at).reshape(shape)
        weights[description["name"]] = array if stored is None else _restored(array, stored)
        at += count * dtype.itemsize
    if at != len(data):
        raise ConversionError(f"{len(data) - at} bytes are left over after the last weight.")
    return weights


def _restored(array: Array, stored: Mapping[str, Any]) -> Array:
    """Return float32: float16 numbers widened, or whole numbers back between their smallest and largest."""
    wide = array.astype(np.float32)
    return wide * np.float32(stored["scale"]) + np.float32(stored["min"]) if "scale" in stored else wide


def _in_order(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort the nodes so that each comes after those it reads from, depth first without recursion."""
    by_name = {node["name"]: node for node in nodes}
    ordered: list[Mapping[str, Any]] = []
    state: dict[str, bool] = {}  # False: begun; True: done
    for start in by_name:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            needs = [_source(entry) for entry in by_name[name].get("input", [])]
            missing = [need for need in needs if need not in state]
            if name not in state or (not state[name] and missing):
                state[name] = False
                waiting.extend(reversed(missing))
                continue
            waiting.pop()
            if not state[name]:
                if not all(state[need] for need in needs):
                    raise ConversionError(f"The tfjs graph has a circle at {name}.")
                state[name] = True
                ordered.append(by_name[name])
    return ordered


def _source(entry: str) -> str:
    return entry.removeprefix("^").partition(":")[0]


def _operator(node: Mapping[str, Any]) -> Operator:
    kind, name = str(node["op"]), str(node["name"])
    values = {
        key: _attribute(kind, key, value) for key, value in node.get("attr", {}).items() if key not in _WITHOUT_EFFECT
    }
    inputs = [_plain(entry) for entry in node.get("input", []) if not entry.startswith("^")]
    return Operator(kind, name, inputs, Attributes(f"The operator {kind} at {name}", values))


def _attribute(kind: str, name: str, value: Mapping[str, Any]) -> object:
    ((form, content),) = value.items()
    match form:
        case "i":
            return int(content)
        case "f":
            return float(content)
        case "b":
            return bool(content)
        case "s":
            return base64.b64decode(content).decode("utf-8")
        case "type":
            return str(content)
        case "list":
            items = {key: items for key, items in content.items() if items}
            if set(items) <= {"i"}:
                return [int(item) for item in items.get("i", [])]
            if set(items) == {"s"}:
                return [base64.b64decode(item).decode("utf-8") for item in items["s"]]
        case "shape" | "tensor":
            return content
    raise ConversionError(f"The operator {kind} has {name} of the unknown attribute form {form}.")
