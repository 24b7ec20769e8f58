"""A collection as its callers see it, and how collections are ordered in a listing."""

import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

COLLECTION_ARN = re.compile(
    r"(?:arn:)?aws[a-z-]{0,20}:rekognition:[a-z0-9-]{1,64}:[0-9]{12}:collection/([a-zA-Z0-9_.\-]{1,255})"
)


@dataclass(frozen=True, slots=True)
class Collection:
    """`uid` is new at each creation, so that a re-created collection is never taken for the old one. `seq` counts the
    changes that it had seen when it was read: whoever searches it later must see at least these."""

    collection_id: str
    uid: UUID
    model_version: str
    created_s: float
    face_count: int
    user_count: int
    seq: int = 0


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """One line of ListCollections; `cursor` is where the next page would start after it."""

    collection_id: str
    model_version: str
    cursor: str


def collection_cursor(collection_id: str) -> str:
    """Orders collections by id in at most 129 ASCII characters, so that a NextToken fits the model's 255.

    Ids of up to 128 characters are their own cursor. Longer ones keep 96 characters and end in a hash; `~` is not
    allowed in an id, so the two never meet.
    """
    if len(collection_id) <= 128:
        return collection_id
    return f"{collection_id[:96]}~{hashlib.sha256(collection_id.encode()).hexdigest()[:32]}"


def collection_arn(collection_id: str, *, region: str, account: str) -> str:
    return f"arn:aws:rekognition:{region}:{account}:collection/{collection_id}"


def collection_in_arn(arn: str) -> str | None:
    """The collection that an ARN names, with or without the leading `arn:` (CreateCollection answers without).

    None for anything else. Who is allowed is decided by this, so whoever acts on an ARN must read it with this too.
    """
    found = COLLECTION_ARN.fullmatch(arn)
    return found[1] if found else None
