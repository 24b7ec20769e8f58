"""Photos that several readers look at: decoded once, and each reader made when it is first needed."""

from collections.abc import Callable

from openrek.domain.equipment import EquippedPerson
from openrek.vision.equipment.reader import EquipmentReader
from openrek.vision.faces.reader import FacePhoto, FaceReader
from openrek.vision.images.decode import Upright, decode
from openrek.vision.labels.reader import LabelPhoto, LabelReader


class DecodedPictures:
    """The Pictures port over the readers of faces, labels and equipment."""

    def __init__(
        self,
        faces: Callable[[], FaceReader],
        labels: Callable[[], LabelReader],
        equipment: Callable[[], EquipmentReader],
    ) -> None:
        self._readers = faces, labels, equipment

    def open(self, image: bytes, sides_px: tuple[int, int] | None = None) -> "DecodedPicture":
        """Decode an image. Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small)."""
        upright = decode(image) if sides_px is None else decode(image, sides_px[1], sides_px[0])
        return DecodedPicture(upright, *self._readers)


class DecodedPicture:
    """The OpenPicture port."""

    def __init__(
        self,
        upright: Upright,
        faces: Callable[[], FaceReader],
        labels: Callable[[], LabelReader],
        equipment: Callable[[], EquipmentReader],
    ) -> None:
        self._upright = upright
        self._faces = faces
        self._labels = labels
        self._equipment = equipment

    def faces(self) -> FacePhoto:
        return self._faces().read_upright(self._upright)

    def labels(self) -> LabelPhoto:
        return self._labels().read_upright(self._upright)

    def persons(self) -> list[EquippedPerson]:
        persons = self.labels().persons()
        faces = [(face.box, face.confidence) for face in self.faces().faces]
        return self._equipment().persons(self._upright.image, persons, faces)
