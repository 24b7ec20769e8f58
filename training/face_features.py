"""What the networks say of the faces of a folder: the blocks of numbers that heads are learnt from."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openrek.domain.faces import DetectedFace
from openrek.vision.faces import sface
from openrek.vision.faces.attributes.signals import BLOCKS, Signals
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import decode
from openrek.vision.models.sessions import ModelSessions


@dataclass(frozen=True, slots=True)
class Features:
    """The files that show a face, and the numbers [n, d] of each block, a row for each."""

    files: tuple[str, ...]
    blocks: Mapping[str, NDArray[np.float32]]


def features_of(folder: Path, files: Sequence[str], kept: Path | None) -> Features:
    """Return the features of the photos of a folder; of the .npz `kept`, where it has them all."""
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as stored:
            if stored["asked"].tolist() == list(files):
                return Features(tuple(stored["files"].tolist()), {block: stored[block] for block in BLOCKS})
    found = _read(folder, files)
    if kept is not None:
        np.savez(kept, asked=np.array(files), files=np.array(found.files), **found.blocks)
    return found


def middle_face(faces: Sequence[DetectedFace]) -> DetectedFace:
    """Return the face that a photo is of: a large one near the middle."""
    return min(faces, key=lambda face: _from_middle(face) - face.box.height / 2)


def _from_middle(face: DetectedFace) -> float:
    return abs(complex(face.box.left + face.box.width / 2 - 0.5, face.box.top + face.box.height / 2 - 0.5))


def _read(folder: Path, files: Sequence[str]) -> Features:
    sessions = ModelSessions(Path(sys.prefix) / "share/openrek/weights")
    reader = FaceReader(sessions, sface.packs())
    names, rows = [], []
    for name in files:
        upright = decode((folder / name).read_bytes())
        faces = reader.read_upright(upright).faces
        if faces:
            signals = Signals(sessions.session, upright.image, middle_face(faces))
            names.append(name)
            rows.append({block: signals.numbers(block) for block in BLOCKS})
    return Features(tuple(names), {block: np.stack([row[block] for row in rows]) for block in BLOCKS})
