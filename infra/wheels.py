"""Third-party packages for a target, without Docker: pip fetches the target's own wheels, and what no function needs is
taken out again.

Requirements are installed as they are listed, without what they depend on: onnxruntime asks for protobuf, flatbuffers
and packaging, which it never imports here, and Lambda brings boto3.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from infra.targets import Target

_UNWANTED: Final = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.pyx",
    "**/*.[ah]",
    "**/py.typed",
    "**/sboms",
    "onnxruntime/capi/libonnxruntime.so*",  # for programs in C; the Python module has all of it inside
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "numpy/_core/_simd.*.so",
    "numpy/_core/_*_tests.*.so",
    "numpy/_core/include",
    "numpy/f2py",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
)
"""Patterns of pathlib below the folder of packages. Licences stay, and METADATA, which tells the version."""
_STDERR: Final = 2
_KEPT_OF_DIST_INFO: Final = ("METADATA", "licenses", "LICENSE", "NOTICE")
"""Names, or what names begin with: older wheels have their licence beside METADATA."""


def install(requirements: tuple[str, ...], target: Target, into: Path, cache: Path) -> None:
    """Install the requirements for the target.

    Raises subprocess.CalledProcessError; pip has said why, on the standard error: the other one is the caller's.
    """
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    choice = ["--no-deps", "--no-compile", "--only-binary", ":all:", *target.pip]
    subprocess.run(  # noqa: S603
        [*pip, "--cache-dir", str(cache), *choice, "--target", str(into), *requirements], check=True, stdout=_STDERR
    )
    strip(into)


def strip(packages: Path) -> None:
    for pattern in _UNWANTED:
        for path in list(packages.glob(pattern)):
            _remove(path)
    for info in packages.glob("*.dist-info"):
        for path in info.iterdir():
            if not path.name.startswith(_KEPT_OF_DIST_INFO):
                _remove(path)


def requirements_of(file: Path) -> tuple[str, ...]:
    lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    return tuple(line for line in lines if line)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
