"""An owner's label pack as it runs: a tower makes a vector of a picture, and the labels near it are said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort
from PIL import Image

from openrek.domain.faces import float32
from openrek.domain.labels import Label
from openrek.vision.images.arrays import Floats
from openrek.vision.labels.pack_files import (
    MOST_ROW_BYTES,
    ROW,
    LabelPackError,
    PackLabels,
    PackRow,
    Tower,
    bounded,
    checked,
    read_labels,
    read_row,
)
from openrek.vision.models.sessions import ModelSessions

MOST_SAID: Final = 300
"""Labels of one picture, the surest."""
_TOWER: Final = "tower"
_RESAMPLING: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}
_UNUSABLE: Final = (ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.InvalidProtobuf, ort.NotImplemented)
"""What onnxruntime raises for a graph that it cannot open or run."""


class LabelPack:
    """The pack in a folder; safe for many threads."""

    def __init__(self, row: PackRow, labels: PackLabels, sessions: ModelSessions) -> None:
        self.row = row
        self.labels = labels
        self._sessions = sessions

    def said(self, image: Image.Image, least_pct: float, most_pct: float) -> Sequence[Label]:
        """Return the labels of an upright picture, RGB, from `least_pct` on, and none surer than `most_pct`."""
        vector = self._vector(image)
        logits = self.row.temperature * (self.labels.vectors @ vector - self.labels.thresholds)
        told = 100 / (1 + np.exp(-np.clip(logits, -30, 30)))
        surest = np.argsort(-told, kind="stable")[:MOST_SAID]
        return [
            Label(self.labels.entries[place], float32(min(float(told[place]), most_pct)))
            for place in surest
            if told[place] >= least_pct
        ]

    def _vector(self, image: Image.Image) -> Floats:
        """Return the tower's vector [d] of a picture, of unit length."""
        tower = self.row.tower
        (told,) = self._session().run([tower.output], {tower.input: _tensor(image, tower)})
        vector: Floats = np.asarray(told, np.float32).reshape(-1)
        return vector / max(float(np.linalg.norm(vector)), 1e-9)

    def _session(self) -> onnxruntime.InferenceSession:
        return self._sessions.session(_TOWER)

    def require_fit(self) -> None:
        """Run the tower once on a grey picture. Raises LabelPackError unless its vectors go with the matrix."""
        tower = self.row.tower
        try:
            vector = self._vector(Image.new("RGB", (tower.size_px, tower.size_px), "grey"))
        except (*_UNUSABLE, ValueError) as error:
            raise LabelPackError(
                f"The tower of the label pack {self.row.name} cannot be run: {str(error)[:200]}."
            ) from error
        if vector.shape != self.labels.vectors.shape[1:] or not np.isfinite(vector).all():
            raise LabelPackError(
                f"The tower of the label pack {self.row.name} makes {vector.size} numbers of a picture; "
                f"its matrix has {self.labels.vectors.shape[1]} in a row."
            )


def open_pack(folder: Path, threads: int) -> LabelPack:
    """Open a pack: every hash is checked, and the tower runs once. Raises LabelPackError."""
    row = read_row(bounded(folder / ROW, MOST_ROW_BYTES))
    labels = read_labels(folder, row)
    sessions = ModelSessions(folder, threads, load=lambda where, _: checked(where, row.graph))
    pack = LabelPack(row, labels, sessions)
    pack.require_fit()
    return pack


def _tensor(image: Image.Image, tower: Tower) -> Floats:
    """Return the picture as the tower reads it, float32 [1, 3, H, W] or [1, H, W, 3]."""
    width, height = image.size
    side = min(width, height) if tower.fit == "crop" else 0
    part = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    box = part if side else (0, 0, width, height)
    square = image.resize((tower.size_px, tower.size_px), _RESAMPLING[tower.resampling], box, reducing_gap=3.0)
    pixels = (np.asarray(square, np.float32) / 255 - np.array(tower.mean, np.float32)) / np.array(tower.std, np.float32)
    if tower.channels == "BGR":
        pixels = pixels[:, :, ::-1]
    if tower.layout == "NCHW":
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels, np.float32)[None]
