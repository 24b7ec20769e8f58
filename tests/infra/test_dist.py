"""The wheels: what they say of themselves, and that they are enough, on a machine that reaches nothing."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import requests

from infra import dist
from infra.weights import Models
from tests.support.server import ServerProcess

pytestmark = pytest.mark.timeout(900)  # wheels may have to be fetched first


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    dist.wheels(folder)
    dist.model_wheels(["faces"], folder)
    return folder


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata_of(wheel: Path) -> str:
    return next(content for name, content in files_of(wheel).items() if name.endswith("dist-info/METADATA")).decode()


def test_each_machine_has_the_wheel_with_its_own_kernel_and_no_other(made: Path) -> None:
    kernels = {
        wheel.name.removeprefix("openrek-0.1.0-py3-none-").removesuffix(".whl"): [
            re.sub(r".*/row_scan-|-\w{12}\.so", "", name) for name in files_of(wheel) if "/built/" in name
        ]
        for wheel in made.glob("openrek-*.whl")
    }
    assert kernels == {
        "any": [],
        "manylinux_2_17_x86_64": ["linux-x86_64"],
        "manylinux_2_17_aarch64": ["linux-aarch64"],
        "macosx_13_0_x86_64": ["macos-x86_64"],
        "macosx_13_0_arm64": ["macos-aarch64"],
        "win_amd64": ["windows-x86_64"],
    }


def test_a_wheel_holds_every_file_of_the_package_that_git_knows(made: Path) -> None:
    command = ["git", "ls-files", "layers/openrek"]
    listed = subprocess.run(command, cwd=dist.ROOT, check=True, capture_output=True, text=True).stdout.split()
    wanted = {name.removeprefix("layers/") for name in listed}
    (plain,) = made.glob("openrek-*-any.whl")
    assert wanted - {"openrek/.gitignore"} - set(files_of(plain)) == set()


def test_no_package_is_wanted_in_one_version_only(made: Path) -> None:
    (plain,) = made.glob("openrek-*-any.whl")
    needed = re.findall(r"^Requires-Dist: (.*)$", metadata_of(plain), re.MULTILINE)
    always = [each for each in needed if "extra ==" not in each]
    assert len(always) > 8
    assert [each for each in always if "==" in each] == []
    assert not any(re.match("boto3|pynamodb|aws", each) for each in always)


def test_models_come_in_one_wheel_each_with_their_licences(made: Path) -> None:
    (faces,) = made.glob("openrek_models_faces-*.whl")
    names = set(files_of(faces))
    models = {f"openrek_models/faces/{Models.of().file(name)}" for name in ("yunet", "sface")}
    info = "openrek_models_faces-0.1.0.dist-info"
    assert names == models | {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "licenses/NOTICE")}
    assert "License-Expression: Apache-2.0 AND MIT\n" in metadata_of(faces)
    assert faces.stat().st_size < dist.MOST_MODEL_BYTES


def test_every_model_is_in_one_wheel_and_others_ask_for_it() -> None:
    models = Models.of()
    own = [name for pack in models.table["packs"] for name in models.of_its_own(pack)]
    assert sorted(own) == sorted(models.table["weights"])
    assert models.others_of("equipment") == ["labels"]
    for pack, row in models.table["packs"].items():
        reached = {name for each in (pack, *models.others_of(pack)) for name in models.of_its_own(each)}
        assert set(row["weights"]) <= reached


def test_the_same_sources_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    (again,) = dist.model_wheels(["faces"], tmp_path)
    assert again.read_bytes() == (made / again.name).read_bytes()


@pytest.fixture(scope="module")
def installed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the programs of a fresh environment, installed from a folder of wheels and nowhere else."""
    home = tmp_path_factory.mktemp("empty")
    pip = ["-m", "pip", "--disable-pip-version-check", "--quiet"]
    pins = str(dist.ROOT / "requirements-runtime.txt")
    fetched = [*pip, "download", "--no-deps", "--only-binary", ":all:", "--dest", str(made), "--requirement", pins]
    subprocess.run([sys.executable, *fetched], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(home / "venv")], check=True)
    programs = home / "venv" / "bin"
    wanted = ["openrek[cli]", "openrek-models-faces"]
    offline = ["install", "--no-index", "--find-links", str(made), *wanted]
    subprocess.run([str(programs / "python"), *pip, *offline], check=True)
    return programs


def run(programs: Path, *arguments: str, **environ: str) -> str:
    done = subprocess.run(
        [str(programs / "openrek"), *arguments], env=alone(programs, **environ), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def alone(programs: Path, **environ: str) -> dict[str, str]:
    """Return an environment that knows no registry, no checkout and no home of ours."""
    home = str(programs.parents[1])
    return {"PATH": "/usr/bin:/bin", "HOME": home, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, **environ}


def test_an_empty_environment_serves_indexes_and_searches(
    installed: Path, photos: dict[str, bytes], tmp_path: Path
) -> None:
    for name in ("obama.jpg", "biden.jpg"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(photos[name])
    (tmp_path / "probe.jpg").write_bytes(photos["obama2.jpg"])

    assert "complete and correct" in run(installed, "weights", "--check", "--pack", "faces")
    server = ServerProcess(
        tmp_path / "data", python=[str(installed / "python"), "-P"], only=alone(installed), cwd=tmp_path
    )
    try:
        health = requests.get(f"{server.url}/health", timeout=30).json()
        assert "openrek" in requests.get(server.url, timeout=30).text
        environ = {"AWS_ENDPOINT_URL_REKOGNITION": server.url}
        run(installed, "index", str(tmp_path / "photos"), "-c", "people", **environ)
        found = run(installed, "search", str(tmp_path / "probe.jpg"), "-c", "people", "--json", **environ)
    finally:
        server.stop()

    assert (health["ok"], health["search"]) == (True, "fast")
    (match,) = json.loads(found)["FaceMatches"]
    assert match["Face"]["ExternalImageId"] == "obama.jpg"
    assert match["Similarity"] > 99


def test_the_packages_of_builds_and_tests_are_not_installed(installed: Path) -> None:
    command = [str(installed / "python"), "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {each["name"].lower() for each in json.loads(listed)}
    assert {"openrek", "openrek-models-faces", "boto3"} <= names
    assert names & {"onnx", "pynamodb", "moto", "opencv-python-headless", "aws-lambda-powertools"} == set()


_WITHOUT_PIP = """
from openrek.store.search import build_row_scan
from openrek.vision.models import pip_download, zoo
try:
    pip_download.pip("install", "onnx")
except zoo.WeightsError as error:
    print(error)
try:
    build_row_scan.build(print, [("linux", "another")])
except build_row_scan.ScanBuildError as error:
    print(error)
"""


def test_without_pip_models_and_kernels_cannot_be_built_and_why_is_one_sentence(installed: Path) -> None:
    """The last test of this environment: it loses its pip."""
    python = str(installed / "python")
    subprocess.run([python, "-m", "pip", "uninstall", "--yes", "--quiet", "pip"], check=True)

    done = subprocess.run([python, "-c", _WITHOUT_PIP], env=alone(installed), capture_output=True, text=True)

    assert done.stderr == ""
    models, kernel = done.stdout.splitlines()
    assert models.startswith("This Python has no pip, which fetches what builds the models: run")
    assert kernel == "This Python has no pip, which fetches the compiler: run `python -m ensurepip`."
    assert run(installed, "kernel").startswith("The search kernel is row_scan-")
