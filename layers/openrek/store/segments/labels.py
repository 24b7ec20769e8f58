"""The faces and users that the rows of a matrix stand for."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openrek.domain.faces import BoundingBox, Face
from openrek.domain.users import User


class RowTexts(Protocol):
    """A text for each row, or None."""

    def __getitem__(self, row: int, /) -> str | None: ...


@dataclass(frozen=True, slots=True)
class RowLabels:
    """The labels of n rows: ids and images uint8 [n, 16], geometry float32 [n, 5], as openrek.store.log.rows writes
    faces and users.
    """

    ids: NDArray[np.uint8]
    images: NDArray[np.uint8]
    geometry: NDArray[np.float32]
    external: RowTexts
    owners: RowTexts

    def face(self, row: int) -> Face:
        """Return the face of a row of kind face."""
        left, top, width, height, confidence = self.geometry[row].tolist()
        return Face(
            UUID(bytes=self.ids[row].tobytes()),
            UUID(bytes=self.images[row].tobytes()),
            self.external[row],
            BoundingBox(left, top, width, height),
            confidence,
            self.owners[row],
        )

    def user(self, row: int) -> User:
        """Return the user of a row of kind user."""
        return User(self.owners[row] or "", int(self.geometry[row, 0]))
