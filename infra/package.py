"""`python -m infra.package`: makes build/<target>/layers/<name>/ and build/<target>/functions/<folder>/.

Folders that exist already and were made from the same inputs stay. No Docker and no AWS account; the network is needed
for wheels and models that were not fetched before.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Final

from infra.answers import LAYERS, WEIGHTS_FOLDER, asked
from infra.bytecode import compile_all, compiler
from infra.folders import MADE, digest, kept, size_bytes
from infra.functions import OPERATIONS, ROUTER, UPKEEP, Function
from infra.sdk import trim_sdk
from infra.targets import TARGETS, Target
from infra.weights import MANIFEST, WEIGHTS, Models, weights_layer
from infra.wheels import install, requirements_of

ROOT: Final = Path(__file__).parents[1]
BUILD: Final = ROOT / "build"
DEPLOYED: Final = (*OPERATIONS, ROUTER, UPKEEP)
USES: Final = tuple(use for use in WEIGHTS if any(function.weights == use for function in DEPLOYED))
"""The layers of models that functions need; no others are made."""
LAMBDAS: Final = ROOT / "lambdas"
THIRD_PARTY: Final = ("aws", "numeric", "vision")
BROUGHT_BY_LAMBDA: Final = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
"""Lambda's Python runtime has these; on this machine a package finds them in build/host/runtime instead. openrek uses
none of them: the layer `aws` comes first."""

LEARNING: Final = ("background.learnt",)
"""Data that only `openrek labels learn` reads: an owner learns on a machine of its own, no function does."""

UNZIPPED_LIMIT_BYTES: Final = 262_144_000
"""AWS's limit for a function together with its layers."""

_SERVICE_MODEL: Final = "from openrek.wire.model import *; answer.write(dump_model(service_model()))"
_KERNEL: Final = """
from openrek.store.search import build_row_scan
[path] = build_row_scan.build(print, [("linux", sys.argv[1])])
answer.write(str(path))
"""


def package(target: Target, build: Path = BUILD) -> Path:
    """Make everything that is missing for the target, and return its folder."""
    home = build / target.name
    _code(target, home / "layers" / "code")
    for name in THIRD_PARTY:
        requirements = requirements_of(LAYERS / name / "requirements.txt")
        _packages(target, requirements, home / "layers" / name, build, below="python", trim=name == "aws")
    for use in USES:
        _weights(use, home / "layers" / weights_layer(use))
    for function in DEPLOYED:
        _function(target, function, home / "functions" / function.folder)
    if target.name == "host":
        pins = requirements_of(ROOT / "requirements-runtime.txt")
        brought = tuple(pin for pin in pins if pin.partition("==")[0] in BROUGHT_BY_LAMBDA)
        _packages(target, brought, home / "runtime", build, below=".")
    return home


def unzipped_bytes(home: Path, function: Function) -> int:
    """Return the bytes that count towards UNZIPPED_LIMIT_BYTES."""
    layers = sum(size_bytes(home / "layers" / name) for name in function.all_layers)
    return layers + size_bytes(home / "functions" / function.folder)


def _code(target: Target, folder: Path) -> None:
    package = LAYERS / "openrek"
    pins = (ROOT / "requirements-runtime.txt").read_text("utf-8")  # botocore's version decides the service model
    kernel = Path(asked(_KERNEL, target.machine))

    def make(fresh: Path) -> None:
        python = fresh / "python"
        left_out = shutil.ignore_patterns(*MADE, "service-model.json", *LEARNING)
        shutil.copytree(package, python / "openrek", ignore=left_out)
        (python / kernel.relative_to(LAYERS)).parent.mkdir()
        shutil.copyfile(kernel, python / kernel.relative_to(LAYERS))
        model = json.loads(asked(_SERVICE_MODEL))
        text = json.dumps(model, separators=(",", ":"), sort_keys=True)
        (python / "openrek" / "wire" / "service-model.json").write_text(text, "utf-8")
        compile_all(fresh, target)

    kept(folder, _inputs(target, [package], pins), make)


def _packages(
    target: Target, requirements: tuple[str, ...], folder: Path, build: Path, *, below: str, trim: bool = False
) -> None:
    """Install packages; with `trim`, botocore keeps only what openrek calls."""

    def make(fresh: Path) -> None:
        install(requirements, target, fresh / below, build / "cache")
        if trim:
            trim_sdk(fresh / below)
        compile_all(fresh, target)

    kept(folder, _inputs(target, [], *requirements), make)


def _weights(use: str, folder: Path) -> None:
    models = Models.of()

    def make(fresh: Path) -> None:
        names = models.of_use(use)
        built = Path(asked(WEIGHTS_FOLDER, *models.packs_with(names)))
        (fresh / "weights").mkdir()
        for name in names:
            shutil.copyfile(built / models.file(name), fresh / "weights" / models.file(name))

    kept(folder, digest([MANIFEST, Path(__file__)], use, repr(WEIGHTS[use])), make)


def _function(target: Target, function: Function, folder: Path) -> None:
    source = LAMBDAS / function.folder

    def make(fresh: Path) -> None:
        shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        compile_all(fresh, target)

    kept(folder, _inputs(target, [source]), make)


def _inputs(target: Target, paths: list[Path], *texts: str) -> str:
    """Return a hash of all that decides the bytes of a folder: sources, the modules that make it, the compiler."""
    recipe = [
        Path(__file__).with_name(name) for name in ("answers.py", "bytecode.py", "package.py", "sdk.py", "wheels.py")
    ]
    return digest([*paths, *recipe], repr(target), compiler(target.python)[1], *texts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.package", description="Make the layers and functions.")
    parser.add_argument("--architecture", choices=TARGETS, default="arm64", help="host: for this machine's own Python")
    asked = parser.parse_args()
    target = TARGETS[asked.architecture]
    home = package(target)
    for function in DEPLOYED:
        size_mb = unzipped_bytes(home, function) / 1e6
        layers = ", ".join(function.all_layers)
        print(f"{function.name:22} {size_mb:6.1f} MB of {UNZIPPED_LIMIT_BYTES / 1e6:.1f} MB  {layers}")
    if not compiler(target.python)[0]:
        print(f"There is no python{target.python} here: without bytecode the functions start more slowly.")


if __name__ == "__main__":
    main()
