"""Portraits of the tests, turned: the share that is found, that matches its own upright photo, and that matches other
people.

    python -m benchmarks.faces.turned_heads
"""

import io
import sys
from itertools import combinations
from pathlib import Path

from PIL import Image

from openrek.domain.faces import Embedding, cosine
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import Upright
from openrek.vision.models.sessions import ModelSessions
from tests.support import photos as photo_packages

PEOPLE = {
    "obama.jpg": 1,
    "obama2.jpg": 1,
    "obama3.jpg": 1,
    "obama_partial_face.jpg": 1,
    "obama_partial_face2.jpg": 1,
    "32bit.png": 1,
    "biden.jpg": 2,
    "astronaut.png": 3,
}
TURNS_DEG = (60, 75, 90, 105, 120, 150, 180, 210, 240, 270, 285, 300)
THRESHOLD_PCT = 80.0


def embedded(reader: FaceReader, picture: Image.Image) -> "Embedding | None":
    """Return the embedding of the largest face."""
    photo = reader.read_upright(Upright(picture, *picture.size))
    return photo.embed(photo.faces[0]).embedding if photo.faces else None


def main() -> None:
    reader = FaceReader(ModelSessions(Path(sys.prefix) / "share/openrek/weights"), sface.packs())
    photos = photo_packages.load()
    upright, turned = [], []
    own = 0
    for name, person in PEOPLE.items():
        picture = Image.open(io.BytesIO(photos[name])).convert("RGB")
        straight = embedded(reader, picture)
        assert straight is not None
        upright.append((person, straight))
        for turn in TURNS_DEG:
            found = embedded(
                reader, picture.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=(99, 99, 99))
            )
            if found is not None:
                turned.append((person, found))
                own += reader.model.similarity_pct(cosine(found, straight)) >= THRESHOLD_PCT
    wrong = [
        one != other and reader.model.similarity_pct(cosine(first, second)) >= THRESHOLD_PCT
        for (one, first), (other, second) in [*combinations(turned, 2), *((a, b) for a in turned for b in upright)]
    ]
    print(f"{len(turned)} of {len(PEOPLE) * len(TURNS_DEG)} found; {own} match their own upright photo;")
    print(f"{sum(wrong)} pairs of different people match, turned with turned or turned with upright.")


if __name__ == "__main__":
    main()
