"""Where each kind of item lives. The one place that spells a key.

collection/<name>   head          the head: uid, seq, counts, model
directory           <cursor>      one line per collection, for ListCollections
uids                <uid>         every uid that may own items; leaves last
deployment          <what>        the secret of page tokens; when the files were wiped last, and how that went
<uid>/log           <seq>         one entry per committed change
<uid>/face          <FaceId>      a face: log row + seq + where it came from
<uid>/duplicate     <ExternalImageId>/<sha256>   what a picture gave: box -> FaceId
<uid>/user          <UserId>      a user: the FaceIds of its faces, and its vector when it has any
<uid>/token         <ClientRequestToken>         what the call answered that came with it
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
"""The kinds of partition that belong to one uid and go with it."""


def head_key(collection_id: str) -> Key:
    return Key(f"collection/{collection_id}", "head")


def directory_key(collection_id: str) -> Key:
    return Key(DIRECTORY, collection_cursor(collection_id))


def uid_key(uid: UUID) -> Key:
    return Key(UIDS, uid.hex)


def deployment_key(what: str) -> Key:
    return Key("deployment", what)


def owned(uid: UUID, kind: str) -> str:
    """The partition of one kind of a collection's items."""
    return f"{uid.hex}/{kind}"


def log_key(uid: UUID, seq: int) -> Key:
    return Key(owned(uid, "log"), f"{seq:016d}")


def face_key(uid: UUID, face_id: UUID) -> Key:
    return Key(owned(uid, "face"), str(face_id))


def duplicate_key(uid: UUID, picture: Picture) -> Key:
    """The pictures of one ExternalImageId lie side by side; no id holds a slash."""
    return Key(owned(uid, "duplicate"), f"{picture.external_image_id or ''}/{picture.sha256.hex()}")


def user_key(uid: UUID, user_id: str) -> Key:
    return Key(owned(uid, "user"), user_id)


def token_key(uid: UUID, token: str) -> Key:
    return Key(owned(uid, "token"), token)


def plan_key(uid: UUID, name: str) -> Key:
    return Key(owned(uid, "plan"), name)


def tags_key(uid: UUID) -> Key:
    return Key(owned(uid, "tags"), "tags")
