"""A collection as one file of plain numpy arrays: what `openrek export` writes and `openrek import` reads.

docs/SEGMENTS.md says what each array holds. Files come from anywhere, so every value is checked before it is used.
"""

import re
import sys
import unicodedata
from collections.abc import Mapping, Sized
from dataclasses import dataclass, fields
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openrek.domain.models import FaceModels
from openrek.domain.users import MOST_FACES_OF_USER
from openrek.store.transfer.archived_celebrities import unpacked_celebrities

FORMATS: Final = (2, 3)
"""Of files without celebrities, which earlier versions read too, and with them."""
MAX_FACES: Final = 5_000_000
MAX_FACES_PER_PICTURE: Final = 4096
MAX_USERS: Final = 1_000_000
MAX_TAGS: Final = 200
MAX_CELEBRITY_BYTES: Final = 256 << 20

# As the service model has them; tests compare.
COLLECTION_ID: Final = re.compile(r"[a-zA-Z0-9_.\-]{1,255}", re.ASCII)
EXTERNAL_ID: Final = re.compile(r"[a-zA-Z0-9_.\-:]{1,255}", re.ASCII)
USER_ID: Final = re.compile(r"[a-zA-Z0-9_.\-:]{1,128}", re.ASCII)
TAG_KEY_CHARACTERS: Final = 128
TAG_VALUE_CHARACTERS: Final = 256
TAG_SIGNS: Final = frozenset("_.:/=+-@")
LARGEST_COORDINATE: Final = 1000.0
"""Boxes are ratios; those of faces cut by the frame reach a little beyond 0..1."""

NORMS: Final = (0.9, 1.1)
"""Of a stored vector; rounding moves a unit vector by less."""


class BadArchive(Exception):
    """The file is no export that this openrek can import; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Archive:
    """n faces in ascending order of their ids, and all users in that of theirs; texts are ASCII bytes, empty where
    there is none. The embedding of a face is scale * vector; that of a user follows from its faces'."""

    format_version: NDArray[np.int64]
    collection_id: NDArray[np.bytes_]
    face_model_version: NDArray[np.bytes_]
    face_ids: NDArray[np.bytes_]
    image_ids: NDArray[np.bytes_]
    external_image_ids: NDArray[np.bytes_]
    boxes: NDArray[np.float32]
    confidences: NDArray[np.float32]
    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]
    user_ids: NDArray[np.bytes_]
    image_sha256: NDArray[np.uint8]
    users: NDArray[np.bytes_]
    tag_keys: NDArray[np.str_]
    tag_values: NDArray[np.str_]
    celebrities: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.face_ids)

    @property
    def model_version(self) -> str:
        return bytes(self.face_model_version.item()).decode()

    @property
    def tags(self) -> Mapping[str, str]:
        return dict(zip(self.tag_keys.tolist(), self.tag_values.tolist(), strict=True))


NAMES: Final = tuple(field.name for field in fields(Archive))
CELEBRITIES: Final = "celebrities"
"""The array that only a file of the later format has."""


def format_of(celebrities: Sized) -> int:
    """Return the format of a file with these celebrities."""
    return FORMATS[bool(len(celebrities))]


def check(archive: Archive, models: FaceModels) -> None:
    """Check every value, beyond types and shapes; `models` are those that may be imported. Raises BadArchive."""
    _check_names(archive, models)
    _check_ids(archive)
    _check_users(archive)
    _check_celebrities(archive)
    _check_tags(archive)
    _check_numbers(archive)


def _check_names(archive: Archive, models: FaceModels) -> None:
    if archive.format_version.item() != format_of(archive.celebrities):
        known = " and ".join(map(str, FORMATS))
        raise BadArchive(f"The file has format {archive.format_version.item()}; this openrek reads {known}.")
    if not _matches(COLLECTION_ID, archive.collection_id.item()):
        raise BadArchive("The file's collection id is not one.")
    model = models.get(archive.face_model_version.item().decode("ascii", "replace"))
    if model is None:
        raise BadArchive(f"The file's face model {archive.face_model_version.item()!r} is not one of this openrek.")
    if archive.vectors.shape[1] != model.dimensions:
        raise BadArchive(f"The vectors have {archive.vectors.shape[1]} dimensions; the model has {model.dimensions}.")


def _check_ids(archive: Archive) -> None:
    """Raise BadArchive unless the ids are such, and the faces in the order of theirs."""
    for name in ("face_ids", "image_ids"):
        for text in getattr(archive, name).tolist():
            if not _is_uuid(text):
                raise BadArchive(f"{text!r} in {name} is not an id in lower-case letters.")
    if len(archive) > 1 and not (archive.face_ids[:-1] < archive.face_ids[1:]).all():
        raise BadArchive("The face ids are not in strictly ascending order.")
    for name, pattern in (("external_image_ids", EXTERNAL_ID), ("user_ids", USER_ID)):
        for text in getattr(archive, name).tolist():
            if text and not _matches(pattern, text):
                raise BadArchive(f"{text!r} in {name} is not a value that the API allows.")


def _check_users(archive: Archive) -> None:
    """Check that each user is there once, and every face's user among them."""
    users, owners = archive.users, archive.user_ids[archive.user_ids != b""]
    for text in users.tolist():
        if not _matches(USER_ID, text):
            raise BadArchive(f"{text!r} in users is not a value that the API allows.")
    if len(users) > 1 and not (users[:-1] < users[1:]).all():
        raise BadArchive("The users are not in strictly ascending order.")
    named, counts = np.unique(owners, return_counts=True)
    if not np.isin(named, users).all():
        raise BadArchive("A face belongs to a user that the file does not list.")
    if counts.max(initial=0) > MOST_FACES_OF_USER:
        raise BadArchive(f"A user has more than {MOST_FACES_OF_USER} faces.")


def _check_celebrities(archive: Archive) -> None:
    try:
        known = unpacked_celebrities(archive.celebrities)
    except ValueError:
        raise BadArchive("What the file says of celebrities is not what an export holds.") from None
    if not known.keys() <= {user.decode() for user in archive.users.tolist()}:
        raise BadArchive("The file knows a celebrity that is none of its users.")


def _check_tags(archive: Archive) -> None:
    for texts in (archive.tag_keys, archive.tag_values):
        if np.frombuffer(texts.tobytes(), np.uint32).max(initial=0) > sys.maxunicode:
            raise BadArchive("A tag holds what is no text.")
    keys, values = archive.tag_keys.tolist(), archive.tag_values.tolist()
    if len(keys) != len(values) or len(set(keys)) != len(keys):
        raise BadArchive("The tags are not pairs of a key and a value, each key once.")
    for text in (*keys, *values):
        if not all(sign in TAG_SIGNS or unicodedata.category(sign)[0] in "LNZ" for sign in text):
            raise BadArchive(f"{text!r} is not a tag that the API allows.")
    if any(not key or key.startswith("aws:") for key in keys):
        raise BadArchive("A tag's key is empty or starts with aws:.")


def _check_numbers(archive: Archive) -> None:
    confidences, scales = archive.confidences, archive.scales
    if not (np.isfinite(archive.boxes) & (np.abs(archive.boxes) <= LARGEST_COORDINATE)).all():
        raise BadArchive("A box is not a box.")
    if not ((confidences >= 0) & (confidences <= 100)).all():
        raise BadArchive("A confidence is not from 0 to 100.")
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise BadArchive("A scale is not a positive number.")
    for start in range(0, len(archive), 1 << 16):
        vectors = archive.vectors[start : start + (1 << 16)].astype(np.float32)
        with np.errstate(over="ignore"):
            norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) * scales[start : start + (1 << 16)]
        if vectors.min() < -127 or not ((norms >= NORMS[0]) & (norms <= NORMS[1])).all():
            raise BadArchive("A vector is not of unit length, or holds -128.")


def _is_uuid(text: bytes) -> bool:
    try:
        return str(UUID(text.decode("ascii"))).encode() == text
    except ValueError:
        return False


def _matches(pattern: re.Pattern[str], text: bytes) -> bool:
    return pattern.fullmatch(text.decode("latin-1")) is not None
