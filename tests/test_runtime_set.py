"""What `make run` installs is enough for the whole job, and little."""

import os
import subprocess
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from PIL import Image

from openrek.vision.models import zoo
from tests.support.photos import FOLDER, load

ROOT = Path(__file__).parents[1]
MOST_MB = 700


def pins(name: str) -> dict[str, str]:
    """Package -> version, without the conditions."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return dict(line.partition(";")[0].strip().split("==") for line in lines)


def installed() -> Iterator[Distribution]:
    for name, version in pins("requirements-runtime.txt").items():
        found = distribution(name)
        assert found.version == version
        yield found


def test_the_whole_set_has_the_pins_of_the_runtime_set() -> None:
    assert pins("requirements-runtime.txt").items() <= pins("requirements.txt").items()


def test_what_is_installed_stays_small_with_every_pack_but_the_optional_ones() -> None:
    manifest = zoo.manifest()
    rows = manifest.rows(pack for pack in manifest.packs if pack not in {"foreground", "hands"}).values()
    files = [Path(str(file.locate())) for package in installed() for file in package.files or ()]
    packages = sum(file.stat().st_size for file in files if file.is_file())
    assert (packages + sum(row.built_bytes for row in rows)) / 1e6 < MOST_MB - 50  # pip takes 15


@pytest.fixture
def python(tmp_path: Path, weights_folder: Path) -> Path:
    """One that has nothing but the runtime set, the model files and the photos."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    for package in installed():
        for top in {Path(file).parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            (packages / top).symlink_to(package.locate_file(top))
    (packages / "openrek.pth").write_text(str(ROOT / "layers"), "utf-8")
    load()
    (home / "share" / "openrek").mkdir(parents=True)
    (home / "share" / "openrek" / "photos").symlink_to(FOLDER)
    (home / "share" / "openrek" / "weights").symlink_to(weights_folder)
    return home / "bin" / "python"


def test_the_demo_needs_nothing_else(python: Path, tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OPENREK", "AWS"))}
    missing = subprocess.run([python, "-c", "import pytest"], env=environ, check=False, capture_output=True)
    assert missing.returncode == 1

    done = subprocess.run(
        [python, "-m", "demo"],
        cwd=tmp_path,
        env=environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["1", "astronaut.png", "100.00"] in [row[:3] for row in rows]
    assert ["2", "obama.jpg", "100.00"] in [row[:3] for row in rows]
    assert "biden.jpg" not in done.stdout
    with Image.open(tmp_path / "demo-out" / "found.jpg") as picture:
        assert picture.height == 600
