"""`python -m infra.image`: makes a container image with buildah, a package of Debian, without Docker or a daemon.

The image holds openrek and the models of the packs `--models`. `--debootstrap` makes its base from Debian's packages
(mmdebstrap), where no registry of images is in reach.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra import dist

ROOT: Final = Path(__file__).parents[1]
DIST: Final = ROOT / "dist"
CONTAINERFILE: Final = ROOT / "infra" / "container" / "Containerfile"
MODELS: Final = ("faces", "attributes")
OWN_BASE: Final = "localhost/openrek-base"
_NOT_OF_IMAGE: Final = ("--exclude=/proc", "--exclude=/sys")
_PACKAGES: Final = "python3,python3-venv"
_NOT_INSTALLED: Final = ("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*")
"""Of Debian's packages: what nobody reads in a container. Copyright files stay."""
_COPYRIGHTS: Final = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
_PYTHON: Final = "import sys, platform; print(*sys.version_info[:2], sep='.'); print(platform.machine())"


def image(tag: str, models: Sequence[str], base: str | None) -> str:
    """Build the image, and return its name. Without a `base` it is made from Debian's packages.

    Raises subprocess.CalledProcessError; the program that failed has said why.
    """
    DIST.mkdir(exist_ok=True)
    dist.wheels(DIST)
    dist.model_wheels(models, DIST)
    base = base or _debian()
    _wheelhouse(base)
    arguments = [f"BASE={base}", f"MODELS={' '.join(models)}"]
    told = [part for argument in arguments for part in ("--build-arg", argument)]
    _buildah(
        "build", "--format", "docker", "--layers=false", *told, "--file", str(CONTAINERFILE), "--tag", tag, str(ROOT)
    )
    return tag


def size_bytes(name: str) -> int:
    """Return the size of an image, unpacked."""
    container = _buildah("from", "--pull-never", name).strip()
    try:
        return int(_buildah("run", "--user", "0", container, "--", "du", "-sxb", *_NOT_OF_IMAGE, "/").split()[0])
    finally:
        _buildah("rm", container)


def _debian() -> str:
    """Make a base of Debian's packages; return its name."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "base.tar")
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", *_NOT_INSTALLED, _COPYRIGHTS]
        subprocess.run([*command, "bookworm", str(tree)], check=True, stdout=sys.stderr)  # noqa: S603
        container = _buildah("from", "scratch").strip()
        _buildah("add", "--quiet", container, str(tree), "/")
        _buildah("commit", "--quiet", "--rm", container, OWN_BASE)
    return OWN_BASE


def _wheelhouse(base: str) -> None:
    """Fetch the wheels that the base's Python needs, with the pins of requirements-runtime.txt."""
    container = _buildah("from", base).strip()
    try:
        version, machine = _buildah("run", container, "--", "python3", "-c", _PYTHON).split()
    finally:
        _buildah("rm", container)
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in (17, 27, 28)]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    choice = ["--only-binary", ":all:", f"--python-version={version}", *platforms]
    pins = ["--requirement", str(ROOT / "requirements-runtime.txt"), "--dest", str(DIST / "wheelhouse")]
    subprocess.run([*command, *choice, *pins], check=True, stdout=sys.stderr)  # noqa: S603


def _buildah(command: str, *arguments: str) -> str:
    """Run buildah, and return what it prints. In a chroot: nothing of the machine has to allow more."""
    environ = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs", **os.environ}
    done = subprocess.run(  # noqa: S603
        ["buildah", command, *arguments],  # noqa: S607
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tag", default="localhost/openrek:latest")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--base", default="docker.io/library/python:3.13-slim-bookworm")
    parser.add_argument("--debootstrap", action="store_true", help="make the base from Debian's packages")
    asked = parser.parse_args()
    name = image(asked.tag, asked.models, None if asked.debootstrap else asked.base)
    print(f"{name}: {size_bytes(name) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
