"""The mesh is found where a face is, and looked for again where a box is a poor one."""

from pathlib import Path

import numpy as np
import pytest

from openrek.vision.faces.attributes.mesh import LEAST_PRESENCE, mesh_of
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import decode
from openrek.vision.models.sessions import ModelSessions


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", "astronaut.png"])
@pytest.mark.parametrize("aside", [-0.35, 0.35])
def test_a_second_look_finds_a_face_that_is_aside(
    face_reader: FaceReader, weights_folder: Path, photos: dict[str, bytes], name: str, aside: float
) -> None:
    upright = decode(photos[name])
    (face,) = face_reader.read_upright(upright).faces
    session = ModelSessions(weights_folder).session("face-mesh")
    size = np.tile(np.array(upright.image.size, np.float32), 2)
    box = np.array([face.box.left, face.box.top, face.box.width, face.box.height], np.float32) * size
    loose = np.array([box[0] + (aside - 0.25) * box[2], box[1] - 0.25 * box[3], 1.5 * box[2], 1.5 * box[3]], np.float32)

    well = mesh_of(session, upright.image, box, 0.0)
    found = mesh_of(session, upright.image, loose, 0.0)

    assert found.presence >= LEAST_PRESENCE
    eyes = float(np.linalg.norm(well.at(33) - well.at(263)))
    assert np.linalg.norm(well.points[:, :2] - found.points[:, :2], axis=1).mean() < 0.15 * eyes
