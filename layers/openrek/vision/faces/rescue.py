"""Pictures that hide their faces from the search until they are treated: very dark or pale ones, and printed dots.

A look at some thousand pixels says whether they are of such a kind: no ordinary photo pays for them.

* Dark and pale: nearly all pixels lie in a third of the scale. Stretched to all of it (each colour, without the darkest
  and the brightest 0.5 %), faces are found as in the photo before it was darkened. Those that are found without that
  match worse: with a cosine of .49 instead of .98 for a portrait in a tenth of its light.
* Dots: a scan of black-and-white print in which no face was surely seen. A search at 1280 px takes too few samples of
  it (see `resample`). Averaged to that size first, it shows its greys.
"""

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image, ImageOps

from openrek.vision.faces.detect import Detections, searched_size
from openrek.vision.faces.tiles import detect_in_tiles
from openrek.vision.faces.turned import SURE_SCORE, detect_every_way

LEAST_SPREAD, LARGEST_SPREAD = 5, 85
"""Of 255: the brightness of all but the extreme 0.5 % on either side, in a dark or pale picture; with less it shows
nothing.
"""

CUTOFF_PCT = 0.5
SAMPLE_PX = 128
LEAST_STEP = 24
"""Of 255: the mean difference of neighbouring pixels of printed dots; photos have less than 12, noisy ones too."""


def detect_anywhere(session: InferenceSession, image: Image.Image) -> tuple[Image.Image, Detections]:
    """Detect the faces of an RGB picture in every way that may show them.

    Return also the picture in which they are seen, of the same size: the given one, or that stretched.
    """
    if is_flat(image):
        stretched = ImageOps.autocontrast(image, cutoff=CUTOFF_PCT)
        found = detect_in_tiles(session, stretched, detect_every_way(session, stretched))
        if found.scores.size:
            return stretched, found
    found = detect_every_way(session, image)
    if _best(found) < SURE_SCORE and is_dotted(image):
        averaged = _averaged(session, image)
        found = averaged if _best(averaged) > _best(found) else found
    return image, detect_in_tiles(session, image, found)


def is_flat(image: Image.Image) -> bool:
    """Return True if the brightness of nearly all pixels of an RGB picture lies in a third of the scale."""
    sample = image.resize((min(image.width, SAMPLE_PX), min(image.height, SAMPLE_PX)), Image.Resampling.NEAREST)
    darkest, brightest = np.percentile(np.asarray(sample.convert("L")), (CUTOFF_PCT, 100 - CUTOFF_PCT))
    return bool(LEAST_SPREAD <= brightest - darkest <= LARGEST_SPREAD)


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


def _best(found: Detections) -> float:
    return float(found.scores.max(initial=0))
