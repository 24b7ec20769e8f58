"""What a store answers, as plain JSON: every list and a few searches, to be compared with what was answered before."""

import base64
from array import array
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from openrek.domain.celebrities import Celebrity
from openrek.domain.collections import Collection
from openrek.domain.faces import Embedding, Face, FaceMatch
from openrek.store.blobs.port import Blobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.collections.page_tokens import SealedPageTokens
from openrek.store.collections.tags import StoredTags
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.search.search import StoredSearch
from openrek.store.users.users import StoredUsers

PLACE = "faces/people"


def answers(items: Items, blobs: Blobs, probes: Sequence[str]) -> dict[str, Any]:
    """`probes`: embeddings as `packed` makes them."""
    search = StoredSearch(items, blobs, threads=1, later=lambda work: work())
    collections = StoredCollections(items)
    entries = collections.page(None, 100).rows
    return {
        "probes": list(probes),
        "page_token": SealedPageTokens(items).seal(PLACE, "a cursor"),
        "collections": {
            entry.collection_id: _collection(items, search, collections.require(entry.collection_id), probes)
            for entry in entries
        },
    }


def packed(probe: Embedding) -> str:
    """float32, little-endian, in base64: a direction is the same on every machine."""
    return base64.b64encode(probe.tobytes()).decode()


def probe_of(text: str) -> Embedding:
    return array("f", base64.b64decode(text))


def _collection(items: Items, search: StoredSearch, found: Collection, probes: Sequence[str]) -> dict[str, Any]:
    faces, users = StoredFaces(items), StoredUsers(items)
    listed = faces.page(found, None, 4096).rows
    user_ids = [entry.user.user_id for entry in users.page(found, None, 500).rows]
    celebrities = {name: _celebrity(each) for name, each in users.celebrities(found, user_ids).items()}
    vectors = [probe_of(text) for text in probes]
    everything: dict[str, Any] = {"limit": 4096, "lowest_cosine": -1.0}
    return {
        **({"celebrities": celebrities} if celebrities else {}),
        "uid": found.uid.hex,
        "model": found.model_version,
        "face_count": found.face_count,
        "user_count": found.user_count,
        "tags": dict(StoredTags(items).read(found)),
        "faces": [_face(face) for face in listed],
        "users": {user_id: _ids(faces.of_user(found, user_id)) for user_id in user_ids},
        "searches": [_matches(search.nearest(found, vector, **everything)) for vector in vectors],
        "searches_by_face": {
            str(face.face_id): _matches(search.nearest_to_face(found, face.face_id, limit=3, lowest_cosine=-1.0))
            for face in listed[:3]
        },
        "user_searches": [
            [[match.user.user_id, match.user.face_count, match.cosine] for match in matches]
            for matches in search.nearest_users(found, vectors, **everything)
        ],
    }


def _face(face: Face) -> list[Any]:
    box = [face.box.left, face.box.top, face.box.width, face.box.height]
    return [str(face.face_id), str(face.image_id), face.external_image_id, box, face.confidence, face.user_id]


def _celebrity(celebrity: Celebrity) -> list[Any]:
    return [celebrity.name, list(celebrity.urls), celebrity.gender]


def _ids(faces: Sequence[Face]) -> list[str]:
    return [str(face.face_id) for face in faces]


def _matches(matches: Sequence[FaceMatch]) -> list[list[Any]]:
    return [[str(match.face.face_id), match.cosine] for match in matches]


def ids_of(faces: Sequence[str]) -> list[UUID]:
    return [UUID(face_id) for face_id in faces]
