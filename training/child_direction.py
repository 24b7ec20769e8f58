"""`python -m training.child_direction SOURCE ABOUT PART`: learns the direction of children's faces as a learnt part.

SOURCE is a folder of photos, with folders in it or without: the largest face of each .jpg and .png counts; or a .npy of
vectors of such faces, float [n, 128] or [128]. ABOUT is a TOML file with the words of the part's header. PART has the
array `direction` [128]: the mean of the unit vectors, which whoever reads it normalises.

The same source gives the same bytes: unit vectors are rounded to 1/65536, so that their sum is exact in any order.
"""

import sys
import tomllib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.errors import Refusal
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.learnt_parts import Provenance, encode
from openrek.vision.models.sessions import ModelSessions

STEPS: Final = 65536.0
SHORTEST_MEAN: Final = 0.05
"""Of unit vectors: the mean of as many as 400 that have nothing in common is as long as that."""

SUFFIXES: Final = (".jpg", ".jpeg", ".png")


class NoDirection(Exception):
    """No direction can be learnt from the source; the text is one sentence."""


def learn(vectors: NDArray[np.float64], about: Path) -> bytes:
    """Return the bytes of the part from vectors [n, d] of any length. Raises NoDirection."""
    provenance = Provenance(**tomllib.loads(about.read_text("utf-8")))
    return encode(provenance, (), {"direction": mean_direction(vectors)})


def mean_direction(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the vectors' directions as a unit vector [d], the same for any order. Raises NoDirection."""
    if vectors.ndim != 2 or not len(vectors) or not np.isfinite(vectors).all():
        raise NoDirection(f"The vectors have the shape {list(vectors.shape)}, or are not finite.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not lengths.all():
        raise NoDirection("A vector has no direction: it is all zeros.")
    mean = np.rint(vectors / lengths * STEPS).sum(axis=0) / (STEPS * len(vectors))
    length = float(np.sqrt((mean * mean).sum()))
    if length < SHORTEST_MEAN:
        raise NoDirection("The faces have no direction in common.")
    direction: NDArray[np.float64] = mean / length
    return direction


def vectors_of(source: Path, weights_folder: Path) -> NDArray[np.float64]:
    """Return the raw vectors [n, 128] of a folder's photos, or those in a file. Raises NoDirection."""
    dimensions = sface.NETWORKS.model.dimensions
    if source.is_file():
        found = np.atleast_2d(np.load(source, allow_pickle=False).astype(np.float64))
        if found.shape[-1] != dimensions:
            raise NoDirection(f"The vectors in {source} have {found.shape[-1]} numbers; faces have {dimensions}.")
        return found
    reader = FaceReader(ModelSessions(weights_folder), [sface.NETWORKS])
    vectors = []
    for path in sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES):
        try:
            photo = reader.read(path.read_bytes())
        except Refusal as refusal:
            raise NoDirection(f"The photo {path} cannot be read: {refusal.reason or refusal}") from None
        if photo.faces:
            vectors.append(photo.raw(photo.faces[0]))
    if not vectors:
        raise NoDirection(f"No photo in {source} shows a face.")
    return np.stack(vectors)


def main(source: str, about: str, part: str) -> None:
    try:
        made = learn(vectors_of(Path(source), Path(sys.prefix) / "share/openrek/weights"), Path(about))
    except (NoDirection, OSError, ValueError, TypeError) as error:
        sys.exit(f"{error}")
    Path(part).write_bytes(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
