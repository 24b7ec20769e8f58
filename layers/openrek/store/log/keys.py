"""The keys of all kinds of items. No other module spells a key.

collection/<name>   head          the head: uid, seq, counts, model
directory           <cursor>      one line per collection, for ListCollections
uids                <uid>         every uid that may own items; deleted last
deployment          <what>        the secret of page tokens; time and outcome of the last vacuum
<uid>/log           <seq>         one entry per committed change
<uid>/face          <FaceId>      a face: log row + seq + where it came from
<uid>/duplicate     <ExternalImageId>/<sha256>   the faces added from a picture: box -> FaceId
<uid>/user          <UserId>      a user: the FaceIds of its faces, its vector when it has any, its name as a celebrity
<uid>/token         <ClientRequestToken>         the result of the call that came with it
<uid>/plan          <what>        a call larger than one transaction
<uid>/tags          tags
"""

from typing import Final
from uuid import UUID

from openrek.domain.collections import collection_cursor
from openrek.domain.faces import Picture
from openrek.store.items.port import Key

DIRECTORY: Final = "directory"
UIDS: Final = "uids"
OWNED: Final = ("log", "face", "duplicate", "user", "token", "plan", "tags")
"""The kinds of partition that belong to one uid and are deleted with it."""


def head_key(collection_id: str) -> Key:
    return Key(f"collection/{collection_id}", "head")


def directory_key(collection_id: str) -> Key:
    return Key(DIRECTORY, collection_cursor(collection_id))


def uid_key(uid: UUID) -> Key:
    return Key(UIDS, uid.hex)


def deployment_key(what: str) -> Key:
    return Key("deployment", what)


def owned(uid: UUID, kind: str) -> str:
    """Return the partition of one kind of a collection's items."""
    return f"{uid.hex}/{kind}"


def log_key(uid: UUID, seq: int) -> Key:
    return Key(owned(uid, "log"), f"{seq:016d}")


def face_key(uid: UUID, face_id: UUID) -> Key:
    return Key(owned(uid, "face"), str(face_id))


def duplicate_key(uid: UUID, picture: Picture) -> Key:
    """Return the key of a picture's record. Those of one ExternalImageId lie side by side; no id contains a slash."""
    return Key(owned(uid, "duplicate"), f"{picture.external_image_id or ''}/{picture.sha256.hex()}")


def user_key(uid: UUID, user_id: str) -> Key:
    return Key(owned(uid, "user"), user_id)


def token_key(uid: UUID, token: str) -> Key:
    return Key(owned(uid, "token"), token)


def plan_key(uid: UUID, name: str) -> Key:
    return Key(owned(uid, "plan"), name)


def tags_key(uid: UUID) -> Key:
    return Key(owned(uid, "tags"), "tags")
