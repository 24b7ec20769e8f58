"""What is said about the faces of a search or a comparison besides its answer."""

from collections.abc import Sequence

from openrek.domain.faces import DetectedFace
from openrek.domain.models import FaceModel
from openrek.domain.ports import Photo
from openrek.domain.quality import quality_reasons

SEARCHED = "searched"


def search_remarks(photo: Photo, faces: Sequence[DetectedFace], level: str, model: FaceModel) -> list[str]:
    """Return what is said of the faces of a photo that were searched. Embeds them."""
    return [*quality_remarks(photo, faces, level, SEARCHED), *child_remarks(photo, faces, model, SEARCHED)]


def quality_remarks(photo: Photo, faces: Sequence[DetectedFace], level: str, which: str) -> list[str]:
    """Return a sentence if `faces` of a photo, which were let in without a quality filter (level NONE), hold some that
    AUTO drops; `which` says which faces they are: "searched", "of the source". Embeds them."""
    if level != "NONE":
        return []
    reasons = [quality_reasons(face, "AUTO", photo.clearness(face)) for face in faces]
    low = [each for each in reasons if each]
    if not low:
        return []
    named = ", ".join(sorted({reason for each in low for reason in each}))
    if len(faces) == 1:
        return [f"The face {which} is of low quality ({named}): matches are less sure."]
    return [f"Of low quality ({named}): {len(low)} of the {len(faces)} faces {which}; their matches are less sure."]


def child_remarks(photo: Photo, faces: Sequence[DetectedFace], model: FaceModel, which: str) -> list[str]:
    """Return a sentence if `faces` of a photo hold small children's: other children are like them. Embeds them."""
    if model.child_cosine is None:
        return []
    children = sum(model.is_child(photo.embed(face).child_cosine) for face in faces)
    if not children:
        return []
    who = "A young child" if children == 1 else "Young children"
    told = who if len(faces) == 1 else f"{who} ({children} of the {len(faces)} faces {which})"
    return [f"{told}: matches are less sure."]
