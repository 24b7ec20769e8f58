"""Photos through the pipeline of the server: one face of each, embedded once.

Embeddings stay in the memory of this process: nothing here writes or prints them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openrek.domain.errors import Refusal
from openrek.domain.faces import DetectedFace, Embedding, largest
from openrek.runtime.evaluation.pipeline import Pipeline, most_central

Load = Callable[[Path], bytes]
"""Reads a file as it would be sent to the server. Raises OSError or BadPhoto."""


Choose = Callable[[Sequence[DetectedFace]], DetectedFace]
"""Picks one of the faces of a photo, of which there is one at least."""


class BadPhoto(Exception):
    """The photo cannot be sent; the text says why in a few words."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A photo that cannot be read, and why, in a few words."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Portraits:
    """The embeddings that were found, float64 [n, dimensions] of unit length, the place of each among the paths, [n],
    and the photos that gave none.
    """

    vectors: NDArray[np.float64]
    places: NDArray[np.intp]
    without_face: tuple[Path, ...]
    unreadable: tuple[Fault, ...]


def portraits(
    paths: Sequence[Path],
    load: Load,
    pipeline: Pipeline,
    choose: Choose,
    threads: int,
    on_progress: Callable[[], object],
) -> Portraits:
    """Read every photo, `threads` at once; `on_progress` is called after each. Raises WeightsError."""
    vectors: list[Embedding] = []
    places: list[int] = []
    without_face: list[Path] = []
    unreadable: list[Fault] = []
    for place, found in enumerate(_each(paths, load, pipeline, choose, threads)):
        if isinstance(found, Fault):
            unreadable.append(found)
        elif found is None:
            without_face.append(paths[place])
        else:
            places.append(place)
            vectors.append(found)
        on_progress()
    rows = np.array(vectors, np.float64).reshape(len(vectors), pipeline.model.dimensions)
    return Portraits(rows, np.array(places, np.intp), tuple(without_face), tuple(unreadable))


def _each(
    paths: Sequence[Path], load: Load, pipeline: Pipeline, choose: Choose, threads: int
) -> Iterator["Embedding | Fault | None"]:
    """Yield what each photo gave, in order. When the caller stops reading, no further photo is begun."""
    pool = ThreadPoolExecutor(threads, "openrek-evaluate")
    try:
        yield from pool.map(lambda path: portrait(path, load, pipeline, choose), paths)
    finally:
        pool.shutdown(cancel_futures=True)


def portrait(path: Path, load: Load, pipeline: Pipeline, choose: Choose) -> "Embedding | Fault | None":
    """Return the embedding of the photo's face, None when there is no face. Raises WeightsError."""
    try:
        photo = pipeline.read(load(path))
    except OSError as error:
        return Fault(path, error.strerror or "cannot be read")
    except BadPhoto as error:
        return Fault(path, str(error))
    except Refusal as refusal:
        return Fault(path, refusal.reason or str(refusal))
    except MemoryError:
        return Fault(path, "too large for the memory of this machine")
    return pipeline.embed(photo, choose(photo.faces)) if photo.faces else None


FACES: Mapping[str, Choose] = {"largest": largest, "central": most_central}
"""The largest is what CompareFaces takes; the pictures of LFW show their person in the middle."""
