"""Time for a photo, next to the plain way: OpenCV's FaceDetectorYN + FaceRecognizerSF on the untouched graphs.

    python benchmarks/pipeline.py [--rounds 15] [--opencv5]

Both get the same decoded pixels, the same detector input size and one thread each, and detect, align and embed every
face. The engines take turns, and the figure is the least CPU time of all rounds, because other work on the machine only
ever adds to it. openrek also searches a second time for large faces, looks closer at small ones and measures pose and
quality; OpenCV does not. "Bare inferences" are all of openrek's model runs of a call, on tensors made before. For each
picture a line says if the aims are met.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from openrek.vision.faces import detect, second_look, sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import decode
from openrek.vision.models import build_weights
from openrek.vision.models.sessions import ModelSessions
from tests.support import photos as photo_packages
from tests.support.originals import originals

LEAST_TIMES_OPENCV, MOST_TIMES_BARE = 1.5, 1.3
OPENCV5 = "opencv-python-headless==5.0.0.93"
WEIGHTS = Path(sys.prefix) / "share/openrek/weights"


class PlainOpenCv:
    """The baseline: detect + align + embed as OpenCV's own samples do it."""

    def __init__(self, threads: int) -> None:
        cv2.setNumThreads(threads)
        graphs = originals()
        self._detector = cv2.FaceDetectorYN.create(str(graphs / "yunet-2023mar.onnx"), "", (320, 320), 0.7, 0.3, 5000)
        self._embedder = cv2.FaceRecognizerSF.create(str(graphs / "sface-2021dec.onnx"), "")

    def __call__(self, bgr: Any, size: tuple[int, int]) -> int:
        small = bgr if bgr.shape[1::-1] == size else cv2.resize(bgr, size)
        self._detector.setInputSize(size)
        found = self._detector.detect(small)[1]
        faces = np.zeros((0, 15), np.float32) if found is None else found
        for face in faces:
            scaled = face.copy()
            scaled[:14] *= bgr.shape[1] / size[0]
            self._embedder.feature(self._embedder.alignCrop(bgr, scaled))
        return len(faces)


def pictures() -> dict[str, bytes]:
    """Return portraits as they are, a group of eight at full HD, and photos of 8 and 12 megapixels.

    Those of 8 are read whole, those of 12 at half size.
    """
    photos = photo_packages.load()
    portraits = [Image.open(io.BytesIO(photos[name])).convert("RGB") for name in ("obama.jpg", "biden.jpg")]
    group = Image.new("RGB", (1920, 1080), "grey")
    for place in range(8):
        portrait = portraits[place % 2].resize((300, 375))
        group.paste(portrait, (place % 4 * 470 + 60, place // 4 * 520 + 80))
    portrait = Image.open(io.BytesIO(photos["obama3.jpg"])).convert("RGB")
    return {
        "512x512 portrait": photos["astronaut.png"],
        "910x1137 portrait": photos["obama.jpg"],
        "1434x2333 portrait": photos["obama3.jpg"],
        "1920x1080, 8 faces": jpeg(group),
        "2448x3264 portrait": jpeg(portrait.resize((2448, 3264))),
        "3024x4032 portrait": jpeg(portrait.resize((3024, 4032))),
    }


def jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()


def cpu_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def wall_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def least(works: dict[str, Callable[[], object]], rounds: int, clock: Callable[..., float]) -> dict[str, float]:
    """Return the least of `rounds` turns of each, in turns; two turns to warm up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 2):
        for name, work in works.items():
            times[name].append(clock(work))
    return {name: min(turns[2:]) for name, turns in times.items()}


def parts(reader: FaceReader, plain: PlainOpenCv, image: bytes) -> dict[str, Callable[[], object]]:
    """Return the functions that are timed for one picture."""
    upright = decode(image)
    bgr = np.ascontiguousarray(np.asarray(upright.image)[:, :, ::-1])
    size = detect.searched_size(upright.image.size)
    photo = reader.read_upright(upright)
    tensors = [*detect.tensors(upright.image)[:2]]
    crop = np.zeros((1, 3, 112, 112), np.float32)
    yunet, embedder = reader.session("yunet"), reader.session("sface")
    found = detect.detect(yunet, upright.image)
    look = np.zeros((1, 3, second_look.LOOK_PX, second_look.LOOK_PX), np.float32)
    tensors += [look for face in zip(found.heights, found.scores, strict=True) if not second_look.is_close(*face)]

    def detect_and_embed() -> None:
        found = reader.read_upright(upright)
        for face in found.faces:
            found.embed(face)

    def bare() -> None:
        for tensor in tensors:
            yunet.run(None, {"input": tensor})
        for _ in photo.faces:
            embedder.run(None, {"data": crop})

    return {
        "decode": lambda: decode(image),
        "detect": lambda: reader.read_upright(upright),
        "embed": lambda: [photo.raw(face) for face in photo.faces],
        "call": detect_and_embed,
        "bare": bare,
        "opencv": lambda: plain(bgr, size),
    }


def clients(reader: FaceReader, image: bytes, count: int, calls: int) -> float:
    """Return images per second with `count` threads that read and embed at the same time."""

    def call(_: int) -> None:
        photo = reader.read(image)
        for face in photo.faces:
            photo.embed(face)

    with ThreadPoolExecutor(count) as pool:
        return calls / (wall_ms(lambda: list(pool.map(call, range(calls)))) / 1000)


def peak_mb(engine: str, image: bytes) -> dict[str, float]:
    """Return the peak resident memory of a new process that reads `image` three times, and of one that imports only."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(image)
        file.flush()
        done = subprocess.run(
            [sys.executable, __file__, "--child", engine, file.name], capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout.splitlines()[-1])


def resident_peak_mb() -> float:
    """Return Linux's VmHWM: unlike ru_maxrss it starts anew with the program."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def child(engine: str, path: str) -> None:
    image = Path(path).read_bytes()
    imported = resident_peak_mb()
    if engine == "openrek":
        clients(FaceReader(ModelSessions(WEIGHTS), sface.packs()), image, 1, 3)
    else:
        upright = decode(image)
        bgr = np.ascontiguousarray(np.asarray(upright.image)[:, :, ::-1])
        plain = PlainOpenCv(1)
        for _ in range(3):
            plain(bgr, detect.searched_size(upright.image.size))
    print(json.dumps({"imported": imported, "peak": resident_peak_mb()}))


def row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def header(*cells: str) -> None:
    print()
    row(*cells)
    row(*["---"] * len(cells))


def verdict(name: str, faster: float, overhead: float) -> str:
    """Compare with the aims."""
    than_opencv = "met" if faster >= LEAST_TIMES_OPENCV else "NOT met"
    than_bare = "met" if overhead <= MOST_TIMES_BARE else "NOT met"
    return (
        f"- {name}: {faster:.2f} times as fast as OpenCV ({than_opencv}: {LEAST_TIMES_OPENCV}), "
        f"{overhead:.2f} of the bare inferences ({than_bare}: {MOST_TIMES_BARE})"
    )


def report(rounds: int) -> None:
    build_weights.build(WEIGHTS, print)
    images = pictures()
    print(f"\nOpenCV {cv2.__version__}, CPU time of one thread in ms, least of {rounds} rounds")
    reader, plain = FaceReader(ModelSessions(WEIGHTS), sface.packs()), PlainOpenCv(1)
    header(
        "picture", "OpenCV / openrek", "call / bare inferences", "call", "OpenCV", "bare", "decode", "detect", "embed"
    )
    verdicts = []
    for name, image in images.items():
        ms = least(parts(reader, plain, image), rounds, cpu_ms)
        verdicts.append(verdict(name, ms["opencv"] / ms["call"], ms["call"] / ms["bare"]))
        row(name, ms["opencv"] / ms["call"], ms["call"] / ms["bare"], *(ms[part] for part in
            ("call", "opencv", "bare", "decode", "detect", "embed")))  # fmt: skip
    print("\n" + "\n".join(verdicts))

    reader, plain = FaceReader(ModelSessions(WEIGHTS, 2), sface.packs()), PlainOpenCv(2)
    header("picture, two threads, wall time", "OpenCV / openrek", "call", "OpenCV", "whole call with decoding")
    for name, image in images.items():
        works = parts(reader, plain, image)
        ms = least({part: works[part] for part in ("decode", "call", "opencv")}, rounds, wall_ms)
        row(name, ms["opencv"] / ms["call"], ms["call"], ms["opencv"], ms["decode"] + ms["call"])

    reader = FaceReader(ModelSessions(WEIGHTS), sface.packs())
    header("clients (threads)", "images/s, 910x1137 portrait, decoding included")
    for count in (1, 2, 4, 8):
        row(count, max(clients(reader, images["910x1137 portrait"], count, 24) for _ in range(2)))

    header("picture", "openrek peak MB", "OpenCV peak MB (decoded by Pillow too)", "after imports MB")
    for name in ("910x1137 portrait", "3024x4032 portrait"):
        ours, theirs = peak_mb("openrek", images[name]), peak_mb("opencv", images[name])
        row(name, ours["peak"], theirs["peak"], ours["imported"])


def with_opencv5(rounds: int) -> None:
    """Run the same report with OpenCV 5 from a throw-away folder in front of the installed one."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
        subprocess.run([*pip, OPENCV5], check=True)
        again = [sys.executable, __file__, "--rounds", str(rounds)]
        subprocess.run(again, env={**os.environ, "PYTHONPATH": folder}, check=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--opencv5", action="store_true", help="report OpenCV 5 too")
    arguments.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        child(*given.child)
        return
    report(given.rounds)
    if given.opencv5:
        with_opencv5(given.rounds)


if __name__ == "__main__":
    main()
