"""DetectModerationLabels."""

from typing import Final

from openrek.domain.errors import ResourceNotFound
from openrek.domain.ports import Buckets, Moderator
from openrek.domain.remarks import remarked
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.moderation import NEW, said, taxonomy
from openrek.operations.translation.shapes import Request, Response

DEFAULT_CONFIDENCE_PCT: Final = 50.0
NOT_LOOKED_FOR: Final = (
    "Not looked for: sexual acts and body parts by name, violence other than the sight of weapons, blood, self-harm, "
    "crashes, corpses, smoking, drinking, kissing, gestures, hate symbols, whether a picture is drawn. No label is no "
    "promise."
)

_NONE: Final = {
    "ProjectVersion": "There are no custom adapters here",
    "HumanLoopConfig": "There are no human reviews here",
}


def detect_moderation_labels(
    request: Request, *, buckets: Buckets, moderator: Moderator, moderation_version: str
) -> Response:
    """Return what a picture shows that some should not see, the surest first, with all labels above each."""
    _require_nothing_of_others(request)
    least_pct = request.get("MinConfidence", DEFAULT_CONFIDENCE_PCT)
    found = moderator.moderate(image_bytes(request["Image"], buckets))
    words = taxonomy(moderation_version)
    new = words.version == NEW
    labels: list[Response] = []
    for label in said(found, words, least_pct):
        shape = {"Confidence": label.confidence, "Name": label.entry.name, "ParentName": label.entry.parent}
        labels.append({**shape, "TaxonomyLevel": label.entry.level} if new else shape)
    response: Response = {"ModerationLabels": labels, "ModerationModelVersion": words.version}
    if new:
        response["ContentTypes"] = []
    return remarked(response, [NOT_LOOKED_FOR])


def _require_nothing_of_others(request: Request) -> None:
    """Refuse adapters and human reviews, of which there are none here. Raises ResourceNotFound."""
    for member in ("ProjectVersion", "HumanLoopConfig"):
        if member in request:
            raise ResourceNotFound("The resource was not found.", reason=f"{_NONE[member]}: leave {member} out.")
