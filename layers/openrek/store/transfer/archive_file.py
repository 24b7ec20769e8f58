"""Archives as .npz files.

A file is not trusted: nothing in it is evaluated, and the types and sizes that its arrays claim are checked before any
of their content is read.
"""

import math
import os
import re
import struct
import tempfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.models import FaceModels
from openrek.store.log.item_shapes import MOST_DIMENSIONS
from openrek.store.transfer.archive import (
    CELEBRITIES,
    MAX_CELEBRITY_BYTES,
    MAX_FACES,
    MAX_TAGS,
    MAX_USERS,
    NAMES,
    TAG_KEY_CHARACTERS,
    TAG_VALUE_CHARACTERS,
    Archive,
    BadArchive,
    check,
)

NPY: Final = b"\x93NUMPY\x01\x00"
NPY_HEADER: Final = re.compile(
    rb"\{'descr': '([<|][a-zA-Z]\d{1,4})', 'fortran_order': False, 'shape': \((\d{0,9}(?:, ?\d{1,9})*),?\), \} *\n"
)
"""As numpy writes it (numpy.lib.format, version 1.0), and nothing else: a file that is not trusted is not evaluated."""

HEADER_BYTES: Final = 1024
MOST_EXPANDED: Final = 16
"""What a compressed file holds, in times of its size: vectors and hashes, most of what a face takes, hardly shrink."""

SMALL_BYTES: Final = 1 << 20
"""Of what a file holds, so much is always read."""

UNREADABLE: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
"""What zipfile raises on damaged files: it trusts the offsets and sizes in them."""


def save(archive: Archive, path: Path) -> None:
    """Write the file, readable by its owner only; it appears complete, or not at all."""
    handle, aside = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **{name: getattr(archive, name) for name in _names(archive)})
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise


def _names(archive: Archive) -> tuple[str, ...]:
    """Return the arrays of its file: celebrities only where there are some."""
    return tuple(name for name in NAMES if name != CELEBRITIES or len(archive.celebrities))


def load(path: Path, models: FaceModels, *, max_faces: int = MAX_FACES) -> Archive:
    """Return the export in a file, every value checked, of one of `models`. Raises BadArchive, or OSError."""
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as file:
                most_bytes = MOST_EXPANDED * os.fstat(stream.fileno()).st_size + SMALL_BYTES
                found = Archive(**_arrays(file, max_faces, most_bytes))
        except UNREADABLE as error:
            raise BadArchive(f"The file is not a whole .npz file: {error}.") from None
    check(found, models)
    return found


def _arrays(file: zipfile.ZipFile, max_faces: int, most_bytes: int) -> dict[str, NDArray[Any]]:
    """Read all arrays, in two passes: first the types and sizes that they claim, then their content, of `most_bytes` at
    most.
    """
    members = [member.filename for member in file.infolist()]
    names = tuple(name for name in NAMES if name != CELEBRITIES or f"{name}.npy" in members)
    if sorted(members) != sorted(f"{name}.npy" for name in names):
        missing = sorted({f"{name}.npy" for name in names} ^ set(members)) or ["one twice"]
        raise BadArchive(f"The file's arrays are not those of an export: {', '.join(missing)[:200]}.")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in file.infolist()):
        raise BadArchive("The file is compressed in a way that numpy does not use.")
    claims = {name: _claim(file, name) for name in names}
    rows = claims["face_ids"][0][0] if claims["face_ids"][0] else -1
    if not 0 <= rows <= max_faces:
        raise BadArchive(f"The file holds {rows} faces; a collection holds at most {max_faces}.")
    for name, (shape, dtype) in claims.items():
        _check_claim(name, shape, dtype, rows)
    claimed_bytes = sum(member.file_size for member in file.infolist())  # headers and arrays, as was just compared
    if claimed_bytes > most_bytes:
        raise BadArchive(f"The file claims to hold {claimed_bytes} bytes, far more than an export of its size.")
    arrays: dict[str, NDArray[Any]] = {CELEBRITIES: np.zeros(0, np.uint8)}
    for name, (shape, dtype) in claims.items():
        size = dtype.itemsize * math.prod(shape)
        content = file.read(f"{name}.npy")
        arrays[name] = np.frombuffer(content, dtype, math.prod(shape), len(content) - size).reshape(shape)
    return arrays


def _claim(file: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type in an array's header; its bytes must be just as many as these take."""
    with file.open(f"{name}.npy") as member:
        start = member.read(len(NPY) + 2)
        length = int.from_bytes(start[len(NPY) :], "little")
        header = NPY_HEADER.fullmatch(member.read(min(length, HEADER_BYTES)))
    if start[: len(NPY)] != NPY or header is None:
        raise BadArchive(f"The array {name} has no header of the kind that numpy writes.")
    try:
        dtype = np.dtype(header[1].decode())
    except TypeError:
        raise BadArchive(f"The array {name} has an unknown type.") from None
    shape = tuple(int(part) for part in header[2].replace(b",", b" ").split())
    if file.getinfo(f"{name}.npy").file_size != len(start) + length + dtype.itemsize * math.prod(shape):
        raise BadArchive(f"The array {name} has another length than its header tells.")
    return shape, dtype


def _check_claim(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], rows: int) -> None:
    kinds: dict[str, tuple[str, int, tuple[int | None, ...]]] = {
        "format_version": ("<i8", 8, ()),
        "collection_id": ("S", 255, ()),
        "face_model_version": ("S", 64, ()),
        "face_ids": ("S", 36, (rows,)),
        "image_ids": ("S", 36, (rows,)),
        "external_image_ids": ("S", 255, (rows,)),
        "boxes": ("<f4", 4, (rows, 4)),
        "confidences": ("<f4", 4, (rows,)),
        "vectors": ("|i1", 1, (rows, None)),
        "scales": ("<f4", 4, (rows,)),
        "user_ids": ("S", 128, (rows,)),
        "image_sha256": ("|u1", 1, (rows, 32)),
        "users": ("S", 128, (None,)),
        "tag_keys": ("U", 4 * TAG_KEY_CHARACTERS, (None,)),
        "tag_values": ("U", 4 * TAG_VALUE_CHARACTERS, (None,)),
        CELEBRITIES: ("|u1", 1, (None,)),
    }
    kind, size, expected = kinds[name]
    right_type = dtype.str == kind if len(kind) > 1 else dtype.kind == kind and dtype.isnative
    most = {"users": MAX_USERS, "tag_keys": MAX_TAGS, "tag_values": MAX_TAGS, CELEBRITIES: MAX_CELEBRITY_BYTES}
    largest = most.get(name, MOST_DIMENSIONS)
    right_shape = len(shape) == len(expected) and all(
        length == wanted or (wanted is None and 0 <= length <= largest)
        for length, wanted in zip(shape, expected, strict=True)
    )
    if not right_type or dtype.itemsize > size or dtype.hasobject or not right_shape:
        raise BadArchive(f"The array {name} is {dtype.str} {list(shape)}, which is not what an export holds.")
