"""The networks of nudity as their makers fed them: golden outputs, and what is harmless."""

import io
from pathlib import Path

import pytest
from PIL import Image

from openrek.vision.models.sessions import ModelSessions
from openrek.vision.moderation.networks import NSFWJS, OPEN_NSFW, styles, unsafe
from openrek.vision.moderation.reader import ModerationReader


@pytest.fixture(scope="module")
def sessions(weights_folder: Path) -> ModelSessions:
    return ModelSessions(weights_folder)


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "obama.jpg", "chelsea.png"])
def test_ordinary_photos_are_safe_to_both(sessions: ModelSessions, photos: dict[str, bytes], name: str) -> None:
    picture = Image.open(io.BytesIO(photos[name])).convert("RGB")
    assert unsafe(sessions.session(OPEN_NSFW), picture) < 0.2
    found = styles(sessions.session(NSFWJS), picture)
    assert found.porn + found.hentai + found.sexy < 0.2
    total = found.drawing + found.hentai + found.neutral + found.porn + found.sexy
    assert total == pytest.approx(1, abs=1e-4)


def test_no_session_is_opened_before_a_picture_comes(weights_folder: Path, photos: dict[str, bytes]) -> None:
    sessions = ModelSessions(weights_folder)
    reader = ModerationReader(sessions)
    assert sessions._open == {}
    reader.moderate(photos["coffee.png"])
    assert set(sessions._open) == {OPEN_NSFW, NSFWJS, "pplcnet"}
