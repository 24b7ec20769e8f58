"""How right the attributes of faces are, and what they cost.

    python -m benchmarks.attributes heads FOLDER [FEATURES.npz]       a folder with labels.csv: 5-fold AUC, calibration
    python -m benchmarks.attributes fairface FOLDER CSV LEAVE_OUT     ages and gender by group, the shipped heads
    python -m benchmarks.attributes labelled FOLDER                   the shipped heads against labels.csv of any folder
    python -m benchmarks.attributes pose FOLDER [MOST]                poses of photos against turned and mirrored copies
    python -m benchmarks.attributes landmarks FOLDER                  eyes against COCO's keypoints, at any depth
    python -m benchmarks.attributes speed PHOTO                       networks and milliseconds of each attribute

`heads` learns as `training.face_heads` does, on four fifths of the rows, and judges only those drawn at random (whose
`sample` is not 0). `fairface` judges photos with an even number, whose age and gender had no part in the
shipped heads; LEAVE_OUT is a folder of photos that had.
"""

import csv
import json
import math
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.attributes import FaceAttributes, Trait
from openrek.domain.faces import DetectedFace
from openrek.vision.faces import sface
from openrek.vision.faces.attributes.heads import INPUTS
from openrek.vision.faces.reader import FacePhoto, FaceReader
from openrek.vision.images.decode import Upright, decode
from openrek.vision.models.sessions import ModelSessions
from training import face_heads
from training.face_features import middle_face

BINS = 10
YOUNGEST_ADULT = 20
TURNS = (-30, -20, -10, 10, 20, 30)
ALL = frozenset(Trait)
LEFT_EYE, RIGHT_EYE, VISIBLE = 1, 2, 2
"""Of COCO's keypoints of a person."""
LEAST_APART_PX = 16
FIELDS = {
    "eyeglasses": "eyeglasses",
    "sunglasses": "sunglasses",
    "beard": "beard",
    "mustache": "mustache",
    "occluded": "face_occluded",
    "mouth_open": "mouth_open",
    "smile": "smile",
    "eyes_open": "eyes_open",
}


def sessions() -> ModelSessions:
    return ModelSessions(Path(sys.prefix) / "share/openrek/weights")


def auc(scores: np.ndarray, right: np.ndarray) -> float:
    """Return the area under the receiver's curve; ties count one half."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positive = int(right.sum())
    return float((ranks[right].sum() - positive * (positive + 1) / 2) / (positive * (len(right) - positive)))


def calibration_error(chances: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error of the confidence in the stated value, in BINS bins of 50 to 100 %."""
    confidence = np.maximum(chances, 1 - chances)
    true = (chances >= 0.5) == right
    bins = np.minimum(((confidence - 0.5) * 2 * BINS).astype(int), BINS - 1)
    gaps = [abs(confidence[bins == at].mean() - true[bins == at].mean()) * (bins == at).mean() for at in set(bins)]
    return float(sum(gaps))


def heads(folder: str, features: str = "") -> None:
    settings = tomllib.loads(face_heads.SETTINGS.read_text("utf-8"))
    rows = face_heads.read(Path(folder), Path(features) if features else None)
    print("| head | rows | yes | AUC | right | calibration error |\n|---|---|---|---|---|---|")
    emotions, sampled, folds = {}, {}, int(settings["settings"]["folds"])
    for name in INPUTS:
        head = settings["heads"][name]
        target = face_heads.chosen(rows.labels, head)
        blocks = face_heads.blocks_of(rows, name, target.rows, settings["says"] | head.get("says", {}))
        if target.is_number:
            continue
        scores = face_heads.held_back(blocks, target, float(head["penalty"]), folds)
        slope, constant = face_heads.logistic(scores, target, head.get("prior"))
        chances = 1 / (1 + np.exp(-(slope * scores + constant)))
        right = target.targets > 0
        judged = target.sampled if head.get("prior") is None else np.ones(len(right), np.bool_)
        if head.get("prior") is not None:
            emotions[name] = (chances, right)
        elif name in FIELDS:
            sampled[name] = [
                (rows.labels[at], ok) for at, ok in zip(target.rows, (chances >= 0.5) == right, strict=True)
            ]
        shown = (judged.sum(), right[judged].sum(), auc(scores[judged], right[judged]))
        true = ((chances >= 0.5) == right)[judged].mean()
        error = calibration_error(chances[judged], right[judged])
        print(f"| {name} | {shown[0]} | {shown[1]} | {shown[2]:.4f} | {true:.3f} | {error:.3f} |")
    _print_emotions(emotions)
    for column in ("race", "age"):
        _print_by(column, sampled)


def _print_by(column: str, sampled: Mapping[str, Sequence[tuple[face_heads.Labels, bool]]]) -> None:
    """Print how many of the faces drawn at random are judged right, by the values of a column."""
    print(f"\n| {column} | {' | '.join(sampled)} |\n|{'---|' * (len(sampled) + 1)}")
    for value in sorted({row[column] for found in sampled.values() for row, _ in found if row[column]}):
        shares = []
        for found in sampled.values():
            right = [ok for row, ok in found if row[column] == value and row["sample"] != "0"]
            shares.append(f"{np.mean(right):.3f} of {len(right)}" if right else "-")
        print(f"| {value} | {' | '.join(shares)} |")


def _print_emotions(found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    kinds = list(found)
    chances = np.stack([found[kind][0] for kind in kinds], axis=1)
    truth = np.stack([found[kind][1] for kind in kinds], axis=1)
    known = truth.any(axis=1)
    first = chances[known].argmax(axis=1)
    recalls = {kind: float((first == at)[truth[known][:, at]].mean()) for at, kind in enumerate(kinds)}
    counts = {kind: int(truth[:, at].sum()) for at, kind in enumerate(kinds)}
    print("\nThe surest emotion is the labelled one, of the six that are learnt:")
    print(", ".join(f"{kind} {recalls[kind]:.2f} of {counts[kind]}" for kind in kinds))
    print(f"mean of the six {np.mean(list(recalls.values())):.3f}")


def _read(folder: Path, names: Sequence[str], asked: frozenset[Trait]) -> Iterator[tuple[str, FaceAttributes]]:
    """Yield the attributes of the middle face of each photo that shows one."""
    reader = FaceReader(sessions(), sface.packs())
    for name in names:
        photo = reader.read((folder / name).read_bytes())
        if photo.faces:
            yield name, photo.attributes(middle_face(photo.faces), asked)


def fairface(folder: str, labels: str, leave_out: str, every: str = "1") -> None:
    mangled = {"03-Sep": "3-9", "Oct-19": "10-19"}
    with open(labels, encoding="utf-8", newline="") as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    left = {path.name for path in Path(leave_out).iterdir()}
    held = [name for name in sorted(rows) if int(Path(name).stem) % 2 == 0 and name not in left]
    held = [name for name in held if (Path(folder) / name).exists()]
    years = tomllib.loads(face_heads.SETTINGS.read_text("utf-8"))["heads"]["age"]["values"]
    found = []
    for name, read in _read(Path(folder), held[:: int(every)], frozenset({Trait.AGE_RANGE, Trait.GENDER})):
        age = mangled.get(rows[name]["age"], rows[name]["age"])
        found.append((age, rows[name]["race"], rows[name]["gender"], read))
    _print_ages([(age, read) for age, _, _, read in found], years)
    _print_genders([row for row in found if years[row[0]] >= YOUNGEST_ADULT])


def _print_ages(found: Sequence[tuple[str, FaceAttributes]], years: Mapping[str, float]) -> None:
    print("| age | faces | mean error, years | mean of signed errors | range covers the age | ranges, years |")
    print("|---|---|---|---|---|---|")
    for group in (*years, "all"):
        rows = [(years[age], read.age_range) for age, read in found if group in (age, "all")]
        if not rows:
            continue
        true = np.array([age for age, _ in rows])
        low, high = (np.array([getattr(span, end) for _, span in rows], float) for end in ("low", "high"))
        error, covered = (low + high) / 2 - true, (low <= true) & (true <= high)
        print(
            f"| {group} | {len(rows)} | {np.abs(error).mean():.1f} | {error.mean():+.1f} | "
            f"{covered.mean():.1%} | {(high - low).mean():.1f} |"
        )


def _print_genders(adults: Sequence[tuple[str, str, str, FaceAttributes]]) -> None:
    print("\n| group, 20 and older | faces | gender as labelled |\n|---|---|---|")
    for race in sorted({row[1] for row in adults}):
        for gender in ("Female", "Male"):
            rows = [read for _, group, label, read in adults if (group, label) == (race, gender)]
            print(f"| {race}, {gender} | {len(rows)} | {np.mean([read.gender.value == gender for read in rows]):.1%} |")
    right = np.array([read.gender.value == label for _, _, label, read in adults])
    chances = np.array([abs((read.gender.value == "Female") - read.gender.confidence / 100) for *_, read in adults])
    error = calibration_error(chances, np.array([label == "Male" for _, _, label, _ in adults]))
    print(f"| all | {len(adults)} | {right.mean():.1%} |\n\ncalibration error of gender {error:.3f}")


def labelled(folder: str) -> None:
    with (Path(folder) / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    found = list(_read(Path(folder), list(rows), ALL))
    print("| attribute | faces | yes | AUC | right | calibration error |\n|---|---|---|---|---|---|")
    for column, field in FIELDS.items():
        said = [(getattr(read, field), _label(rows[name], column)) for name, read in found]
        known = [(each, label == "1") for each, label in said if label in {"0", "1"}]
        chances = np.array([abs((not each.value) - each.confidence / 100) for each, _ in known])
        right = np.array([label for _, label in known])
        if right.any() and not right.all():
            true, error = ((chances >= 0.5) == right).mean(), calibration_error(chances, right)
            print(f"| {column} | {len(right)} | {right.sum()} | {auc(chances, right):.4f} | {true:.3f} | {error:.3f} |")


def _label(row: Mapping[str, str], column: str) -> str:
    """Return a label; sunglasses hide a part of the face too, and the eyes behind them are not judged."""
    if row.get("sunglasses") == "1" and column in {"occluded", "eyes_open"}:
        return "1" if column == "occluded" else ""
    return row.get(column, "")


def pose(folder: str, most: str = "200") -> None:
    reader = FaceReader(sessions(), sface.packs())
    paths = sorted(Path(folder).rglob("*.jpg"))
    found: dict[str, list[float]] = {}
    for path in paths[:: max(1, len(paths) // int(most))]:
        picture = decode(path.read_bytes()).image
        plain = _pose_of(reader, picture)
        if plain is None or abs(plain.yaw) > 45:
            continue
        mirrored = _pose_of(reader, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        if mirrored is not None:
            found.setdefault("mirrored: yaw turns around", []).append(plain.yaw + mirrored.yaw)
            found.setdefault("mirrored: roll turns around", []).append(plain.roll + mirrored.roll)
            found.setdefault("mirrored: pitch stays", []).append(plain.pitch - mirrored.pitch)
        for turn in TURNS:
            turned = _pose_of(reader, picture.rotate(-turn, Image.Resampling.BICUBIC, fillcolor=(127, 127, 127)))
            if turned is not None:
                found.setdefault("turned: roll by as much", []).append(turned.roll - plain.roll - turn)
                found.setdefault("turned: yaw stays", []).append(turned.yaw - plain.yaw)
                found.setdefault("turned: pitch stays", []).append(turned.pitch - plain.pitch)
    print("| what should be 0 degrees | pairs | mean | mean size | 95 % below |\n|---|---|---|---|---|")
    for what, errors in found.items():
        sizes = np.abs(errors)
        print(
            f"| {what} | {len(errors)} | {np.mean(errors):+.1f} | {sizes.mean():.1f} | {np.percentile(sizes, 95):.1f} |"
        )


def _pose_of(reader: FaceReader, picture: Image.Image):
    photo = reader.read_upright(Upright(picture, *picture.size))
    return photo.attributes(middle_face(photo.faces), frozenset({Trait.LANDMARKS})).pose if photo.faces else None


def landmarks(folder: str) -> None:
    reader = FaceReader(sessions(), sface.packs())
    errors: dict[str, list[float]] = {"the mesh's": [], "the detector's five": []}
    for path, people in _annotated(Path(folder)):
        upright = decode(path.read_bytes())
        photo = reader.read_upright(upright)
        for eyes in people:
            face = _face_around(photo, eyes, upright.image.size)
            if face is not None:
                whole = photo.attributes(face, frozenset({Trait.LANDMARKS})).landmarks
                for name, points in zip(errors, (whole, face.landmarks), strict=True):
                    errors[name].append(_eye_error(points, eyes, upright.image.size))
    for name, each in errors.items():
        print(f"{name} eyes: {len(each)} faces, median {np.median(each):.3f}, mean {np.mean(each):.3f} of the distance")


def _annotated(folder: Path) -> Iterator[tuple[Path, list[np.ndarray]]]:
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


def _face_around(photo: FacePhoto, eyes: np.ndarray, size: tuple[int, int]) -> DetectedFace | None:
    places = eyes / size
    for face in photo.faces:
        low, size_of = np.array([face.box.left, face.box.top]), np.array([face.box.width, face.box.height])
        if (places > low).all() and (places < low + size_of).all():
            return face
    return None


def _eye_error(points, eyes: np.ndarray, size: tuple[int, int]) -> float:
    """Return the mean distance of both eyes from those annotated, in distances between the outer corners, some 1.4
    times that between the eyes."""
    found = {point.name: np.array([point.x, point.y]) * size for point in points}
    gaps = [math.dist(found[name], eye) for name, eye in zip(("eyeLeft", "eyeRight"), eyes, strict=True)]
    return float(np.mean(gaps) / (1.4 * math.dist(*eyes)))


class Noting(ModelSessions):
    """Sessions that note which models are asked for, and the CPU time that they take."""

    asked: set[str]
    inference_s: float

    def session(self, name: str) -> "Noted":
        self.asked.add(name)
        return Noted(self, super().session(name))


class Noted:
    """A session, whose runs are timed."""

    def __init__(self, noting: Noting, session: InferenceSession) -> None:
        self._noting, self._session = noting, session

    def run(self, *asked: object) -> list[np.ndarray]:
        start = time.process_time()
        found = self._session.run(*asked)
        self._noting.inference_s += time.process_time() - start
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)


def speed(photo: str) -> None:
    picture = Path(photo).read_bytes()
    noting = Noting(sessions().weights_folder)
    noting.asked, noting.inference_s = set(), 0.0
    reader = FaceReader(noting, sface.packs())
    print("| attribute | networks | CPU-ms a face, the least of 15 | inferences in it |\n|---|---|---|---|")
    for name, asked in ({trait.value: frozenset({trait}) for trait in Trait} | {"ALL": ALL}).items():
        times = []
        for _ in range(15):
            fresh = reader.read(picture)
            noting.asked.clear()
            noting.inference_s = 0.0
            start = time.process_time()
            fresh.attributes(fresh.faces[0], asked)
            times.append((1000 * (time.process_time() - start), 1000 * noting.inference_s))
        whole, inferences = min(times)
        print(f"| {name} | {', '.join(sorted(noting.asked))} | {whole:.1f} | {inferences:.1f} |")
    _whole_call(noting, reader, picture)


def _whole_call(noting: "Noting", reader: FaceReader, picture: bytes) -> None:
    """Print what decoding, the search for faces and all attributes of one face take, by all inferences in it."""
    times = []
    for _ in range(15):
        noting.inference_s = 0.0
        start = time.process_time()
        photo = reader.read(picture)
        photo.attributes(photo.faces[0], ALL)
        times.append((1000 * (time.process_time() - start), 1000 * noting.inference_s))
    whole, inferences = min(times)
    print(f"whole call with ALL: {whole:.1f} CPU-ms, {whole / inferences:.2f} times its inferences")


def main() -> None:
    commands = {each.__name__: each for each in (heads, fairface, labelled, pose, landmarks, speed)}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        raise SystemExit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
