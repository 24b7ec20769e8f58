"""ClientRequestToken: the one that the SDK sends by itself, replays, and lost replies."""

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ConnectionClosedError

from tests.conformance.conftest import refusal
from tests.conformance.people import MAN, UNKNOWN, index, owners, user, users
from tests.support.server import client

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


class LosesFirstReplies:
    """A session that delivers the first request of each call and loses its reply: the SDK sees a broken connection and
    asks again.
    """

    def __init__(self, rekognition: "RekognitionClient") -> None:
        self.bodies: list[dict[str, Any]] = []
        self._lost: set[str] = set()
        rekognition.meta.events.register("before-send.rekognition", self._send)

    def _send(self, request: Any, **_: Any) -> None:
        self.bodies.append(json.loads(request.body))
        token = self.bodies[-1]["ClientRequestToken"]
        if token in self._lost:
            return
        self._lost.add(token)
        url = urlsplit(request.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port)
        connection.request("POST", "/", request.body, dict(request.headers.items()))
        assert connection.getresponse().status == 200
        connection.close()
        raise ConnectionClosedError(endpoint_url=request.url)


@pytest.fixture
def unlucky(live_server: str) -> "RekognitionClient":
    """Return a client that loses the first reply to each call, and retries as SDKs do."""
    return client(live_server, retries={"total_max_attempts": 3, "mode": "standard"})


def test_a_lost_reply_doubles_nothing(
    rekognition: "RekognitionClient", unlucky: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = index(rekognition, collection, photos, *MAN)
    first, second = faces["obama.jpg"], faces["obama3.jpg"]
    losses = LosesFirstReplies(unlucky)
    unlucky.create_user(CollectionId=collection, UserId="barack")
    assert users(rekognition, collection) == {"barack": "CREATED"}

    joined = unlucky.associate_faces(CollectionId=collection, UserId="barack", FaceIds=[first, second, UNKNOWN])
    assert joined["AssociatedFaces"] == [{"FaceId": first}, {"FaceId": second}]
    assert joined["UnsuccessfulFaceAssociations"] == [{"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]}]
    left = unlucky.disassociate_faces(CollectionId=collection, UserId="barack", FaceIds=[first])
    assert left["DisassociatedFaces"] == [{"FaceId": first}]
    assert owners(rekognition, collection)[second] == "barack"
    unlucky.delete_user(CollectionId=collection, UserId="barack")
    assert users(rekognition, collection) == {}

    tokens = [body["ClientRequestToken"] for body in losses.bodies]
    assert len(tokens) == 8
    assert tokens[::2] == tokens[1::2]
    assert len(set(tokens)) == 4


def test_the_same_token_gets_the_first_answer_whatever_happened_since(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = index(rekognition, collection, photos, *MAN)
    user(rekognition, collection, "barack")
    call = {
        "CollectionId": collection,
        "UserId": "barack",
        "FaceIds": [faces["obama.jpg"]],
        "ClientRequestToken": "a-1",
    }
    first = rekognition.associate_faces(**call)
    rekognition.disassociate_faces(CollectionId=collection, UserId="barack", FaceIds=[faces["obama.jpg"]])
    again = rekognition.associate_faces(**call)
    for member in ("AssociatedFaces", "UnsuccessfulFaceAssociations", "UserStatus"):
        assert again[member] == first[member]
    assert owners(rekognition, collection)[faces["obama.jpg"]] is None
    fresh = rekognition.associate_faces(**{**call, "ClientRequestToken": "a-2"})
    assert fresh["AssociatedFaces"] == first["AssociatedFaces"]
    assert owners(rekognition, collection)[faces["obama.jpg"]] == "barack"


def test_a_token_of_another_request_is_refused(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = index(rekognition, collection, photos, *MAN)
    face_ids = [faces["obama.jpg"], faces["obama3.jpg"]]
    rekognition.create_user(CollectionId=collection, UserId="barack", ClientRequestToken="once")
    rekognition.create_user(CollectionId=collection, UserId="barack", ClientRequestToken="once")
    used = (
        "IdempotentParameterMismatchException",
        "The ClientRequestToken: once you have supplied is already in use.",
    )
    for call, arguments in (
        (rekognition.create_user, {"UserId": "joe"}),
        (rekognition.delete_user, {"UserId": "barack"}),
        (rekognition.associate_faces, {"UserId": "barack", "FaceIds": face_ids}),
        (rekognition.disassociate_faces, {"UserId": "barack", "FaceIds": face_ids}),
    ):
        assert refusal(call, CollectionId=collection, ClientRequestToken="once", **arguments)[:2] == used
    assert users(rekognition, collection) == {"barack": "CREATED"}
    call = {"CollectionId": collection, "UserId": "barack", "ClientRequestToken": "twice"}
    rekognition.associate_faces(**call, FaceIds=face_ids)
    for other in (
        {"FaceIds": face_ids[:1]},
        {"FaceIds": face_ids[::-1]},
        {"FaceIds": face_ids, "UserMatchThreshold": 0},
    ):
        assert refusal(rekognition.associate_faces, **{**call, **other})[0] == used[0]


def test_a_token_is_its_collections_own(rekognition: "RekognitionClient", collection: str) -> None:
    other = f"{collection}-2"
    rekognition.create_collection(CollectionId=other)
    for name in (collection, other):
        rekognition.create_user(CollectionId=name, UserId="ann", ClientRequestToken="once")
        assert users(rekognition, name) == {"ann": "CREATED"}
    rekognition.delete_collection(CollectionId=other)
    rekognition.create_collection(CollectionId=other)
    rekognition.create_user(CollectionId=other, UserId="bob", ClientRequestToken="once")
    assert users(rekognition, other) == {"bob": "CREATED"}
    rekognition.delete_collection(CollectionId=other)


def test_a_refusal_uses_no_token_up(rekognition: "RekognitionClient", collection: str) -> None:
    missing = refusal(rekognition.delete_user, CollectionId=collection, UserId="ann", ClientRequestToken="once")
    assert missing[0] == "ResourceNotFoundException"
    rekognition.create_user(CollectionId=collection, UserId="ann")
    rekognition.delete_user(CollectionId=collection, UserId="ann", ClientRequestToken="once")
    assert users(rekognition, collection) == {}
