"""`python -m benchmarks.equipment PATH`: how often DetectProtectiveEquipment sees a mask where there is one.

PATH has `annotations/*.xml` and `images/*.png`, as the Face Mask Detection data set of Kaggle has them. Of the photos
in the order of their names every fifth counts: those had no part in learning the heads. The whole way is gone: decode,
find persons and faces, look at each. A face of the set of 20 px and more is found where one that
was detected has its middle there and half of its width or more.
"""

import re
import sys
import time
from collections import Counter
from pathlib import Path

from openrek.domain.faces import BoundingBox
from openrek.runtime.parts.face_packs import OFFER
from openrek.runtime.settings import default_weights
from openrek.vision.equipment import covers
from openrek.vision.equipment.reader import LEAST_PERSON_PCT
from openrek.vision.images.decode import decode
from openrek.vision.labels.reader import LabelReader
from openrek.vision.models.picture_classes import PICTURES
from openrek.vision.models.sessions import ModelSessions

LEAST_PX = 20
FIELDS = re.compile(
    r"<name>(\w+)</name>.*?<xmin>(\d+)</xmin>\s*<ymin>(\d+)</ymin>\s*<xmax>(\d+)</xmax>\s*<ymax>(\d+)</ymax>", re.DOTALL
)


def truth(annotation: str) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Return the kind and the corners, in pixels, of each face that is large enough."""
    found = [(kind, (int(x0), int(y0), int(x1), int(y1))) for kind, x0, y0, x1, y1 in FIELDS.findall(annotation)]
    return [(kind, box) for kind, box in found if box[3] - box[1] >= LEAST_PX]


def main(path: str) -> None:
    folder = Path(path)
    sessions = ModelSessions(default_weights())
    faces = OFFER.reader(sessions)
    told: Counter[tuple[str, str]] = Counter()
    persons_of_photos = photos = 0
    began_s = time.process_time()
    labels = LabelReader(sessions)
    for annotation in sorted(folder.glob("annotations/*.xml"))[::5]:
        upright = decode((folder / "images" / f"{annotation.stem}.png").read_bytes())
        width, height = upright.image.size
        boxes = [face.box for face in faces.read_upright(upright).faces]
        found = labels.read_upright(upright).persons()
        persons_of_photos += any(sure >= LEAST_PERSON_PCT for _, sure in found)
        photos += 1
        for kind, corners in truth(annotation.read_text("utf-8")):
            near = [box for box in boxes if _same(box, corners, width, height)]
            if not near:
                told[kind, "no face"] += 1
                continue
            ((cover, _),) = covers.covers_of(sessions.session(PICTURES), upright.image, near[:1])
            told[kind, "no cover" if cover is None else "worn right" if cover.covers else "worn wrongly"] += 1
    took_ms = 1000 * (time.process_time() - began_s) / max(photos, 1)
    print(f"{photos} photos, {took_ms:.0f} CPU-ms each; a person in {persons_of_photos}")
    for kind in sorted({kind for kind, _ in told}):
        row = {what: count for (each, what), count in sorted(told.items()) if each == kind}
        print(f"{kind}: {sum(row.values())} faces: {row}")


def _same(box: BoundingBox, corners: tuple[int, int, int, int], width: int, height: int) -> bool:
    x, y = (box.left + box.width / 2) * width, (box.top + box.height / 2) * height
    inside = corners[0] <= x <= corners[2] and corners[1] <= y <= corners[3]
    return inside and box.width * width >= (corners[2] - corners[0]) / 2


if __name__ == "__main__":
    main(sys.argv[1])
