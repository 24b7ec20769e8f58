"""`python -m benchmarks.labels PATH`: how right DetectLabels is, and how fast, on photos annotated as COCO is.

PATH is a folder in which, at any depth, lie `instances_*.json` and the photos that they name. Labels are judged by the
80 classes alone, for the names that these decide: the classes' own labels ("classes") and those with their ancestors
("all"). An ancestor that COCO has no class for in a photo counts as wrong even where it is right (a food that is none
of its ten), so the figures of "all" are too low. Beside it, the same networks the plain way: detector's scores as they
are, one class for the picture, no heads. What faces tell of persons (age, sex, mood) has no part in either.
"""

import argparse
import json
import math
import os
import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from openrek.domain.labels import Label
from openrek.operations.detect_labels import LEAST_INSTANCE_PCT, _all_labels
from openrek.runtime.parts.face_packs import OFFER
from openrek.runtime.parts.pictures import DecodedPicture
from openrek.runtime.settings import Settings
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import Upright, decode
from openrek.vision.labels.networks import OBJECTS
from openrek.vision.labels.objects import CLASSES
from openrek.vision.labels.reader import LabelPhoto, LabelReader
from openrek.vision.labels.vocabulary import table
from openrek.vision.models.picture_classes import PICTURES
from openrek.vision.models.sessions import ModelSessions

THRESHOLDS = (50, 55, 70, 80)
WANTED_PRECISION = 0.85
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, ratios."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """A photo and its objects: class, box, whether it is a crowd; and its size."""

    path: Path
    objects: tuple[tuple[str, Box, bool], ...]
    height_px: int


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said of a photo: how sure, whether it was right."""

    confidence: float
    right: bool


class TiledReader:
    """A label reader that uses tiles always, or never."""

    def __init__(self, reader: LabelReader, tiles: bool) -> None:
        self._reader, self._tiles = reader, tiles

    def read_upright(self, upright: Upright) -> LabelPhoto:
        return self._reader.read_upright(upright, tiles=self._tiles)


def annotated(folder: Path) -> list[Annotated]:
    """Return every annotated photo once, by its name."""
    files = {path.name: path for path in folder.rglob("*.jpg")}
    found: dict[str, Annotated] = {}
    for path in sorted(folder.rglob("instances_*.json")):
        told = json.loads(path.read_text("utf-8"))
        names = {each["id"]: each["name"] for each in told["categories"]}
        objects = defaultdict(list)
        for each in told["annotations"]:
            objects[each["image_id"]].append((names[each["category_id"]], each["bbox"], bool(each["iscrowd"])))
        for image in told["images"]:
            name, wide, high = os.path.basename(image["file_name"]), image["width"], image["height"]
            boxes = tuple(
                (of, (x / wide, y / high, (x + w) / wide, (y + h) / high), crowd)
                for of, (x, y, w, h), crowd in objects[image["id"]]
            )
            if name in files and len(boxes) >= len(found[name].objects if name in found else ()):
                found[name] = Annotated(files[name], boxes, high)
    return [found[name] for name in sorted(found)]


@cache
def decided(*, ancestors: bool) -> frozenset[str]:
    """Return the names that COCO's classes decide."""
    known = table()
    boxes = {*known.label_of_boxes.values(), "Skiing", "Snowboarding"}
    return frozenset(name for name, each in known.evidence.items() if each.objects) if ancestors else frozenset(boxes)


def truth(photo: Annotated, names: frozenset[str]) -> set[str]:
    shown = {of for of, _, _ in photo.objects}
    return {name for name in names if shown & set(table().evidence[name].objects)}


def overlap(one: Box, other: Box) -> float:
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0) * max(down, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / max(sum(areas) - shared, 1e-9)


def boxes_said(photo: Annotated, of: str, boxes: Sequence[tuple[float, Box]]) -> Iterator[Said]:
    """Yield whether each box, the surest first, is a new object of the class; those within crowds do not count."""
    judged = zip(boxes, boxes_right(photo, of, boxes), strict=True)
    return (Said(confidence, right) for (confidence, _), right in judged if right is not None)


def boxes_right(photo: Annotated, of: str, boxes: Sequence[tuple[float, Box]]) -> Iterator[bool | None]:
    """Yield whether each box, the surest first, is a new object of the class; None within a crowd."""
    waiting = [box for name, box, crowd in photo.objects if name == of and not crowd]
    crowds = [box for name, box, crowd in photo.objects if name == of and crowd]
    for _, box in boxes:
        best = max(waiting, key=lambda each: overlap(box, each), default=None)
        if best is not None and overlap(box, best) >= 0.5:
            waiting.remove(best)
            yield True
        else:
            yield None if any(_mostly_within(box, crowd) for crowd in crowds) else False


def _mostly_within(box: Box, crowd: Box) -> bool:
    across, down = min(box[2], crowd[2]) - max(box[0], crowd[0]), min(box[3], crowd[3]) - max(box[1], crowd[1])
    return max(across, 0) * max(down, 0) > 0.5 * (box[2] - box[0]) * (box[3] - box[1])


def recall_at_precision(said: Sequence[Said], total: int) -> float:
    right, best = 0, 0.0
    for count, each in enumerate(sorted(said, key=lambda each: -each.confidence), 1):
        right += each.right
        if right / count >= WANTED_PRECISION:
            best = right / total
    return best


def average_precision(said: Sequence[Said], total: int) -> float:
    """Return the area under precision over recall, precision made to fall (VOC 2010)."""
    order = sorted(said, key=lambda each: -each.confidence)
    right = np.cumsum([each.right for each in order])
    precision = right / np.arange(1, len(order) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(sum(value for value, each in zip(falling, order, strict=True) if each.right) / total) if order else 0.0


def report(title: str, said: Sequence[Said], total: int) -> None:
    recall, area = recall_at_precision(said, total), average_precision(said, total)
    print(f"\n{title}: {total} to be found")
    print(f"  recall at precision {WANTED_PRECISION}: {recall:.3f}; average precision {area:.3f}")
    for least in THRESHOLDS:
        told = [each.right for each in said if each.confidence >= least]
        print(f"  from {least}: precision {sum(told) / max(len(told), 1):.3f}, recall {sum(told) / total:.3f}")


def calibration(title: str, said: Sequence[Said]) -> None:
    """Print of the things said at about some confidence how many were right, with Wilson's interval (95 %)."""
    print(f"\n{title}: said at, right, 95 % interval, number")
    for middle in (55, 65, 75, 80, 85, 95):
        told = [each.right for each in said if abs(each.confidence - middle) <= 5]
        if told:
            n, p, z = len(told), sum(told) / len(told), 1.96
            centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
            low, high = ((centre + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
            print(f"  {middle} +- 5: {100 * p:.0f} % ({100 * low:.0f} to {100 * high:.0f}), {n}")


class Judged:
    """What was said of all photos, one way, and what there was to be found."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.labels: dict[bool, list[Said]] = {False: [], True: []}
        self.totals = {False: 0, True: 0}
        self.boxes: dict[str, list[Said]] = defaultdict(list)
        self.things: dict[str, int] = defaultdict(int)
        self.per_photo: list[int] = []
        self.counts: list[tuple[int, int]] = []

    def add(self, photo: Annotated, said: dict[str, float], boxes: dict[str, list[tuple[float, Box]]]) -> None:
        for ancestors in (False, True):
            names = decided(ancestors=ancestors)
            right = truth(photo, names)
            self.totals[ancestors] += len(right)
            self.labels[ancestors] += [Said(said[name], name in right) for name in names & said.keys()]
        for of in CLASSES:
            self.things[of] += sum(1 for name, _, crowd in photo.objects if name == of and not crowd)
            self.boxes[of] += boxes_said(photo, of, boxes.get(of, []))
        self.per_photo.append(sum(confidence >= 55 for confidence in said.values()))
        if not any(name == "person" and (crowd or box[3] - box[1] < 40 / photo.height_px)
                   for name, box, crowd in photo.objects):  # fmt: skip
            there = sum(name == "person" for name, _, _ in photo.objects)
            told = sum(confidence >= LEAST_INSTANCE_PCT for confidence, _ in boxes.get("person", []))
            self.counts.append((there, told))

    def print(self) -> None:
        print(f"\n== {self.title}: {len(self.per_photo)} photos, {np.mean(self.per_photo):.1f} labels a photo from 55")
        report("labels, classes", self.labels[False], self.totals[False])
        report("labels, all", self.labels[True], self.totals[True])
        boxes = [each for of in CLASSES for each in self.boxes[of]]
        report("boxes", boxes, sum(self.things.values()))
        means = [average_precision(self.boxes[of], self.things[of]) for of in CLASSES if self.things[of]]
        print(f"  mAP50 {np.mean(means):.3f} over {len(means)} classes")
        right = [there == told for there, told in self.counts if there]
        near = [abs(there - told) <= 1 for there, told in self.counts if there]
        counted, within = np.mean(right), np.mean(near)
        print(f"  photos with persons, all of 40 px and more: {len(right)}; counted right in {counted:.2f} of them,")
        print(f"  within one in {within:.2f}")
        calibration("labels, classes", self.labels[False])
        calibration("labels, all", self.labels[True])
        calibration("boxes", boxes)


def judged(photos: Sequence[Annotated], faces: FaceReader, labels: LabelReader, *, tiles: bool) -> Judged:
    result = Judged("with tiles" if tiles else "without tiles")
    reader = TiledReader(labels, tiles)
    class_of = {name: of for of, name in table().label_of_boxes.items()}
    for photo in photos:
        picture = DecodedPicture(decode(photo.path.read_bytes()), lambda: faces, lambda: reader)  # type: ignore[arg-type, return-value]
        found = _all_labels(picture, picture.labels(), persons=False)
        result.add(photo, {label.name: label.confidence for label in found}, _boxes(found, class_of))
    return result


def _boxes(found: Sequence[Label], class_of: dict[str, str]) -> dict[str, list[tuple[float, Box]]]:
    return {
        class_of[label.name]: [
            (
                each.confidence,
                (each.box.left, each.box.top, each.box.left + each.box.width, each.box.top + each.box.height),
            )
            for each in label.instances
        ]
        for label in found
        if label.name in class_of
    }


def plainly(photos: Sequence[Annotated], labels: LabelReader) -> Judged:
    """Judge the same networks as tutorials run them."""
    result = Judged("the plain way")
    known = table()
    for photo in photos:
        picture = cv2.imread(str(photo.path))[:, :, ::-1]
        scores = plain_boxes(labels, picture)
        said = {}
        for name, evidence in known.evidence.items():
            best = max((scores[of][0][0] for of in evidence.objects if scores.get(of)), default=0.0)
            if best:
                said[name] = 100 * best
        chance, number = plain_class(labels, picture)
        for name, evidence in known.evidence.items():
            if number in evidence.pictures:
                said[name] = max(said.get(name, 0.0), 100 * chance)
        result.add(photo, said, {of: [(100 * score, box) for score, box in boxes] for of, boxes in scores.items()})
    return result


def plain_boxes(labels: LabelReader, picture: np.ndarray) -> dict[str, list[tuple[float, Box]]]:
    feed = {"image": _plain(cv2.resize(picture, (416, 416), interpolation=cv2.INTER_CUBIC)),
            "scale_factor": np.ones((1, 2), np.float32)}  # fmt: skip
    scores, boxes = labels.sessions.session(OBJECTS).run(["concat_4.tmp_0", "tmp_17"], feed)
    found = {}
    for index, of in enumerate(CLASSES):
        corners = boxes[0] / 416
        sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        kept = np.asarray(cv2.dnn.NMSBoxes(sides.tolist(), scores[0][index].tolist(), 0.08, 0.6)).reshape(-1)
        found[of] = [(float(scores[0][index][place]), tuple(corners[place].tolist())) for place in kept]
    return found


def plain_class(labels: LabelReader, picture: np.ndarray) -> tuple[float, int]:
    height, width = picture.shape[:2]
    scale = 256 / min(height, width)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)))
    top, left = (small.shape[0] - 224) // 2, (small.shape[1] - 224) // 2
    chances = labels.sessions.session(PICTURES).run(
        ["softmax_1.tmp_0"], {"x": _plain(small[top : top + 224, left : left + 224])}
    )[0]
    return float(chances.max()), int(chances.argmax())


def _plain(pixels: np.ndarray) -> np.ndarray:
    normal = (pixels.astype(np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return np.ascontiguousarray(normal.astype(np.float32).transpose(2, 0, 1)[None])


def timed(photos: Sequence[Annotated], faces: FaceReader, labels: LabelReader, *, tiles: bool) -> None:
    """Print the CPU time of a photo, and how it compares with the inferences alone."""
    whole, bare = [], []
    for photo in photos:
        content = photo.path.read_bytes()
        start = time.process_time()
        picture = DecodedPicture(decode(content), lambda: faces, lambda: TiledReader(labels, tiles))  # type: ignore[arg-type, return-value]
        seen = picture.labels()
        _all_labels(picture, seen, persons=False)
        whole.append(time.process_time() - start)
        bare.append(_bare_s(decode(content), faces, labels, seen, tiles=tiles))
    ratio = sum(whole) / sum(bare)
    print(f"  {'with' if tiles else 'without'} tiles: {1000 * np.median(whole):.0f} CPU-ms a photo (median), "
          f"{ratio:.2f} times its inferences")  # fmt: skip


def _bare_s(upright: Upright, faces: FaceReader, labels: LabelReader, seen: LabelPhoto, *, tiles: bool) -> float:
    """Return the CPU time of the same inferences on tensors that are ready, in seconds."""
    square = np.zeros((1, 3, 416, 416), np.float32)
    views = np.zeros((2 + len(seen._telling(seen._sightings)), 3, 224, 224), np.float32)
    start = time.process_time()
    faces.read_upright(upright)
    for _ in range(5 if tiles else 1):
        feed = {"image": square, "scale_factor": np.ones((1, 2), np.float32)}
        labels.sessions.session(OBJECTS).run(None, feed)
    labels.sessions.session(PICTURES).run(None, {"x": views})
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--photos", type=int, default=10_000, help="at most so many, evenly chosen")
    parser.add_argument("--timed", type=int, default=40, help="photos to measure the time on")
    asked = parser.parse_args()
    photos = annotated(asked.path)
    photos = photos[:: max(1, len(photos) // asked.photos)][: asked.photos]
    sessions = ModelSessions(Settings.of(os.environ).weights)
    faces, labels = OFFER.reader(sessions), LabelReader(sessions)
    for result in (
        judged(photos, faces, labels, tiles=False),
        judged(photos, faces, labels, tiles=True),
        plainly(photos, labels),
    ):
        result.print()
    print(f"\n== time, of {min(len(photos), asked.timed)} photos, one thread")
    for tiles in (False, True):
        timed(photos[: asked.timed], faces, labels, tiles=tiles)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
