"""What is said about the faces of a search or a comparison besides its answer."""

from collections.abc import Sequence

from openrek.domain.faces import DetectedFace
from openrek.domain.ports import Photo
from openrek.domain.quality import quality_reasons

SEARCHED_FACES = "faces searched"


def quality_remarks(photo: Photo, faces: Sequence[DetectedFace], level: str, name: str) -> list[str]:
    """Return a sentence if `faces` of a photo, which were let in without a quality filter (level NONE), hold some that
    AUTO drops; `name` says in the plural which faces they are. Embeds them."""
    if level != "NONE":
        return []
    reasons = [quality_reasons(face, "AUTO", photo.clearness(face)) for face in faces]
    low = [each for each in reasons if each]
    if not low:
        return []
    named = ", ".join(sorted({reason for each in low for reason in each}))
    return [f"Of low quality ({named}): {len(low)} of the {len(faces)} {name}; their matches are less sure."]
