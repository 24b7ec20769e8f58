"""TensorFlow.js graphs, as JSON or as JavaScript modules, give the numbers that TensorFlow's rules give."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from openrek.vision.models.conversion import javascript
from openrek.vision.models.conversion.failure import ConversionError, UnknownOperator
from tests.vision.models.conversion.conftest import Converters, convolved, names_of, run

PICTURE = np.arange(16, dtype=np.float32).reshape(4, 4)
KERNEL = np.array([[1, 2, 0], [0, 1, 3], [-1, 0, 0.5]], np.float32)
FLOAT = {"type": "DT_FLOAT"}


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def node(name: str, op: str, *inputs: str, **attributes: object) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def end(name: str, *sides: int) -> dict[str, Any]:
    return {"name": name, "dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": str(side)} for side in sides]}}


def weight(name: str, shape: Sequence[int], **quantization: object) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "shape": list(shape), "dtype": "float32"}
    return described | ({"quantization": quantization} if quantization else {})


def model(
    nodes: Sequence[dict[str, Any]], weights: Sequence[dict[str, Any]], sides: Sequence[int], output: dict[str, Any]
) -> dict[str, Any]:
    """With the input `x` of `sides`."""
    return {
        "modelTopology": {"node": [node("x", "Placeholder", dtype=FLOAT), *nodes]},
        "weightsManifest": [{"paths": ["one.bin"], "weights": list(weights)}],
        "signature": {"inputs": {"x": end("x", *sides)}, "outputs": {"y": output}},
    }


def one_convolution(stride: int, fused: Sequence[str] = ()) -> dict[str, Any]:
    attributes = {
        "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
        "padding": text("SAME"),
        "data_format": text("NHWC"),
        "explicit_paddings": {"list": {}},
        "T": FLOAT,
    }
    inputs, kind = ["x", "kernel"], "Conv2D"
    if fused:
        attributes["fused_ops"] = {"list": {"s": [text(name)["s"] for name in fused]}}
        inputs, kind = ["x", "kernel", "bias"], "_FusedConv2D"
    nodes = [
        node("kernel", "Const", dtype=FLOAT),
        node("bias", "Const", dtype=FLOAT),
        node("middle", kind, *inputs, **attributes),
        node("y", "Identity", "middle"),
    ]
    weights = [weight("kernel", [3, 3, 1, 1]), weight("bias", [1])]
    out = 4 // stride
    return model(nodes, weights, [-1, 4, 4, 1], end("y:0", -1, out, out, 1))


DATA = KERNEL.tobytes() + np.ones(1, np.float32).tobytes()


@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_is_on_the_right_and_the_bottom(converters: Converters, stride: int) -> None:
    (found,) = run(converters.tfjs(one_convolution(stride), DATA), x=PICTURE.reshape(1, 4, 4, 1))

    np.testing.assert_allclose(found[0, :, :, 0], convolved(PICTURE, KERNEL, stride), rtol=1e-6)


@pytest.mark.parametrize(
    ("fused", "least", "most"),
    [(["BiasAdd"], -np.inf, np.inf), (["BiasAdd", "Relu"], 0, np.inf), (["BiasAdd", "Relu6"], 0, 6)],
)
def test_what_is_fused_is_applied(converters: Converters, fused: list[str], least: float, most: float) -> None:
    picture = PICTURE - 8
    (found,) = run(converters.tfjs(one_convolution(1, fused), DATA), x=picture.reshape(1, 4, 4, 1))

    np.testing.assert_allclose(found[0, :, :, 0], (convolved(picture, KERNEL, 1) + 1).clip(least, most), rtol=1e-6)


def test_layers_within_can_be_outputs(converters: Converters) -> None:
    converted = converters.tfjs(one_convolution(2), DATA, {"middle": [None, 2, 2, 1]})

    assert names_of(converted) == (["x"], {"y": ["N", 2, 2, 1], "middle": ["N", 2, 2, 1]})
    found, middle = run(converted, x=np.stack([PICTURE, -PICTURE]).reshape(2, 4, 4, 1))
    np.testing.assert_array_equal(found, middle)
    assert found.shape == (2, 2, 2, 1)


def test_the_order_of_the_file_is_no_matter(converters: Converters) -> None:
    description = one_convolution(2)
    mixed = json.loads(json.dumps(description))
    mixed["modelTopology"]["node"].reverse()
    (found,) = run(converters.tfjs(mixed, DATA), x=PICTURE.reshape(1, 4, 4, 1))

    np.testing.assert_allclose(found[0, :, :, 0], convolved(PICTURE, KERNEL, 2), rtol=1e-6)
    assert converters.tfjs(description, DATA) == converters.tfjs(description, DATA)


def scaled(**quantization: object) -> dict[str, Any]:
    """y = x * factor, with two stored numbers."""
    nodes = [node("factor", "Const", dtype=FLOAT), node("y", "Mul", "x", "factor", T=FLOAT)]
    return model(nodes, [weight("factor", [2], **quantization)], [-1, 2], end("y", -1, 2))


def test_stored_numbers_become_float32(converters: Converters) -> None:
    ones = np.ones((1, 2), np.float32)
    half = converters.tfjs(scaled(dtype="float16"), np.array([0.5, -3], np.float16).tobytes())
    small = converters.tfjs(scaled(dtype="uint8", scale=0.5, min=-1.0), bytes([0, 255]))

    np.testing.assert_array_equal(run(half, x=ones)[0], [[0.5, -3]])
    np.testing.assert_array_equal(run(small, x=ones)[0], [[-1, 126.5]])


def umd(exported: str) -> str:
    """A module as browserify writes it around one literal."""
    head = '!function(t){if("object"==typeof exports&&"undefined"!=typeof module)module.exports=t();else{}}'
    return head + "(function(){return 1}({1:[function(t,e,a){e.exports=" + exported + "},{}]},{},[1])(1)});"


def test_javascript_modules_are_read_without_running_them(converters: Converters) -> None:
    """Names without quotes, booleans as !0, numbers without a leading zero, weights as base64 of uint8."""
    literal = (
        '{format:"graph-model",userDefinedMetadata:{signature:{inputs:{"x:0":{name:"x:0",dtype:"DT_FLOAT",tensorShape:'
        '{dim:[{size:"-1"},{size:"2"}]}}},outputs:{y:{name:"y:0",dtype:"DT_FLOAT",tensorShape:{dim:[{size:"-1"},'
        '{size:"2"}]}}}}},modelTopology:{node:[{name:"x",op:"Placeholder"},{name:"factor",op:"Const",attr:{}},'
        '{name:"y",op:"Mul",input:["x","factor"],attr:{T:{type:"DT_FLOAT"},unused_cudnn:!1}}]},weightsManifest:[{weights:'
        '[{name:"factor",shape:[2],dtype:"float32",quantization:{min:-.5,scale:.25e0,dtype:"uint8"}}]}]}'
    ).replace(",unused_cudnn:!1", "")
    data = javascript.exported_bytes(umd('"' + base64.b64encode(bytes([2, 6])).decode() + '"'))

    converted = converters.tfjs(javascript.exported_object(umd(literal)), data)

    np.testing.assert_array_equal(run(converted, x=np.ones((1, 2), np.float32))[0], [[0, 1]])


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("{a:!0,b:!1,c:null,d:true}", {"a": True, "b": False, "c": None, "d": True}),
        ("{$a_1:[-.5,1.,2.e3,.1e-2,7]}", {"$a_1": [-0.5, 1.0, 2000.0, 0.001, 7]}),
        ('{"a:b":"{not: code, !0} \\" ,.5"}', {"a:b": '{not: code, !0} " ,.5'}),
    ],
)
def test_literals_are_data(literal: str, value: object) -> None:
    assert javascript.exported_object(umd(literal)) == value


@pytest.mark.parametrize("literal", ["{a:f(1)}", "{a:1+1}", "{a:`b`}", "{a:[1}", "{a:" + "[" * 100_000])
def test_code_is_not_data(literal: str) -> None:
    with pytest.raises(ConversionError):
        javascript.exported_object(umd(literal))


@pytest.mark.parametrize(
    "module", [umd('"not base 64!"'), umd('"abc"'), umd("{}"), umd('"YWJj"') + umd('"YWJj"'), umd('"YWJj')]
)
def test_a_text_that_is_no_base64_is_an_error(module: str) -> None:
    with pytest.raises(ConversionError, match="JavaScript module exports"):
        javascript.exported_bytes(module)


def test_an_unknown_operator_is_named(converters: Converters) -> None:
    description = model([node("y", "TopKV2", "x")], [], [-1, 2], end("y", -1, 2))
    with pytest.raises(UnknownOperator) as error:
        converters.tfjs(description, b"")

    assert str(error.value) == "The tfjs graph has the operator TopKV2 at y, which the converter doesn't know."


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"data_format": text("NCHW")}, "The operator Relu at y has data_format = 'NCHW'; only 'NHWC' is known."),
        ({"alpha": {"f": 0.2}}, "The operator Relu at y has the unknown attribute alpha."),
        ({"alpha": {"func": {}}}, "The operator Relu has alpha of the unknown attribute form func."),
    ],
)
def test_attributes_that_are_not_known_are_an_error(
    converters: Converters, attributes: dict[str, object], message: str
) -> None:
    description = model([node("y", "Relu", "x", **attributes)], [], [-1, 2], end("y", -1, 2))
    with pytest.raises(ConversionError) as error:
        converters.tfjs(description, b"")

    assert str(error.value) == message


def test_a_graph_that_is_no_graph_is_an_error(converters: Converters) -> None:
    circle = model([node("y", "Relu", "z"), node("z", "Relu", "y")], [], [-1, 2], end("y", -1, 2))
    with pytest.raises(ConversionError, match="has a circle at"):
        converters.tfjs(circle, b"")
    dangling = model([node("y", "Relu", "nothing")], [], [-1, 2], end("y", -1, 2))
    with pytest.raises(ConversionError, match="lacks a part"):
        converters.tfjs(dangling, b"")
    with pytest.raises(ConversionError, match="lacks a part"):
        converters.tfjs({}, b"")


@pytest.mark.parametrize(
    ("data", "told"), [(bytes(3), "ends after the last byte"), (bytes(5), "1 bytes are left over")]
)
def test_weights_fill_the_bytes(converters: Converters, data: bytes, told: str) -> None:
    with pytest.raises(ConversionError, match=told):
        converters.tfjs(scaled(dtype="float16"), data)
