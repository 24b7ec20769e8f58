"""Pictures that hide their faces from the search until they are treated: very dark or pale ones, and printed dots.

They are treated only where the search saw no face surely, and a look at some thousand pixels says that they are of such
a kind: no ordinary photo pays for them.

* Dark and pale: nearly all pixels lie in a third of the scale. Stretched to all of it (each colour, without the darkest
  and the brightest 0.5 %), faces are found as in the photo before it was darkened, and match as before.
* Dots: a scan of black-and-white print, of which a search at 1280 px takes too few samples (see `resample`). Averaged
  to that size first, it shows its greys.
"""

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image, ImageOps

from openrek.vision.faces.detect import Detections, searched_size
from openrek.vision.faces.tiles import detect_in_tiles
from openrek.vision.faces.turned import SURE_SCORE, detect_every_way

LARGEST_SPREAD = 85
"""Of 255: the brightness of all but the extreme 0.5 % on either side, in a dark or pale picture."""

CUTOFF_PCT = 0.5
SAMPLE_PX = 256
LEAST_STEP = 24
"""Of 255: the mean difference of neighbouring pixels of printed dots; photos have less than 12, noisy ones too."""


def detect_anywhere(session: InferenceSession, image: Image.Image) -> tuple[Image.Image, Detections]:
    """Detect the faces of an RGB picture in every way that may show them.

    Return also the picture in which they are seen, of the same size: the given one, or that stretched.
    """
    found = detect_every_way(session, image)
    if not _is_sure(found):
        if is_flat(image):
            stretched = ImageOps.autocontrast(image, cutoff=CUTOFF_PCT)
            seen = detect_every_way(session, stretched)
            if _best(seen) > _best(found):
                image, found = stretched, seen
        elif is_dotted(image):
            found = _better(found, _averaged(session, image))
    return image, detect_in_tiles(session, image, found)


def is_flat(image: Image.Image) -> bool:
    """Return True if the brightness of nearly all pixels of an RGB picture lies in a third of the scale."""
    sample = image.resize((min(image.width, SAMPLE_PX), min(image.height, SAMPLE_PX)), Image.Resampling.NEAREST)
    darkest, brightest = np.percentile(np.asarray(sample.convert("L")), (CUTOFF_PCT, 100 - CUTOFF_PCT))
    return bool(0 < brightest - darkest <= LARGEST_SPREAD)


def is_dotted(image: Image.Image) -> bool:
    """Return True if an RGB picture, which the search makes smaller by less than two, has the grain of print."""
    if not 1 < max(image.size) / max(searched_size(image.size)) < 2:
        return False
    left, top = (max(side - SAMPLE_PX, 0) // 2 for side in image.size)
    sample = image.crop((left, top, min(left + SAMPLE_PX, image.width), min(top + SAMPLE_PX, image.height)))
    luma = np.asarray(sample.convert("L"), np.float32)
    return bool(np.abs(np.diff(luma, axis=1)).mean() >= LEAST_STEP)


def _averaged(session: InferenceSession, image: Image.Image) -> Detections:
    """Detect the faces of the picture averaged to the size of a search, in pixels of `image`."""
    size = searched_size(image.size)
    seen = detect_every_way(session, image.resize(size, Image.Resampling.BOX))
    zoom = np.divide(image.size, size, dtype=np.float32)
    return Detections(seen.boxes * np.tile(zoom, 2), seen.scores, seen.points * zoom, seen.heights)


def _better(found: Detections, other: Detections) -> Detections:
    return other if _best(other) > _best(found) else found


def _best(found: Detections) -> float:
    return float(found.scores.max(initial=0))


def _is_sure(found: Detections) -> bool:
    return _best(found) >= SURE_SCORE
