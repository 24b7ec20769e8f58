"""The face models that this deployment offers, and the reader over their packs: decided here, and handed to all others.

The models alone need only the standard library, so that functions without a photo load no numpy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from openrek.domain.models import SFACE, SFACE_7_1, FaceModel, FaceModels

if TYPE_CHECKING:
    from openrek.store.transfer.conversion import ConvertVectors
    from openrek.vision.faces.reader import FaceReader
    from openrek.vision.models.sessions import ModelSessions

MakeReader: TypeAlias = "Callable[[ModelSessions], FaceReader]"
"""`make(sessions)`: the reader for all of the models."""


FindConversion: TypeAlias = "Callable[[FaceModel, FaceModel], ConvertVectors | None]"
"""`find(old, new)`: how vectors of a model become those of another without the photos; None if they cannot."""


@dataclass(frozen=True, slots=True)
class FaceOffer:
    """Face models, the newest first, how a reader for all of them is made, and which become which."""

    models: FaceModels
    reader: MakeReader
    conversion: FindConversion


def _sface_reader(sessions: "ModelSessions") -> "FaceReader":
    from openrek.vision.faces import sface
    from openrek.vision.faces.reader import FaceReader

    return FaceReader(sessions, sface.packs())


def _sface_conversion(old: FaceModel, new: FaceModel) -> "ConvertVectors | None":
    from openrek.vision.faces import sface
    from openrek.vision.faces.packs import conversion

    packs = {pack.model.version: pack for pack in sface.packs()}
    return conversion(packs[old.version], packs[new.version])


OFFER = FaceOffer(FaceModels((SFACE_7_1, SFACE)), _sface_reader, _sface_conversion)
