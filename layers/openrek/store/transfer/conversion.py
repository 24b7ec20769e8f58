"""Conversion of an archive to another face model, where its vectors follow from those of the old one.

Ids, pictures, users, tags and confidences stay as they are; vectors of users follow from those of their faces when they
are imported.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openrek.domain.models import FaceModel
from openrek.store.transfer.archive import Archive, BadArchive

ConvertVectors: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Unit vectors [n, d] of the old model -> vectors [n, d] of the new one, of any length."""

ROWS_AT_ONCE: Final = 1 << 14
SHORTEST: Final = 0.1
"""Of what is left of a unit vector: int8 has moved that by .008, which is too much of less."""


def converted(archive: Archive, model: FaceModel, convert: ConvertVectors) -> Archive:
    """Return the archive with its vectors converted to `model`. Raises BadArchive for a face of which too little is
    left: it has to be indexed anew."""
    vectors = np.zeros((len(archive), model.dimensions), np.int8)
    scales = np.zeros(len(archive), np.float32)
    for start in range(0, len(archive), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        stored = archive.vectors[rows].astype(np.float64) * archive.scales[rows, None].astype(np.float64)
        found = convert(stored / np.linalg.norm(stored, axis=1, keepdims=True))
        lengths = np.linalg.norm(found, axis=1)
        if (lengths < SHORTEST).any():
            face_id = archive.face_ids[start + int(np.argmin(lengths))].decode()
            raise BadArchive(
                f"Too little is left of the vector of face {face_id} for face model {model.version}; "
                f"delete the face, export again, and index its photo anew."
            )
        vectors[rows], scales[rows] = quantised(found / lengths[:, None])
    version = np.array(model.version.encode(), np.bytes_)
    return replace(archive, face_model_version=version, vectors=vectors, scales=scales)


def quantised(units: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 [n, d] and scales [n] of unit vectors, the same as `openrek.store.log.quantisation` makes."""
    rounded = units.astype(np.float32).astype(np.float64)
    scales = (np.abs(rounded).max(axis=1) / 127.0).astype(np.float32)
    whole = np.rint(rounded / scales[:, None].astype(np.float64))
    return np.clip(whole, -127, 127).astype(np.int8), scales
