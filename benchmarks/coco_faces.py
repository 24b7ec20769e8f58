"""Eyes of people in photos that are annotated as COCO's persons are."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

LEFT_EYE, RIGHT_EYE, VISIBLE = 1, 2, 2
LEAST_APART_PX = 16


def annotated(folder: Path) -> Iterator[tuple[Path, list[np.ndarray]]]:
    """Yield each photo with the eyes [2, 2] of its people who show both, the viewer's left one first, in pixels."""
    photos = {path.name: path for path in sorted(folder.rglob("*.jpg"))}
    eyes: dict[str, list[np.ndarray]] = {}
    for file in sorted(folder.rglob("person_keypoints_*.json")):
        annotations = json.loads(file.read_text("utf-8"))
        names = {image["id"]: image["file_name"] for image in annotations["images"]}
        for person in annotations["annotations"]:
            points = np.array(person["keypoints"], float).reshape(-1, 3)[[LEFT_EYE, RIGHT_EYE]]
            apart = np.linalg.norm(points[0, :2] - points[1, :2])
            if (points[:, 2] == VISIBLE).all() and apart >= LEAST_APART_PX:
                eyes.setdefault(names[person["image_id"]], []).append(points[np.argsort(points[:, 0]), :2])
    yield from ((photos[name], found) for name, found in sorted(eyes.items()) if name in photos)
