"""A demonstration of the whole job, with stock boto3: `make demo`.

Starts a server of its own on a free port over an empty folder, indexes photos of three people, then searches each face
of a picture that it has never seen, and draws the matches.
"""

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from PIL import Image, ImageEnhance, ImageOps
from rich.console import Console
from rich.progress import track
from rich.table import Table

from openrek.runtime.cli.annotate import Mark, annotate
from tests.support import photos as photo_packages

COLLECTION = "people"
KNOWN = ("astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama_partial_face.jpg")
OUT = Path("demo-out")


@contextmanager
def server(folder: str) -> Iterator[str]:
    """Yield the URL of `openrek serve` on a free port; the server is stopped at the end."""
    command = [sys.executable, "-m", "openrek.runtime.cli.main", "serve", "--port", "0", "--data", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        line = process.stdout.readline() if process.stdout else ""
        if "http://" not in line:
            sys.exit("The server did not start.")
        yield line[line.index("http://") :].split()[0]
    finally:
        process.terminate()
        process.wait()


def unseen(photos: dict[str, bytes]) -> bytes:
    """Return a picture of two people: another photo of the one, and a mirrored and darkened photo of the other."""
    left = Image.open(io.BytesIO(photos["obama3.jpg"])).convert("RGB")
    right = ImageOps.mirror(Image.open(io.BytesIO(photos["astronaut.png"])).convert("RGB"))
    right = ImageEnhance.Brightness(right).enhance(0.75)
    height = 600
    parts = [part.resize((round(part.width * height / part.height), height)) for part in (left, right)]
    picture = Image.new("RGB", (sum(part.width for part in parts), height))
    picture.paste(parts[0], (0, 0))
    picture.paste(parts[1], (parts[0].width, 0))
    return jpeg(picture)


def jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def around(image: bytes, box: dict[str, float]) -> bytes:
    """Return the face with some room around it as a photo of its own: SearchFacesByImage searches one face a photo."""
    with Image.open(io.BytesIO(image)) as photo:
        width, height = photo.size
        left, top = box["Left"] - box["Width"] * 0.6, box["Top"] - box["Height"] * 0.6
        right, bottom = box["Left"] + box["Width"] * 1.6, box["Top"] + box["Height"] * 1.6
        edges = (max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom))
        crop = (edges[0] * width, edges[1] * height, edges[2] * width, edges[3] * height)
        return jpeg(photo.crop(tuple(round(edge) for edge in crop)))


def main() -> None:
    console = Console()
    photos = photo_packages.load()
    with tempfile.TemporaryDirectory() as folder, server(folder) as url:
        console.print(f"A server of our own: {url}")
        rekognition = boto3.client(
            "rekognition",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",  # noqa: S106
        )
        rekognition.create_collection(CollectionId=COLLECTION)
        for name in track(KNOWN, f"Indexing {len(KNOWN)} photos", console=console):
            rekognition.index_faces(CollectionId=COLLECTION, Image={"Bytes": photos[name]}, ExternalImageId=name)

        image = unseen(photos)
        console.print("\nSearching each face of a picture that the collection has never seen:\n")
        table = Table("Face", "Match", "Similarity", "ms", box=None, pad_edge=False, padding=(0, 3, 0, 0))
        marks = []
        for number, face in enumerate(rekognition.detect_faces(Image={"Bytes": image})["FaceDetails"], start=1):
            started = time.perf_counter()
            found = rekognition.search_faces_by_image(
                CollectionId=COLLECTION, Image={"Bytes": around(image, face["BoundingBox"])}
            )["FaceMatches"]
            took_ms = (time.perf_counter() - started) * 1000
            for rank, match in enumerate(found):
                cells = (f"{number}", f"{took_ms:.0f}") if rank == 0 else ("", "")
                table.add_row(cells[0], match["Face"]["ExternalImageId"], f"{match['Similarity']:.2f}", cells[1])
            marks.append(mark(face, found))
        console.print(table)

    OUT.mkdir(exist_ok=True)
    annotate(image, marks).save(OUT / "found.jpg", quality=92)
    console.print(f"\nThe picture with boxes, landmarks and similarity: {OUT / 'found.jpg'}")


def mark(face: dict, found: list[dict]) -> Mark:
    box = face["BoundingBox"]
    best = f"{found[0]['Face']['ExternalImageId']}  {found[0]['Similarity']:.1f} %" if found else "no match"
    return Mark(
        (box["Left"], box["Top"], box["Width"], box["Height"]),
        [(point["X"], point["Y"]) for point in face["Landmarks"]],
        best,
        matched=bool(found),
    )


if __name__ == "__main__":
    main()
