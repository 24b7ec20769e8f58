"""The converters with `onnx` beside them, as the build has it, and all packs as the build makes them."""

import hashlib
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from filelock import FileLock

from openrek.vision.models import build_weights, pip_download, zoo

SHARE = Path(sys.prefix) / "share/openrek"


@dataclass(frozen=True)
class Converters:
    """The three converters: what they return are the bytes of an ONNX model."""

    paddle: Callable[..., bytes]
    tflite: Callable[..., bytes]
    tfjs: Callable[..., bytes]


@pytest.fixture(scope="session")
def converters() -> Converters:
    """The tools of the build lie in a folder of their own, installed on first use; nothing else imports `onnx`."""
    requirements = zoo.manifest().build_requirements
    tools = SHARE / f"tools-{hashlib.sha256(repr(requirements).encode()).hexdigest()[:16]}"
    SHARE.mkdir(parents=True, exist_ok=True)
    with FileLock(SHARE / ".installing-tools"):
        if not tools.exists():
            fresh = tools.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            pip_download.pip("install", "--no-deps", "--only-binary", ":all:", "--target", str(fresh), *requirements)
            fresh.rename(tools)
    sys.path.append(str(tools))
    from openrek.vision.models.conversion import paddle_operators, tfjs_operators, tflite_operators

    return Converters(paddle_operators.convert, tflite_operators.convert, tfjs_operators.convert)


@pytest.fixture(scope="session")
def packs_folder() -> Path:
    """Where the model files of all packs are, beside the default ones, whose size another test holds."""
    build_weights.build(SHARE / "packs", print, zoo.manifest().packs)
    return SHARE / "packs"


def run(model: bytes, **inputs: object) -> list[np.ndarray]:
    """The outputs of an ONNX model, in its order."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {name: np.asarray(value) for name, value in inputs.items()})


def names_of(model: bytes) -> tuple[Sequence[str], Mapping[str, Any]]:
    """The names of the inputs, and the outputs with their shapes."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [value.name for value in session.get_inputs()], {value.name: value.shape for value in session.get_outputs()}


def convolved(picture: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's SAME convolution of one channel, worked out pixel by pixel: what is odd pads right and bottom."""
    side, size = picture.shape[0], kernel.shape[0]
    out = -(-side // stride)
    pad = max((out - 1) * stride + size - side, 0)
    padded = np.pad(picture, (pad // 2, pad - pad // 2))
    windows = [
        [padded[r * stride : r * stride + size, c * stride : c * stride + size] for c in range(out)] for r in range(out)
    ]
    return (np.array(windows) * kernel).sum(axis=(2, 3))
