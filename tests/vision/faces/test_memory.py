"""The largest and oddest pictures, read for faces in a process of their own: its memory stays bounded."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openrek.domain.errors import InvalidParameter
from openrek.vision.faces.reader import FaceReader

READ = """
import pathlib, sys
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.sessions import ModelSessions
def mb(what):
    return int(pathlib.Path("/proc/self/status").read_text().split(what + ":")[1].split()[0]) * 1024 / 1e6
reader = FaceReader(ModelSessions(pathlib.Path(sys.argv[1])), sface.packs())
for model in ("yunet", "sface"):
    reader.session(model)
image, before = pathlib.Path(sys.argv[2]).read_bytes(), mb("VmRSS")
faces = reader.read(image).faces
print(mb("VmHWM") - before, len(faces))
"""
PICTURE_MB, SEARCH_MB = 64, 220
"""What a decoded picture takes at most, and what a search at 1280 x 1280 px takes beside it."""


def noise(size: tuple[int, int]) -> bytes:
    """A grey JPEG of noise, the same in each block of 1000 rows."""
    width, height = size
    rows = np.random.default_rng(1).integers(0, 256, (min(height, 1000), width), np.uint8)
    picture = Image.new("L", size)
    for top in range(0, height, len(rows)):
        picture.paste(Image.fromarray(rows), (0, top))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=5)
    return out.getvalue()


@pytest.mark.parametrize("size", [(9999, 9999), (20_000, 80), (80, 20_000), (3999, 3999)])
def test_the_memory_of_noise_is_bounded(tmp_path: Path, weights_folder: Path, size: tuple[int, int]) -> None:
    (tmp_path / "noise.jpg").write_bytes(noise(size))

    command = [sys.executable, "-c", READ, str(weights_folder), str(tmp_path / "noise.jpg")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    grown_mb, faces = map(float, done.stdout.split())
    assert grown_mb < PICTURE_MB + SEARCH_MB
    assert faces <= 100


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_a_line_is_refused(reader: FaceReader, size: tuple[int, int]) -> None:
    with pytest.raises(InvalidParameter):
        reader.read(noise(size))
