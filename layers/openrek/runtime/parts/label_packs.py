"""The owner's label pack, from a folder or from S3: `s3://bucket/prefix` is fetched into the temporary folder.

On Lambda that is /tmp: what is fetched must find room there, and is looked at before it is fetched.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from openrek.vision.labels.label_pack import LabelPack, open_pack
from openrek.vision.labels.pack_files import MOST_ROW_BYTES, ROW, LabelPackError, PackFile, bounded, read_row

PLACE: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9/_.-]{1,200}?))?/?")
SPARE_BYTES: Final = 32 << 20
"""Room that is left in the temporary folder for everything else."""
_CHUNK_BYTES: Final = 1 << 20
_HASH: Final = 16


def opened(place: str, threads: int, s3: Callable[[], Any]) -> LabelPack:
    """Open the pack at `place`, a folder or an s3:// URI, with a client that `s3` makes. Raises LabelPackError."""
    return open_pack(_fetched(place, s3()) if place.startswith("s3://") else Path(place), threads)


def _fetched(place: str, s3: Any) -> Path:
    """Return a folder with the files of a pack in S3; what is there with the right hash is not fetched again."""
    from botocore.exceptions import BotoCoreError, ClientError

    match = PLACE.fullmatch(place)
    if match is None:
        raise LabelPackError(f"The label pack must be a folder or s3://bucket/prefix, not {place!r}.")
    bucket, prefix = match[1], f"{match[2]}/" if match[2] else ""
    folder = Path(tempfile.gettempdir()) / f"openrek-label-pack-{hashlib.sha256(place.encode()).hexdigest()[:_HASH]}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _fetch(s3, bucket, prefix, folder, PackFile(ROW, "", MOST_ROW_BYTES))
        for file in read_row(bounded(folder / ROW, MOST_ROW_BYTES)).files:
            if not _is_there(folder / file.name, file):
                _fetch(s3, bucket, prefix, folder, file)
    except ClientError as error:
        raise LabelPackError(f"The label pack {place} cannot be read: {error}.") from error
    except (BotoCoreError, OSError) as error:
        raise LabelPackError(f"The label pack {place} cannot be fetched: {error}.") from error
    return folder


def _fetch(s3: Any, bucket: str, prefix: str, folder: Path, file: PackFile) -> None:
    """Fetch one file. Raises LabelPackError where it is too large or finds no room, before it is fetched."""
    found = s3.get_object(Bucket=bucket, Key=f"{prefix}{file.name}")
    size, room = int(found["ContentLength"]), shutil.disk_usage(folder).free - SPARE_BYTES
    if size > min(file.most_bytes, room):
        found["Body"].close()
        why = f"{file.most_bytes} are the most" if size > file.most_bytes else f"there is room for {max(room, 0)}"
        raise LabelPackError(f"The file {file.name} of the label pack has {size} bytes; {why}.")
    part = folder / f"{file.name}.part"
    with part.open("wb") as out:
        for chunk in found["Body"].iter_chunks(_CHUNK_BYTES):
            out.write(chunk)
    part.replace(folder / file.name)


def _is_there(path: Path, file: PackFile) -> bool:
    """Return True if the file was fetched before, by an earlier start of this very machine."""
    if not path.is_file() or path.stat().st_size > file.most_bytes:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256.lower()
