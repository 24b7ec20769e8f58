"""Folders of pictures that a label is learnt from: which of them can be read, and the feature of each."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.errors import Refusal
from openrek.runtime.cli.photo_files import UnreadablePhoto, find_photos, read_found
from openrek.vision.images.decode import decode
from openrek.vision.labels.own_labels import FEATURES, LEAST_PICTURES, MOST_PICTURES
from openrek.vision.models.picture_classes import PICTURES, impressions, middle
from openrek.vision.models.sessions import ModelSessions

OnUnreadable = Callable[[Path, str], None]
TOGETHER: Final = 8
"""Pictures that go through the network at once."""


class PicturesError(Exception):
    """Nothing can be learnt from these pictures; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """The features float64 [n, 1280] of the pictures of a folder, each once, and the sha256 of each file."""

    features: NDArray[np.float64]
    digests: tuple[bytes, ...]


def pictures_of(folder: Path, sessions: ModelSessions, on_unreadable: OnUnreadable) -> FolderPictures:
    """Read every JPEG and PNG below a folder; copies of one file count once. Raises PicturesError, WeightsError."""
    paths = list(find_photos(folder, lambda error: on_unreadable(folder, error.strerror or "cannot be read")))
    if len(paths) > MOST_PICTURES:
        raise PicturesError(f"There are {len(paths)} pictures in {folder}; {MOST_PICTURES} are the most.")
    digests: dict[bytes, None] = {}
    squares, features = [], []
    for path in paths:
        try:
            content = read_found(path)
            digest = hashlib.sha256(content).digest()
            if digest in digests:
                continue
            image = decode(content).image
        except Refusal as refusal:
            on_unreadable(path, refusal.reason or str(refusal))
            continue
        except (OSError, UnreadablePhoto, MemoryError) as error:
            on_unreadable(path, getattr(error, "strerror", None) or str(error) or "too large")
            continue
        digests[digest] = None
        squares.append(middle(image, (0, 0, *image.size)))
        if len(squares) == TOGETHER:
            features += [look.feature for look in impressions(sessions.session(PICTURES), squares)]
            squares.clear()
    features += [look.feature for look in impressions(sessions.session(PICTURES), squares)]
    rows = np.array(features, np.float64).reshape(len(features), FEATURES)
    return FolderPictures(rows, tuple(digests))


def require_enough(folder: Path, pictures: FolderPictures) -> None:
    """Raise PicturesError where there are too few pictures of the label."""
    count = len(pictures.digests)
    if count == 0:
        raise PicturesError(f"There is no picture in {folder} that can be read: JPEG and PNG are.")
    if count < LEAST_PICTURES:
        raise PicturesError(
            f"{folder} has {count} different {'pictures' if count > 1 else 'picture'} that can be read; "
            f"a label needs {LEAST_PICTURES}."
        )


def require_apart(shows: FolderPictures, shows_not: Sequence[bytes]) -> None:
    """Raise PicturesError where a picture both shows the label and does not."""
    both = len(set(shows.digests) & set(shows_not))
    if both:
        raise PicturesError(f"{both} of the pictures are in both folders, so they show the label and do not.")
