"""Folders that are made once from known inputs: whole or not there, and the same bytes for the same inputs."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock

FILE_MODE: Final = 0o644
FOLDER_MODE: Final = 0o755
MADE: Final = ("__pycache__", "built")
"""Folders that are made from what lies beside them."""


def kept(folder: Path, inputs: str, make: Callable[[Path], None]) -> Path:
    """Return the folder as `make` fills it; it is made anew only when `inputs` differs from that of the last time.

    Safe in several processes at once, and when one of them is killed.
    """
    stamp = folder.with_name(f"{folder.name}.made-from")
    if _is_made(folder, stamp, inputs):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if _is_made(folder, stamp, inputs):
            return folder
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            fresh = Path(scratch, "new")
            fresh.mkdir()
            make(fresh)
            _settle(fresh)
            stamp.unlink(missing_ok=True)
            if folder.exists():
                folder.rename(Path(scratch, "old"))
            fresh.rename(folder)
            stamp.write_text(inputs, "utf-8")
    return folder


def files_of(folder: Path) -> Iterator[Path]:
    """Return the files in the order of their names, the same on every machine."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_of(folder))


def digest(paths: Iterable[Path], *texts: str) -> str:
    """Return the hash of the names and contents of files and of all files below folders, and of texts."""
    found = hashlib.sha256(repr(texts).encode())
    for path in paths:
        for file in [path] if path.is_file() else files_of(path):
            if not set(MADE) & set(file.relative_to(path.parent).parts):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                found.update(f"{file.relative_to(path.parent)} {content}\n".encode())
    return found.hexdigest()


def _is_made(folder: Path, stamp: Path, inputs: str) -> bool:
    return folder.is_dir() and stamp.is_file() and stamp.read_text("utf-8") == inputs


def _settle(folder: Path) -> None:
    """Let Lambda's own user read everything, whatever this machine's umask is."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
