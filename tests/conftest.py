"""What most tests need: the built model files, the face pipeline over them, and real photographs."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from openrek.store.search import build_row_scan
from openrek.store.search.row_scan import fastest_scan, numpy_scan
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models import build_weights
from openrek.vision.models.sessions import ModelSessions
from tests.support import photos as photo_packages

# No test judges the machine: a busy one may take its time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def weights_folder() -> Path:
    """Where the model files are; built on first use, like `openrek weights` does."""
    folder = Path(sys.prefix) / "share/openrek/weights"
    build_weights.build(folder, print)
    return folder


@pytest.fixture(scope="session")
def row_scan() -> None:
    """The search kernel in C, built if it is missing, like `openrek kernel` does."""
    build_row_scan.build(print)
    fastest_scan.cache_clear()
    assert fastest_scan() is not numpy_scan


@pytest.fixture(scope="session")
def reader(weights_folder: Path) -> FaceReader:
    return FaceReader(ModelSessions(weights_folder), sface.packs())


@pytest.fixture(scope="session")
def photos() -> dict[str, bytes]:
    """File name -> bytes: obama.jpg obama2.jpg obama3.jpg obama_partial_face{,2}.jpg 32bit.png (one man), biden.jpg,
    astronaut.png (a woman), and chelsea.png (a cat), coffee.png, rocket.jpg without a face."""
    return photo_packages.load()
