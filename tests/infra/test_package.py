"""The packages: for both kinds of Lambda as far as can be told here, for this machine by running them."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from infra.folders import files_of, size_bytes
from infra.functions import Function
from infra.package import BUILD, DEPLOYED, LAYERS, THIRD_PARTY, UNZIPPED_LIMIT_BYTES, USES, package, unzipped_bytes
from infra.sdk import SERVICES
from infra.targets import LAMBDA_GLIBC, TARGETS
from infra.weights import MANIFEST, WEIGHTS, Models, weights_layer
from infra.wheels import requirements_of
from openrek.store.search.row_scan import library_path
from tests.infra.templates import ROOT

ON_LAMBDA = ("arm64", "x86_64")
MACHINES = {"arm64": "EM_AARCH64", "x86_64": "EM_X86_64"}
BROUGHT = re.compile(r"(ld-linux-.*|lib(c|dl|m|pthread|rt|util|gcc_s|stdc\+\+|z))\.so\.\d+")
"""What Amazon Linux 2023 has by itself."""


pytestmark = pytest.mark.timeout(900)  # wheels may have to be fetched first


class Homes(dict[str, Path]):
    """Each target's folder, packaged when it is first asked for."""

    def __missing__(self, target: str) -> Path:
        self[target] = package(TARGETS[target])
        return self[target]


@pytest.fixture(scope="session")
def homes() -> Homes:
    return Homes()


def row(name: str) -> Function:
    return next(function for function in DEPLOYED if function.name == name)


@pytest.mark.parametrize("architecture", ON_LAMBDA)
def test_every_function_is_within_lambdas_limit(homes: Homes, architecture: str) -> None:
    sizes = {function.name: unzipped_bytes(homes[architecture], function) for function in DEPLOYED}
    assert max(sizes.values()) < UNZIPPED_LIMIT_BYTES
    assert min(sizes.values()) > 500_000
    assert sizes["ListFaces"] < 16_000_000  # with bytecode


def source_bytes(home: Path, names: Iterable[str]) -> int:
    """The size of layers without bytecode."""
    files = (path for name in names for path in files_of(home / "layers" / name))
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc")


@pytest.mark.parametrize("architecture", ON_LAMBDA)
@pytest.mark.parametrize("use", WEIGHTS)
def test_a_function_of_any_use_is_within_the_limit(homes: Homes, architecture: str, use: str) -> None:
    """Also of those uses that no operation has yet. A machine with Python 3.13 adds bytecode, which takes no more than
    twice the source."""
    function = Function("Any", 3008, (), ("numeric", "vision"), use)
    assert len(function.all_layers) <= 5
    home, others = homes[architecture], function.all_layers[:-1]
    sources = sum(path.stat().st_size for name in others for path in (home / "layers" / name).rglob("*.py"))
    assert source_bytes(home, others) + 2 * sources + Models.of().layer_bytes(use) < UNZIPPED_LIMIT_BYTES


def table_of_sizes(first: str) -> dict[str, tuple[float, float]]:
    """The table of docs/DEPLOY.md whose first column is headed so: first column -> MB on arm64 and on x86_64."""
    text = (ROOT / "docs" / "DEPLOY.md").read_text("utf-8")
    lines = text.partition(f"| {first} | arm64 |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: (float(row[1].removesuffix(" MB")), float(row[2].removesuffix(" MB"))) for row in cells}


@pytest.mark.parametrize("architecture", ON_LAMBDA)
def test_the_tables_of_sizes_are_true(homes: Homes, architecture: str) -> None:
    """Layers of models to 0.1 MB, as the manifest says; what is measured to 2 MB, as new versions change it."""
    column, home, models = ON_LAMBDA.index(architecture), homes[architecture], Models.of()
    layers = {name: sizes[column] for name, sizes in table_of_sizes("layer").items()}
    assert set(layers) == {"code", "aws", "numeric", "vision", *map(weights_layer, WEIGHTS)}
    for use in WEIGHTS:
        assert layers[weights_layer(use)] == pytest.approx(models.layer_bytes(use) / 1e6, abs=0.06)
    for name in ("code", "aws", "numeric", "vision"):
        assert layers[name] == pytest.approx(source_bytes(home, [name]) / 1e6, abs=2)
    functions = {name: sizes[column] for name, sizes in table_of_sizes("function").items()}
    for use in WEIGHTS:
        (size,) = (size for name, size in functions.items() if f"`{use}`" in name)
        measured = source_bytes(home, ["code", "aws", "numeric", "vision"]) + models.layer_bytes(use)
        assert size == pytest.approx(measured / 1e6, abs=2)


@pytest.mark.parametrize("architecture", ON_LAMBDA)
def test_what_only_learning_reads_is_left_out(homes: Homes, architecture: str) -> None:
    learnt = {path.name for path in files_of(homes[architecture] / "layers" / "code") if path.suffix == ".learnt"}
    assert {"calibration.learnt", "heads.learnt"} <= learnt
    assert "background.learnt" not in learnt


def shared_objects(home: Path) -> Iterator[Path]:
    return (path for path in files_of(home / "layers") if re.search(r"\.so(\.|$)", path.name))


@pytest.mark.parametrize("architecture", ON_LAMBDA)
def test_native_code_is_for_that_machine_and_that_python(homes: Homes, architecture: str) -> None:
    found = list(shared_objects(homes[architecture]))
    assert {"onnxruntime", "numpy", "openrek", "PIL"} <= {
        path.relative_to(homes[architecture] / "layers").parts[2].partition(".")[0] for path in found
    }
    for path in found:
        with path.open("rb") as file:
            assert ELFFile(file)["e_machine"] == MACHINES[architecture]
        tagged = re.search(r"\.cpython-(\d+)-", path.name)
        assert tagged is None or tagged[1] == "313", path.name


@pytest.mark.parametrize("architecture", ON_LAMBDA)
def test_every_library_that_native_code_needs_is_there(homes: Homes, architecture: str) -> None:
    """Nothing too much was taken out, nor is the C library newer than Lambda's."""
    found = list(shared_objects(homes[architecture]))
    packaged = {path.name for path in found}
    for path in found:
        with path.open("rb") as file:
            elf = ELFFile(file)
            dynamic: Any = elf.get_section_by_name(".dynamic")
            needed = {tag.needed for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"}
            assert {name for name in needed if not BROUGHT.fullmatch(name)} <= packaged, path.name
            for version in versions(elf):
                glibc = re.fullmatch(r"GLIBC_2\.(\d+)(\.\d+)?", version)
                assert glibc is None or int(glibc[1]) <= LAMBDA_GLIBC, path.name


@pytest.mark.parametrize("architecture", ON_LAMBDA)
def test_the_search_kernel_is_the_one_of_this_source_for_that_machine(homes: Homes, architecture: str) -> None:
    built = homes[architecture] / "layers" / "code" / "python" / "openrek" / "store" / "search" / "built"
    wanted = library_path("linux", TARGETS[architecture].machine)
    assert [path.name for path in built.iterdir()] == [wanted.name]
    assert (built / wanted.name).read_bytes() == wanted.read_bytes()


def test_a_packaged_function_searches_with_it(homes: Homes) -> None:
    code = "from openrek.store.search.row_scan import fastest_scan, numpy_scan; print(fastest_scan() is not numpy_scan)"
    assert run(homes["host"], row("SearchFaces"), code).strip() == "True"


def versions(elf: ELFFile) -> Iterator[str]:
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, auxiliaries in section.iter_versions():
                yield from (auxiliary.name for auxiliary in auxiliaries)


@pytest.mark.parametrize("target", TARGETS)
def test_what_no_function_needs_is_left_out(homes: Homes, target: str) -> None:
    names = {str(path.relative_to(homes[target] / "layers")) for path in files_of(homes[target] / "layers")}
    unwanted = re.compile(
        r"/tests/|\.pyi$|\.h$|/libonnxruntime\.so|/(flatbuffers|protobuf|google|packaging|boto3)/|/bin/"
    )
    assert [name for name in names if unwanted.search(name)] == []


@pytest.mark.parametrize("target", TARGETS)
def test_third_party_code_brings_its_licence(homes: Homes, target: str) -> None:
    packages = list((homes[target] / "layers").rglob("*.dist-info"))
    listed = {pin for name in THIRD_PARTY for pin in requirements_of(LAYERS / name / "requirements.txt")}
    names = {pin.partition("==")[0].replace("-", "_") for pin in listed}
    assert {info.name.partition("-")[0] for info in packages} == names
    for info in packages:
        assert (info / "METADATA").is_file()
        beside = info.parent / info.name.partition("-")[0] / "LICENSE"
        assert beside.is_file() or any(info.glob("licenses/*")) or any(info.glob("LICENSE*")), info.name


@pytest.mark.parametrize("target", TARGETS)
def test_the_sdk_describes_the_services_that_openrek_calls_and_no_others(homes: Homes, target: str) -> None:
    data = homes[target] / "layers" / "aws" / "python" / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == set(SERVICES)
    full = Path(botocore.__file__).parent / "data"
    for name in SERVICES:
        own, whole = (Loader([str(folder)], include_default_search_paths=False) for folder in (data, full))
        assert unlettered(own.load_service_model(name, "service-2")) == unlettered(
            whole.load_service_model(name, "service-2")
        )
    table = json.loads((data / "endpoints.json").read_text("utf-8"))
    assert {service for part in table["partitions"] for service in part["services"]} <= set(SERVICES)
    assert [part["partition"] for part in table["partitions"]] == [
        part["partition"] for part in json.loads((full / "endpoints.json").read_text("utf-8"))["partitions"]
    ]


def unlettered(described: Any) -> Any:
    """A description of a service without its texts for people."""
    if isinstance(described, dict):
        return {
            name: unlettered(inner)
            for name, inner in described.items()
            if not (name == "documentation" and isinstance(inner, str))
        }
    return [unlettered(inner) for inner in described] if isinstance(described, list) else described


@pytest.mark.parametrize("target", TARGETS)
def test_each_layer_of_models_holds_its_own_and_nothing_else(homes: Homes, target: str) -> None:
    rows = tomllib.loads((MANIFEST).read_text("utf-8"))["weights"]
    for use in USES:
        names = Models.of().of_use(use)
        folder = homes[target] / "layers" / weights_layer(use)
        hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files_of(folder / "weights")}
        assert hashes == {rows[name]["file"]: rows[name]["built_sha256"] for name in names}
        assert len(list(files_of(folder))) == len(names)
        assert size_bytes(folder) == Models.of().layer_bytes(use)


def run(home: Path, function: Function, code: str, *, brought: bool = True, **environ: str) -> str:
    """What `code` prints where nothing but the function's own layers and Python's library can be imported."""
    layers = [home / "layers" / name / "python" for name in function.all_layers]
    path = [home / "functions" / function.folder, *layers, *([home / "runtime"] if brought else [])]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path)), **environ}
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", code], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


FIND_FACES = """
import sys
from pathlib import Path
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.sessions import ModelSessions
photo = FaceReader(ModelSessions(Path(sys.argv[1])), sface.packs()).read(Path(sys.argv[2]).read_bytes())
print(len(photo.faces))
"""


def test_faces_are_found_with_the_packaged_runtime_and_models(
    homes: Homes, photos: dict[str, bytes], tmp_path: Path
) -> None:
    """onnxruntime, numpy and Pillow work without what was taken out, each operation with its own models."""
    (tmp_path / "photo.jpg").write_bytes(photos["obama.jpg"])
    for name, code in (
        ("DetectFaces", FIND_FACES),
        ("IndexFaces", FIND_FACES + "print(len(photo.embed(photo.faces[0]).embedding))"),
    ):
        weights = homes["host"] / "layers" / weights_layer(str(row(name).weights)) / "weights"
        arguments = f"import sys; sys.argv = ['', {str(weights)!r}, {str(tmp_path / 'photo.jpg')!r}]\n"
        said = run(homes["host"], row(name), arguments + code, brought=False)
        assert said.split() == {"DetectFaces": ["1"], "IndexFaces": ["1", "128"]}[name]


@pytest.mark.parametrize("function", DEPLOYED, ids=lambda function: function.name)
def test_a_handler_is_imported_from_its_package_and_nowhere_else(homes: Homes, function: Function) -> None:
    environ = {
        "OPENREK_FUNCTIONS": "openrek-{operation}:live",
        "OPENREK_KEYS": "/openrek/main/keys/",
        "OPENREK_TABLE": "items",
        "OPENREK_BUCKET": "blobs",
    }
    code = """
import json, sys, handler
assert callable(handler.handler)
print(json.dumps([getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]))
"""
    files = json.loads(run(homes["host"], function, code, AWS_DEFAULT_REGION="eu-west-1", **environ))
    outside = {name for name in files if str(ROOT) in name and not name.startswith(str(homes["host"]))}
    assert outside == set()
    assert any(name.startswith(str(homes["host"] / "layers" / "code")) for name in files)


def test_the_adapters_of_aws_are_imported_from_the_packages(homes: Homes) -> None:
    code = """
import openrek.store.items.dynamo, openrek.store.blobs.s3, aws_lambda_powertools.metrics
print(aws_lambda_powertools.metrics.__file__)
"""
    assert run(homes["host"], row("ListFaces"), code).startswith(str(homes["host"] / "layers" / "aws"))


def test_a_light_function_could_not_even_import_numpy(homes: Homes) -> None:
    code = "from importlib.util import find_spec; print([find_spec(name) for name in ('numpy', 'onnxruntime', 'PIL')])"
    assert run(homes["host"], row("ListFaces"), code).strip() == "[None, None, None]"


def test_the_service_model_is_packaged_compiled(homes: Homes) -> None:
    """So that no start reads botocore's; it says the same."""
    code = "from openrek.wire.model import *; print(dump_model(service_model()))"
    packaged = json.loads(run(homes["host"], row("ListFaces"), code, brought=False))
    here = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert packaged == json.loads(here)
    assert "SearchFacesByImage" in packaged["operations"]


def test_the_same_inputs_give_the_same_bytes(homes: Homes, tmp_path: Path) -> None:
    """So that a deployment changes nothing where nothing changed, whoever packages."""
    (tmp_path / "cache").symlink_to(BUILD / "cache")
    before = os.umask(0o077)
    try:
        again = package(TARGETS["host"], tmp_path)
    finally:
        os.umask(before)
    assert contents(again) == contents(homes["host"])


def contents(home: Path) -> dict[str, tuple[int, str]]:
    """File -> its mode and hash."""
    return {
        str(path.relative_to(home)): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files_of(home)
        if not path.name.endswith((".lock", ".made-from"))
    }
