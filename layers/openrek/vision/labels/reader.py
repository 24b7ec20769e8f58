"""The label reader: what an upright picture shows, and its colours. Networks run when something asks for them."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from PIL import Image

from openrek.domain.errors import ImageTooLarge
from openrek.domain.faces import BoundingBox
from openrek.domain.labels import DominantColor, Label, PictureProperties, Vocabulary
from openrek.vision.images.decode import Upright
from openrek.vision.labels import evidence, foreground, own_labels
from openrek.vision.labels.additions import Additions, FindAdditions, no_additions
from openrek.vision.labels.colors import Canvas
from openrek.vision.labels.networks import OBJECTS
from openrek.vision.labels.objects import TILES_FROM_PX, Sighting, sightings
from openrek.vision.labels.vocabulary import table
from openrek.vision.models.picture_classes import PICTURES, Part, impressions, mean_impression, middle, squeezed
from openrek.vision.models.sessions import ModelSessions

LARGEST_SIDE_PX: Final = 10_000
MOST_CROPS: Final = 5
_CROP_FROM_PCT: Final = 60.0
_CROP_FROM_PX: Final = 48
_SUBJECT_FROM_PCT: Final = 50.0
_MANY_COLORS: Final = 20
_PERSON: Final = "person"
"""ImageNet knows three kinds of persons, which are not worth a look at every one."""


class LabelReader:
    """The label networks over the sessions of models; safe for many threads."""

    def __init__(self, sessions: ModelSessions, additions: FindAdditions = no_additions) -> None:
        """Make a reader; sessions open when something is asked of a photo.

        `additions` is called once for each photo that is asked for labels.
        """
        self.sessions = sessions
        self._additions = additions

    def read_upright(self, upright: Upright, *, tiles: bool | None = None) -> "LabelPhoto":
        """Return a decoded photo, to be asked for labels.

        `tiles`: look closer for small objects; unless it is given, where the photo is large enough.
        Raises ImageTooLarge.
        """
        width_px, height_px = upright.width_px, upright.height_px
        if max(width_px, height_px) > LARGEST_SIDE_PX:
            raise ImageTooLarge(
                f"Input image dimensions {width_px} x {height_px} exceed maximum dimension size of "
                f"{LARGEST_SIDE_PX} pixels"
            )
        closer = max(width_px, height_px) >= TILES_FROM_PX if tiles is None else tiles
        return LabelPhoto(self.sessions, upright.image, closer, self._additions)


class LabelPhoto:
    """The LabelPhoto port: one photo, for one request; what was measured once is kept."""

    def __init__(self, sessions: ModelSessions, image: Image.Image, tiles: bool, additions: FindAdditions) -> None:
        self._sessions = sessions
        self._image = image
        self._tiles = tiles
        self._find_additions = additions

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return self._additions.vocabulary()

    @property
    def remarks(self) -> Sequence[str]:
        return self._additions.remarks

    def labels(self) -> Sequence[Label]:
        """Return what each kind of evidence says. Names may come several times, and ancestors are left out."""
        seen = self._sightings
        found = evidence.from_objects(seen)
        views = [middle(self._image, (0, 0, *self._image.size)), squeezed(self._image)]
        telling = self._telling(seen)
        crops = [middle(self._image, self._around(sighting.box)) for sighting in telling]
        looks = impressions(self._sessions.session(PICTURES), views + crops)
        whole = mean_impression(looks[: len(views)])
        found += evidence.from_impression(whole)
        found += own_labels.said(self._additions.own, whole.feature, evidence.LEAST_PCT, evidence.MOST_PCT)
        if self._additions.pack is not None:
            found += self._additions.pack.said(self._image, evidence.LEAST_PCT, evidence.MOST_PCT)
        for look, sighting in zip(looks[len(views) :], telling, strict=True):
            found += evidence.from_crop(look, sighting)
        return found + evidence.from_colors(self._canvas.colors_in(BoundingBox(0, 0, 1, 1), _MANY_COLORS))

    def persons(self) -> list[tuple[BoundingBox, float]]:
        """Return the boxes of persons, each with its confidence, 0..100; only the detector of objects runs."""
        return [(seen.box, seen.confidence) for seen in self._sightings if seen.coco_class == _PERSON]

    def properties(self, most_colors: int) -> PictureProperties:
        """Measure quality and colours; the foreground is what lies within the boxes of objects.

        With the pack `foreground` it is what that says, pixel by pixel.
        """
        if foreground.is_built(self._sessions):
            heat = foreground.heat(self._sessions.session(foreground.SUBJECTS), self._image)
            return self._canvas.properties(heat, most_colors)
        subjects = [sighting.box for sighting in self._sightings if sighting.confidence >= _SUBJECT_FROM_PCT]
        return self._canvas.properties(subjects, most_colors)

    def colors(self, box: BoundingBox, most_colors: int) -> tuple[DominantColor, ...]:
        """Return the dominant colours within a box."""
        return self._canvas.colors_in(box, most_colors)

    @cached_property
    def _sightings(self) -> list[Sighting]:
        return sightings(self._sessions.session(OBJECTS), self._image, tiles=self._tiles)

    @cached_property
    def _additions(self) -> Additions:
        return self._find_additions()

    @cached_property
    def _canvas(self) -> Canvas:
        return Canvas(self._image)

    def _telling(self, seen: Sequence[Sighting]) -> list[Sighting]:
        """Return the objects whose crop may tell more than their class does, the largest first."""
        known = table()
        width, height = self._image.size
        telling = [
            sighting
            for sighting in seen
            if sighting.confidence >= _CROP_FROM_PCT
            and sighting.coco_class != _PERSON
            and known.below.get(known.label_of_boxes.get(sighting.coco_class, ""))
            and min(sighting.box.width * width, sighting.box.height * height) >= _CROP_FROM_PX
        ]
        return sorted(telling, key=lambda sighting: -sighting.box.area)[:MOST_CROPS]

    def _around(self, box: BoundingBox) -> Part:
        """Return the part of the picture around a box, a tenth larger on each side, in pixels."""
        width, height = self._image.size
        across, down = box.width * 0.1, box.height * 0.1
        return (
            max(0.0, box.left - across) * width,
            max(0.0, box.top - down) * height,
            min(1.0, box.left + box.width + across) * width,
            min(1.0, box.top + box.height + down) * height,
        )
