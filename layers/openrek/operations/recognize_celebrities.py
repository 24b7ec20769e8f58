"""RecognizeCelebrities."""

from collections.abc import Mapping, Sequence
from typing import Final

from openrek.domain.attributes import Trait
from openrek.domain.celebrities import Celebrity, CelebrityRule
from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.faces import DetectedFace
from openrek.domain.models import FaceModel, FaceModels
from openrek.domain.ports import Buckets, Collections, Photo, Reader, Search, Users
from openrek.domain.quality import select
from openrek.domain.remarks import remarked
from openrek.domain.users import UserMatch
from openrek.operations.translation.attributes import face_detail
from openrek.operations.translation.celebrities import celebrity_shape, how_to_fill
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.remarks import search_remarks
from openrek.operations.translation.shapes import Request, Response

MOST_FACES: Final = 64
CHILD_THRESHOLD_PCT: Final = 99.0
"""Small children are like one another: a match of one needs as much as makes it as rare as others' are."""
SHOWN: Final = frozenset({Trait.SMILE, Trait.EMOTIONS})
"""With the default attributes, the members of a ComparedFace."""


def recognize_celebrities(
    request: Request,
    *,
    celebrity_rule: CelebrityRule,
    collections: Collections,
    users: Users,
    models: FaceModels,
    buckets: Buckets,
    reader: Reader,
    search: Search,
) -> Response:
    """Return the celebrities among the 64 largest faces, largest first, and the faces of nobody known.

    Without a collection of celebrities, or with an empty one, all are unknown.
    """
    collection = _collection(celebrity_rule, collections)
    model = models.newest if collection is None else models.of(collection.model_version)
    photo = reader.read(image_bytes(request["Image"], buckets), model)
    faces, _ = select(photo.faces, "NONE", MOST_FACES, photo.clearness)
    found: Sequence[UserMatch | None] = [None] * len(faces)
    if collection is None or not collection.user_count:
        remarks = [how_to_fill(celebrity_rule)]
    else:
        found = _matches(photo, faces, collection, search, model, celebrity_rule.threshold_pct)
        remarks = search_remarks(photo, faces, "NONE", model)
    known: Mapping[str, Celebrity] = {}
    if collection is not None and any(found):
        known = users.celebrities(collection, [match.user.user_id for match in found if match is not None])
    response: Response = {"CelebrityFaces": [], "UnrecognizedFaces": []}
    for face, match in zip(faces, found, strict=True):
        shape = face_detail(photo, face, SHOWN)
        if match is None or (celebrity := known.get(match.user.user_id)) is None:
            response["UnrecognizedFaces"].append(shape)
            continue
        named = {**celebrity_shape(celebrity), "Id": match.user.user_id, "Face": shape}
        response["CelebrityFaces"].append({**named, "MatchConfidence": model.similarity_pct(match.cosine)})
    return remarked(response, remarks)


def _collection(rule: CelebrityRule, collections: Collections) -> Collection | None:
    try:
        return collections.require(rule.collection_id)
    except ResourceNotFound:
        return None


def _matches(
    photo: Photo,
    faces: Sequence[DetectedFace],
    collection: Collection,
    search: Search,
    model: FaceModel,
    threshold_pct: float,
) -> Sequence[UserMatch | None]:
    """Return the user most like each face, where one is like enough."""
    vectors = [photo.embed(face) for face in faces]
    if not vectors:
        return []
    lowest, lowest_of_child = model.lowest_cosine(threshold_pct), model.lowest_cosine(CHILD_THRESHOLD_PCT)
    nearest = search.nearest_users(
        collection, [vector.embedding for vector in vectors], limit=1, lowest_cosine=min(lowest, lowest_of_child)
    )
    matches: list[UserMatch | None] = []
    for vector, best in zip(vectors, nearest, strict=True):
        needed = max(lowest, lowest_of_child) if model.is_child(vector.child_cosine) else lowest
        matches.append(best[0] if best and best[0].cosine >= needed else None)
    return matches
