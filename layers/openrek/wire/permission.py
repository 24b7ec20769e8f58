"""Permission check of the validated request, before any operation runs.

Every member that the service model calls a CollectionId, a ResourceArn or an S3Object is found, wherever it stands in
the request, so that no operation has to remember to check it. A request that names no collection may concern every one,
as ListCollections does, and needs the collection pattern `*` (AWS authorises it on the resource `*`), unless its
operation is said to touch none.
"""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_arn, collection_in_arn
from openrek.domain.errors import AccessDenied, InvalidS3Object
from openrek.wire.model import Model

RESOURCES = ("CollectionId", "ResourceArn")
OBJECT = "S3Object"
KINDS = (*RESOURCES, OBJECT)
SERVICE = "rekognition"


def require_permission(
    model: Model,
    operation: str,
    arguments: dict[str, Any],
    caller: Caller,
    touch_no_collection: Collection[str] = (),
    implied: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Raise AccessDenied unless the caller may do this with these validated `arguments`.

    `touch_no_collection` names the operations that look at nothing but what they are sent; `implied` has the collection
    of each operation that works on one which no request names.

    An S3 object that the caller may not read raises InvalidS3Object, as if there were none.
    """
    found = list(_found(model, model.operations[operation], arguments))
    resources = [each for each in found if each[0] in RESOURCES]
    resources += [("CollectionId", implied[operation])] if operation in implied else []
    needed = [operation]
    if operation == "CreateCollection" and arguments.get("Tags"):
        needed.append("TagResource")  # as AWS asks
    for name in needed:
        if not caller.permissions.allow(name):
            raise _denied(caller, name, _shown(resources, caller), f"Its allowed operations do not include {name}.")
    if not resources and operation not in touch_no_collection and not caller.permissions.reach_all:
        raise _denied(caller, operation, "*", f"{operation} concerns all collections: the key needs the pattern *.")
    for kind, value in resources:
        collection_id = value if kind == "CollectionId" else collection_in_arn(value)
        if not (caller.permissions.reach_all if collection_id is None else caller.permissions.reach(collection_id)):
            raise _denied(
                caller, operation, _shown([(kind, value)], caller), "Its collection patterns do not include this one."
            )
    for kind, value in found:
        if kind == OBJECT and not caller.permissions.read(value.get("Bucket", ""), value.get("Name", "")):
            raise InvalidS3Object(
                reason=f"The object patterns of the access key {caller.key_id} do not include this object."
            )


def _found(model: Model, name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (one of KINDS, value) for each member or shape of that name, going only where the model says one can be."""
    shape = model.shapes[name]
    parts: list[tuple[str, str, Any]] = []
    if shape.kind == "structure":
        parts = [(member, part, value[member]) for member, part in shape.members.items() if member in value]
    elif shape.kind == "list" and (shape.member in KINDS or model.shapes[shape.member].kind != "string"):
        parts = [("", shape.member, item) for item in value]
    for member, part, item in parts:
        kind = member if member in KINDS else part
        if kind in KINDS:
            yield kind, item
        else:
            yield from _found(model, part, item)


def _shown(resources: list[tuple[str, str]], caller: Caller) -> str:
    for kind, value in resources:
        return collection_arn(value, region=caller.region, account=caller.account) if kind == "CollectionId" else value
    return "*"


def _denied(caller: Caller, operation: str, resource: str, reason: str) -> AccessDenied:
    return AccessDenied(
        f"User: {caller.arn} is not authorized to perform: {SERVICE}:{operation} on resource: {resource}",
        reason=f"The access key {caller.key_id} may not do this. {reason}",
    )
