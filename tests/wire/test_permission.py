"""Permissions: over every operation of the model, a key for some collections reaches no other."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_arn, collection_in_arn
from openrek.domain.errors import AccessDenied, InvalidS3Object
from openrek.domain.permissions import Permissions
from openrek.operations.registry import OPERATIONS, TOUCH_NO_COLLECTION, implied_collections
from openrek.runtime.parts.adapters import needs
from openrek.wire.door import Door
from openrek.wire.http import HttpReply, HttpRequest
from openrek.wire.model import Model, Shape
from openrek.wire.permission import require_permission
from tests.wire.examples import MODEL, smallest

IMAGES_ONLY = {"moderator", "moderation_version", "packs", "reader", "pictures", "models", "buckets", "caller"}
STAFF = Permissions(("*",), ("staff-*",))


def arn(collection: str) -> str:
    return collection_arn(collection, region="eu-west-1", account="123456789012")


def ask(permissions: Permissions, operation: str, request: dict[str, Any]) -> HttpReply:
    caller = Caller("eu-west-1", "123456789012", "OREKAAAAAAAAAAAAAAAA", permissions)
    door = Door(
        dict.fromkeys(MODEL.operations, lambda *_: {}),
        authenticate=lambda _: caller,
        touch_no_collection=TOUCH_NO_COLLECTION,
    )
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"RekognitionService.{operation}"}
    return door.respond(HttpRequest("POST", "/", headers, json.dumps(request).encode()))


def allowed(permissions: Permissions, operation: str, request: dict[str, Any]) -> bool:
    reply = ask(permissions, operation, request)
    if reply.status != 200:
        assert json.loads(reply.body)["__type"] == "AccessDeniedException"
    return reply.status == 200


def naming(operation: str, collection: str) -> dict[str, Any] | None:
    """Return the smallest request that names the collection, or None where there is no place for one."""
    return _put(MODEL.operations[operation], collection)


def _put(name: str, collection: str) -> Any:
    shape = MODEL.shapes[name]
    for member, part in shape.members.items():
        value: Any = {"CollectionId": collection, "ResourceArn": arn(collection)}.get(member)
        if value is None and MODEL.shapes[part].kind == "structure":
            value = _put(part, collection)
        if value is not None:
            return {**smallest(MODEL, name), member: value}
    return None


@pytest.mark.parametrize("operation", sorted(MODEL.operations))
def test_a_key_for_staff_reaches_no_other_collection(operation: str) -> None:
    other = naming(operation, "visitors")
    if other is None:
        request = smallest(MODEL, MODEL.operations[operation])
        assert allowed(STAFF, operation, request) is (operation in TOUCH_NO_COLLECTION)
        return
    assert not allowed(STAFF, operation, other)
    assert allowed(STAFF, operation, naming(operation, "staff-berlin") or {})


@pytest.mark.parametrize("operation", sorted(implied_collections("celebrities")))
def test_a_collection_that_a_setting_names_needs_the_permission_for_it(operation: str) -> None:
    request = smallest(MODEL, MODEL.operations[operation])
    implied = implied_collections("celebrities")
    for patterns, reached in ((("celeb*",), True), (("*",), True), (("staff-*",), False), ((), False)):
        caller = Caller("eu-west-1", "123456789012", "OREKAAAAAAAAAAAAAAAA", Permissions(("*",), patterns))
        if reached:
            require_permission(MODEL, operation, request, caller, implied=implied)
            continue
        with pytest.raises(AccessDenied, match="collection/celebrities"):
            require_permission(MODEL, operation, request, caller, implied=implied)


def test_collections_are_found_in_every_place_that_the_model_has_for_one() -> None:
    found = {operation for operation in MODEL.operations if naming(operation, "x")}
    named = (
        "AssociateFaces CreateCollection CreateStreamProcessor CreateUser DeleteCollection DeleteFaces DeleteUser "
        "DescribeCollection DisassociateFaces IndexFaces ListFaces ListTagsForResource ListUsers SearchFaces "
        "SearchFacesByImage SearchUsers SearchUsersByImage StartFaceSearch TagResource UntagResource"
    )
    assert found >= set(named.split())


def test_a_collection_is_known_by_the_name_of_its_member_and_by_that_of_its_shape() -> None:
    shapes = {
        "MergeRequest": Shape("structure", {"CollectionId": "Name", "Into": "CollectionId", "More": "Others"}),
        "Others": Shape("list", member="Other"),
        "Other": Shape("structure", {"From": "Names", "Note": "Name"}),
        "Names": Shape("list", member="CollectionId"),
        "Name": Shape("string"),
        "CollectionId": Shape("string"),
    }
    model = Model({"Merge": "MergeRequest"}, shapes)
    caller = Caller(permissions=STAFF)
    staff: dict[str, Any] = {
        "CollectionId": "staff-a",
        "Into": "staff-b",
        "More": [{"From": ["staff-c"], "Note": "any"}, {"From": ["staff-d", "staff-e"]}],
    }
    require_permission(model, "Merge", staff, caller)
    more = [{"From": ["staff-c"]}, {"From": ["staff-d", "visitors"]}]
    for other in ({"CollectionId": "visitors"}, {"Into": "visitors"}, {"More": more}):
        with pytest.raises(AccessDenied, match="collection/visitors"):
            require_permission(model, "Merge", {**staff, **other}, caller)
    with pytest.raises(AccessDenied, match=r"resource: \*"):
        require_permission(model, "Merge", {"More": [{"Note": "staff-a"}]}, caller)


PHOTOS = Permissions(("*",), ("*",), ("photos/anna/*", "holiday/*"))


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DetectFaces", ["Image"]),
        ("CompareFaces", ["SourceImage", "TargetImage"]),
        ("IndexFaces", ["Image"]),
        ("SearchFacesByImage", ["Image"]),
        ("StartFaceDetection", ["Video"]),
    ],
)
def test_an_object_is_named_only_with_a_key_for_it(operation: str, members: list[str]) -> None:
    def asked(permissions: Permissions, **places: tuple[str, str]) -> HttpReply:
        named = {member: {"S3Object": {"Bucket": bucket, "Name": name}} for member, (bucket, name) in places.items()}
        return ask(permissions, operation, {**smallest(MODEL, MODEL.operations[operation]), **named})

    anna = dict.fromkeys(members, ("photos", "anna/1.jpg"))
    assert asked(PHOTOS, **anna).status == 200
    refused = [asked(Permissions(("*",), ("*",)), **anna)]
    for other in (("photos", "ben/1.jpg"), ("photos", "anna"), ("photos-2", "anna/1.jpg"), ("anna", "holiday/1")):
        refused += [asked(PHOTOS, **{**anna, member: other}) for member in members]
    for reply in refused:
        assert (reply.status, json.loads(reply.body)["__type"]) == (400, "InvalidS3ObjectException")
        assert json.loads(reply.body)["Message"] == InvalidS3Object.text
        assert "object patterns" in reply.headers["x-openrek-reason"]


def test_a_photo_that_is_sent_needs_no_pattern_of_objects() -> None:
    assert allowed(STAFF, "DetectFaces", {"Image": {"Bytes": "aGVsbG8="}})
    assert not STAFF.read("photos", "anna/1.jpg")
    assert not STAFF.read("", "")


def test_objects_are_found_in_every_place_that_the_model_has_for_one() -> None:
    naming = {operation for operation in MODEL.operations if "S3Object" in parts(MODEL.operations[operation], set())}
    for operation, row in OPERATIONS.items():
        assert (operation in naming) is ("buckets" in needs(row.function())), operation


def parts(name: str, seen: set[str]) -> set[str]:
    """Return the shapes that a shape is made of, and itself."""
    if name in MODEL.shapes and name not in seen:
        seen.add(name)
        shape = MODEL.shapes[name]
        for part in (*shape.members.values(), shape.member, shape.key, shape.value):
            parts(part, seen)
    return seen


def test_what_is_said_to_touch_no_collection_touches_none() -> None:
    assert set(MODEL.operations) >= TOUCH_NO_COLLECTION
    for name, row in OPERATIONS.items():
        touches = bool(set(needs(row.function())) - IMAGES_ONLY)
        assert touches is (name not in TOUCH_NO_COLLECTION), name


@pytest.mark.parametrize("operation", sorted(MODEL.operations))
def test_an_operation_that_was_not_allowed_is_refused(operation: str) -> None:
    request = naming(operation, "staff-berlin") or smallest(MODEL, MODEL.operations[operation])
    others = tuple({letter + "*" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} - {operation[0] + "*"})
    for start in range(0, len(others), 10):
        assert not allowed(Permissions(others[start : start + 10], ("*",)), operation, request)
    assert allowed(Permissions((operation,), ("*",), ("*",)), operation, request)


def test_the_refusal_is_in_the_words_of_aws() -> None:
    searcher = Permissions(("Search*",), ("staff-*",))
    reply = ask(searcher, "ListFaces", {"CollectionId": "staff-berlin"})
    user = "User: arn:aws:iam::123456789012:user/OREKAAAAAAAAAAAAAAAA is not authorized to perform: rekognition:"
    assert (reply.status, json.loads(reply.body)["Message"]) == (
        400,
        f"{user}ListFaces on resource: arn:aws:rekognition:eu-west-1:123456789012:collection/staff-berlin",
    )
    assert "Its allowed operations do not include ListFaces." in reply.headers["x-openrek-reason"]
    request = {"CollectionId": "visitors", "FaceId": "11111111-1111-4111-8111-111111111111"}
    reply = ask(searcher, "SearchFaces", request)
    assert json.loads(reply.body)["Message"].endswith(":collection/visitors")
    assert "Its collection patterns" in reply.headers["x-openrek-reason"]
    reply = ask(STAFF, "ListCollections", {})
    assert json.loads(reply.body)["Message"] == f"{user}ListCollections on resource: *"


def test_the_request_is_validated_first() -> None:
    reply = ask(Permissions(()), "SearchFaces", {"CollectionId": "no spaces"})
    assert json.loads(reply.body)["__type"] == "ValidationException"


def test_tags_at_creation_need_the_permission_to_tag() -> None:
    creator = Permissions(("CreateCollection",), ("*",))
    assert allowed(creator, "CreateCollection", {"CollectionId": "a"})
    assert not allowed(creator, "CreateCollection", {"CollectionId": "a", "Tags": {"CollectionId": "b"}})
    both = Permissions(("CreateCollection", "TagResource"), ("a",))
    assert allowed(both, "CreateCollection", {"CollectionId": "a", "Tags": {"CollectionId": "b"}})


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:rekognition:eu-west-1:123456789012:project/staff-x/version/v/1",
        "arn:aws:rekognition:eu-west-1:123456789012:collection/staff-x/collection/visitors",
        "arn:aws:rekognition:eu-west-1:123456789012:collection/visitors:collection/staff-x",
        "arn:aws:rekognition:eu-west-1:123456789012:collection/staff-x\n",
        "arn:aws:s3:::collection/staff-x-----",
        "collection/staff-x-------",
    ],
)
def test_an_arn_that_is_not_plainly_of_a_collection_needs_all_of_them(resource: str) -> None:
    assert not allowed(STAFF, "ListTagsForResource", {"ResourceArn": resource})
    assert allowed(Permissions(("*",), ("*",)), "ListTagsForResource", {"ResourceArn": resource})


def test_the_arn_that_create_collection_answers_is_understood_too() -> None:
    assert collection_in_arn(arn("staff-x")) == "staff-x"
    assert collection_in_arn(arn("staff-x").removeprefix("arn:")) == "staff-x"
    assert collection_in_arn("arn:aws-us-gov:rekognition:us-gov-west-1:123456789012:collection/a.b_c-d") == "a.b_c-d"


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "anything", True),
        ("staff-*", "staff-", True),
        ("staff-*", "STAFF-a", False),
        ("staff-*", "my-staff-a", False),
        ("*-staff", "a-staff", True),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "aXc", False),
        ("staff.1", "staffx1", False),
        ("staff", "staff", True),
        ("staff", "staff\n", False),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    assert Permissions(("*",), (pattern,)).reach(name) is matches


@pytest.mark.parametrize("pattern", ["", "a b", "[a-z]", "a?", "a\n", "\u00e9", "a" * 256, "a/b"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="no collection pattern"):
        Permissions(("*",), (pattern,))


@pytest.mark.parametrize("pattern", ["", "photos/[a-z]*", "photos/?", "a\n", "a" * 513])
def test_what_is_no_pattern_of_objects(pattern: str) -> None:
    with pytest.raises(ValueError, match="no object pattern"):
        Permissions(("*",), (), (pattern,))


def test_patterns_of_objects_are_as_free_as_keys() -> None:
    key = "2026/Mai/Anna & M\u00fcller (1)+!.jpg"
    assert Permissions(("*",), (), (f"photos/{key}",)).read("photos", key)
    assert Permissions(("*",), (), ("*",)).read("photos", key)
    assert Permissions(("*",), (), ("photos/*",)).read("photos", "a\nb")


def test_patterns_of_operations() -> None:
    for pattern in ("", "Search-*", "rekognition:Search*", "a\n"):
        with pytest.raises(ValueError, match="no operation pattern"):
            Permissions((pattern,))
    with pytest.raises(ValueError, match="at most 10"):
        Permissions(("a",) * 11)


@given(pattern=st.text("ab*", min_size=1, max_size=30), name=st.text("ab", min_size=1, max_size=60))
def test_only_asterisks_reach_all(pattern: str, name: str) -> None:
    permissions = Permissions(("*",), (pattern,))
    if permissions.reach_all:
        assert permissions.reach(name)
    assert permissions.reach_all is (set(pattern) == {"*"})


def test_a_refusal_that_names_no_resource_says_so_as_aws_does() -> None:
    reply = ask(Permissions(("Search*",), ("*",)), "ListCollections", {})
    assert json.loads(reply.body)["Message"].endswith("to perform: rekognition:ListCollections on resource: *")
