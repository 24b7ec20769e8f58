"""The model files as upstream published them, to compare the built ones and OpenCV with."""

import hashlib
import sys
from pathlib import Path

from filelock import FileLock

from openrek.vision.models import build_weights, zoo

FOLDER = Path(sys.prefix) / "share/openrek/originals"


def originals(folder: Path = FOLDER) -> Path:
    """The folder with the untouched graphs, under the names of the manifest, of the
    pack `faces`; downloads them when they are not there."""
    manifest = zoo.manifest()
    rows = manifest.rows([zoo.FACES])
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".downloading"):
        if not all(_is_right(folder / row.file, row.members[0].sha256) for row in rows.values()):
            build_weights.download(folder, manifest, print)
    return folder


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
