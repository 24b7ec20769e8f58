"""DetectLabels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from openrek.domain.errors import InvalidParameter
from openrek.domain.labels import Label, Vocabulary, completed
from openrek.domain.ports import Buckets, LabelPhoto, OpenPicture, Packs, Pictures
from openrek.domain.remarks import remarked
from openrek.operations.translation import demographic_labels
from openrek.operations.translation.attributes import PACK as ATTRIBUTES
from openrek.operations.translation.face_labels import with_faces
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.label_shapes import filtered, label_shape, properties_shape
from openrek.operations.translation.shapes import Request, Response

LABEL_MODEL_VERSION: Final = "3.0"
DEFAULT_CONFIDENCE_PCT: Final = 55.0
DEFAULT_COLORS: Final = 10
MOST_LABELS: Final = 1000
LEAST_INSTANCE_PCT: Final = 50.0
"""An instance is told from here on, or from MinConfidence on where that is less; the surest one always is."""
LABELS, PROPERTIES = "GENERAL_LABELS", "IMAGE_PROPERTIES"
NO_PERSONS: Final = (
    "Labels of age, sex and mood, and of what faces wear, are left out: "
    "the models of the pack attributes are not there."
)


def detect_labels(request: Request, *, buckets: Buckets, pictures: Pictures, packs: Packs) -> Response:
    """Return what a picture shows, the surest first, and its quality and colours where they are asked for."""
    features = request.get("Features") or [LABELS]
    _require_features(request, features)
    picture = pictures.open(image_bytes(request["Image"], buckets))
    photo = picture.labels()
    settings = request.get("Settings", {})
    most_colors = settings.get("ImageProperties", {}).get("MaxDominantColors", DEFAULT_COLORS)
    colors = PROPERTIES in features
    response: Response = {"LabelModelVersion": LABEL_MODEL_VERSION}
    remarks: Sequence[str] = ()
    if LABELS in features:
        filters = settings.get("GeneralLabels", {})
        persons = _asks_for_persons(photo.vocabulary, filters)
        ready = not persons or packs.ready([ATTRIBUTES])
        told = _told(_all_labels(picture, photo, persons=persons and ready), request)
        remarks = photo.remarks if ready else [*photo.remarks, NO_PERSONS]
        if colors:
            told = _coloured(told, photo, most_colors)
        response["Labels"] = [label_shape(label, colors=colors) for label in told]
    if colors:
        response["ImageProperties"] = properties_shape(photo.properties(most_colors))
    return remarked(response, remarks)


def _require_features(request: Request, features: Sequence[str]) -> None:
    """Refuse limits on labels where no labels are asked for. Raises InvalidParameter."""
    limits = [name for name in ("MaxLabels", "MinConfidence") if name in request]
    if LABELS not in features and limits:
        raise InvalidParameter(reason=f"{' and '.join(limits)} can be given only with the feature {LABELS}.")


def _asks_for_persons(vocabulary: Vocabulary, filters: Request) -> bool:
    """Return True if the filters let a label pass that tells of a person's age, sex, mood, or what its face wears."""
    return bool(filtered((Label(vocabulary[name], 100.0) for name in demographic_labels.NAMES), filters))


def _all_labels(picture: OpenPicture, photo: LabelPhoto, *, persons: bool) -> tuple[Label, ...]:
    """Return the labels of both readers with all ancestors, the surest first; with `persons` those that faces tell."""
    vocabulary, faces = photo.vocabulary, picture.faces()
    labels = with_faces(photo.labels(), faces.faces, vocabulary)
    if persons:
        labels += demographic_labels.of_persons(faces, labels, vocabulary)
    return completed(labels, vocabulary)


def _told(labels: Sequence[Label], request: Request) -> list[Label]:
    """Return the labels that are asked for, each with the instances that are sure enough."""
    least_pct = request.get("MinConfidence", DEFAULT_CONFIDENCE_PCT)
    sure = [label for label in labels if label.confidence >= least_pct]
    wanted = filtered(sure, request.get("Settings", {}).get("GeneralLabels", {}))
    most = min(request.get("MaxLabels", MOST_LABELS), MOST_LABELS)
    return [_with_sure_instances(label, min(least_pct, LEAST_INSTANCE_PCT)) for label in wanted[:most]]


def _with_sure_instances(label: Label, least_pct: float) -> Label:
    sure = tuple(each for each in label.instances if each.confidence >= least_pct)
    return replace(label, instances=sure or label.instances[:1])


def _coloured(labels: Sequence[Label], photo: LabelPhoto, most_colors: int) -> list[Label]:
    """Return the labels with the dominant colours of each instance."""
    return [
        replace(
            label,
            instances=tuple(replace(each, colors=photo.colors(each.box, most_colors)) for each in label.instances),
        )
        for label in labels
    ]
