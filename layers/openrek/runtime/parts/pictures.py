"""Photos that several readers look at: decoded once, and each reader made when it is first needed."""

from collections.abc import Callable

from openrek.vision.faces.reader import FacePhoto, FaceReader
from openrek.vision.images.decode import Upright, decode
from openrek.vision.labels.reader import LabelPhoto, LabelReader


class DecodedPictures:
    """The Pictures port over the face reader and the label reader."""

    def __init__(self, faces: Callable[[], FaceReader], labels: Callable[[], LabelReader]) -> None:
        self._faces = faces
        self._labels = labels

    def open(self, image: bytes) -> "DecodedPicture":
        """Decode an image. Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small)."""
        return DecodedPicture(decode(image), self._faces, self._labels)


class DecodedPicture:
    """The OpenPicture port."""

    def __init__(self, upright: Upright, faces: Callable[[], FaceReader], labels: Callable[[], LabelReader]) -> None:
        self._upright = upright
        self._faces = faces
        self._labels = labels

    def faces(self) -> FacePhoto:
        return self._faces().read_upright(self._upright)

    def labels(self) -> LabelPhoto:
        return self._labels().read_upright(self._upright)
