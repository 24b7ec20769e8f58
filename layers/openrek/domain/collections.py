"""Collections as their callers see them, their ARNs, and their order in a listing."""

import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

from openrek.domain.caller import Caller
from openrek.domain.errors import InvalidParameter, ResourceNotFound

COLLECTION_ARN = re.compile(
    r"(?:arn:)?aws[a-z-]{0,20}:rekognition:[a-z0-9-]{1,64}:[0-9]{12}:collection/([a-zA-Z0-9_.\-]{1,255})"
)
OTHER_ARN = re.compile(
    r"(?:arn:)?aws[a-z-]{0,20}:rekognition:[a-z0-9-]{1,64}:[0-9]{12}:(?!collection/)[a-z]{1,40}/[a-zA-Z0-9_.\-/]{1,1024}"
)
"""A stream processor or a Custom Labels model: they have tags on AWS."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as it was when it was read.

    `uid` is new at each creation, so that a re-created collection is never taken for the old one. Its vectors are of
    the face model `model_version` and have so many `dimensions`. `seq` counts the changes made until then: a later
    search must see at least these.
    """

    collection_id: str
    uid: UUID
    model_version: str
    dimensions: int
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
    """Return a sort key of the collection id, at most 129 ASCII characters: a NextToken must fit the model's 255.

    Ids of up to 128 characters are their own cursor. Longer ones keep 96 characters and end in a hash; `~` is not
    allowed in an id, so the two never meet.
    """
    if len(collection_id) <= 128:
        return collection_id
    return f"{collection_id[:96]}~{hashlib.sha256(collection_id.encode()).hexdigest()[:32]}"


def collection_arn(collection_id: str, *, region: str, account: str) -> str:
    return f"arn:aws:rekognition:{region}:{account}:collection/{collection_id}"


def collection_in_arn(arn: str) -> str | None:
    """Return the collection that an ARN names, with or without the leading `arn:` (CreateCollection returns it
    without); None for anything else.

    Permissions are checked with this function, so code that acts on an ARN must read it with this function too.
    """
    found = COLLECTION_ARN.fullmatch(arn)
    return found[1] if found else None


def collection_of_arn(arn: str, caller: Caller) -> str:
    """Return the collection id in an ARN of the caller's region and account.

    Raises InvalidParameter for a text that is no ARN of Rekognition's, ResourceNotFound for an ARN of another region,
    account or kind of resource.
    """
    collection_id = collection_in_arn(arn)
    if collection_id is None and not OTHER_ARN.fullmatch(arn):
        raise InvalidParameter(
            reason="ResourceArn must look like arn:aws:rekognition:<region>:<account>:collection/<CollectionId>."
        )
    own = collection_arn(collection_id or "", region=caller.region, account=caller.account)
    if collection_id is None or arn.removeprefix("arn:") != own.removeprefix("arn:"):
        raise ResourceNotFound(
            f"The resource arn: {arn} does not exist",
            reason=f"Tags are those of collections here, in the region {caller.region} and account {caller.account}.",
        )
    return collection_id
