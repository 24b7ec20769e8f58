"""The moderation reader: what a picture shows that some people should not see."""

from typing import Final

import numpy as np

from openrek.vision.images.decode import decode
from openrek.vision.models.picture_classes import PICTURES, impressions, middle, squeezed
from openrek.vision.models.sessions import ModelSessions
from openrek.vision.moderation import evidence
from openrek.vision.moderation.networks import NSFWJS, OPEN_NSFW, styles, unsafe

LARGEST_SIDE_PX: Final = 10_000


class ModerationReader:
    """The Moderator port over the sessions of models; safe for many threads."""

    def __init__(self, sessions: ModelSessions) -> None:
        """Make a reader; sessions open at the first picture."""
        self._sessions = sessions

    def moderate(self, image: bytes) -> dict[str, float]:
        """Return the labels of an image and their confidences.

        Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small); WeightsError.
        """
        picture = decode(image, LARGEST_SIDE_PX).image
        views = [middle(picture, (0, 0, *picture.size)), squeezed(picture)]
        looks = impressions(self._sessions.session(PICTURES), views)
        probabilities = np.mean([look.probabilities for look in looks], axis=0)
        style = styles(self._sessions.session(NSFWJS), picture)
        seen = unsafe(self._sessions.session(OPEN_NSFW), picture)
        return evidence.labels(seen, style, probabilities)
