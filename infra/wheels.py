"""Third-party packages for a target, without Docker: pip fetches the target's own wheels, and what no function needs is
taken out again.

Requirements are installed as they are listed, without what they depend on: onnxruntime asks for protobuf, flatbuffers
and packaging, which it never imports here, and Lambda brings boto3.
"""

import py_compile
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
    # The programs link the runtime; the Python module has it inside.
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/capi/libonnxruntime_providers_shared.so",
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
_KEPT_OF_DIST_INFO: Final = ("METADATA", "licenses")


def install(requirements: tuple[str, ...], target: Target, into: Path, cache: Path) -> None:
    """Raises subprocess.CalledProcessError; pip has said why."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    choice = ["--no-deps", "--no-compile", "--only-binary", ":all:", *target.pip]
    subprocess.run(  # noqa: S603
        [*pip, "--cache-dir", str(cache), *choice, "--target", str(into), *requirements], check=True
    )
    strip(into)


def strip(packages: Path) -> None:
    for pattern in _UNWANTED:
        for path in list(packages.glob(pattern)):
            _remove(path)
    for info in packages.glob("*.dist-info"):
        for path in info.iterdir():
            if path.name not in _KEPT_OF_DIST_INFO:
                _remove(path)


def compile_all(folder: Path, target: Target) -> None:
    """Bytecode beside the modules, so that no cold start compiles them; only this Python's own can be made here.

    It is never compared with its source, whose time of change is lost on the way to Lambda.
    """
    if not target.is_this_python:
        return
    for path in sorted(folder.rglob("*.py")):
        shown = str(Path("/opt") / path.relative_to(folder))
        py_compile.compile(
            str(path), dfile=shown, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )


def requirements_of(file: Path) -> tuple[str, ...]:
    lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    return tuple(line for line in lines if line)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
