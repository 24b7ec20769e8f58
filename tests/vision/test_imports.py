"""What the inference path may load. `lint-imports` forbids OpenCV by name; this forbids all that is not listed."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VISION = ROOT / "layers" / "openrek" / "vision"
INFERENCE = {"numpy", "onnxruntime", "PIL"}
BUILD_TIME = {
    "models/build_weights.py": {"filelock"},
    "models/edit_graphs.py": {"onnx"},
    "models/conversion/onnx_graph.py": {"onnx"},
}
"""Modules that no request comes by."""


def imported(path: Path) -> set[str]:
    """Top-level packages that are not ours and not the standard library's, wherever in the module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {"openrek"}


MODULES = sorted(str(path.relative_to(VISION)) for path in VISION.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_is_listed_and_nothing_else(module: str) -> None:
    assert imported(VISION / module) <= INFERENCE | BUILD_TIME.get(module, set())


def test_faces_are_read_without_opencv(weights_folder: Path, photos: dict[str, bytes], tmp_path: Path) -> None:
    """With OpenCV installed, as it is for the tests that compare with it."""
    (tmp_path / "photo.jpg").write_bytes(photos["obama.jpg"])
    code = f"""
import pathlib, sys
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.sessions import ModelSessions
image = pathlib.Path({str(tmp_path / "photo.jpg")!r}).read_bytes()
photo = FaceReader(ModelSessions(pathlib.Path({str(weights_folder)!r})), sface.packs()).read(image)
photo.embed(photo.faces[0])
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert loaded >= INFERENCE
    assert not loaded & {"cv2", "onnx", "scipy", "skimage", "torch", "tensorflow", "insightface"}


def test_opencv_is_nothing_that_make_run_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pins = (ROOT / "requirements-runtime.txt").read_text("utf-8")
    assert not [name for name in project["dependencies"] if "opencv" in name]
    assert "opencv" not in pins
    assert not [path for path in ROOT.glob("layers/*/requirements*.txt") if "opencv" in path.read_text("utf-8")]
