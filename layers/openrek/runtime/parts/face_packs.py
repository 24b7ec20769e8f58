"""The face models that this deployment offers, and the reader over their packs: decided here, and handed to all others.

The models alone need only the standard library, so that functions without a photo load no numpy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from openrek.domain.models import SFACE, FaceModels

if TYPE_CHECKING:
    from openrek.vision.faces.reader import FaceReader

MakeReader: TypeAlias = "Callable[[Path, int], FaceReader]"
"""`make(weights_folder, threads)`: the reader for all of the models."""


@dataclass(frozen=True, slots=True)
class FaceOffer:
    """Face models, the newest first, and how a reader for all of them is made."""

    models: FaceModels
    reader: MakeReader


def _sface_reader(weights_folder: Path, threads: int) -> "FaceReader":
    from openrek.vision.faces import sface
    from openrek.vision.faces.reader import FaceReader

    return FaceReader(weights_folder, sface.packs(), threads)


OFFER = FaceOffer(FaceModels((SFACE,)), _sface_reader)
