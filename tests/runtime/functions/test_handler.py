"""Every event of `events/` through its handler, over the embedded store and the real models."""

import base64
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.domain.permissions import Permissions
from openrek.runtime.functions.gateway_event import Event
from openrek.runtime.functions.handler import serve
from openrek.runtime.keys.ssm_keys import SsmKeys
from openrek.runtime.settings import Settings, SettingsError
from openrek.wire.http import HttpRequest
from tests.support.aws import LocalAws
from tests.support.gateway_events import event_1, event_2
from tests.support.signing import new_key, signed

ROOT = Path(__file__).parents[3]
PHOTO = b'{"Image": {"Bytes": "aGVsbG8="}}'
FACE_ID = "3f8b9d5e-6a7c-4d2e-8f1a-0b9c8d7e6f5a"


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    return found


def handle(name: str) -> dict[str, Any]:
    """Return the response of the function's own handler file to the function's own event."""
    path = ROOT / "lambdas" / name / "handler.py"
    spec = importlib.util.spec_from_file_location(f"handler_of_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    answer = module.handler(event(name), None)
    return {"status": answer["statusCode"], **json.loads(answer["body"])}


def test_every_event_is_answered_by_its_handler(
    tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENREK_DATA", str(tmp_path))
    monkeypatch.setenv("OPENREK_WEIGHTS", str(weights_folder))
    bucket = tmp_path / "buckets" / "photos"
    bucket.mkdir(parents=True)
    (bucket / "one.jpg").write_bytes(photos["obama.jpg"])
    (bucket / "two.jpg").write_bytes(photos["obama2.jpg"])

    assert handle("create_collection") == {
        "status": 200,
        "StatusCode": 200,
        "CollectionArn": "aws:rekognition:eu-west-1:000000000000:collection/people",
        "FaceModelVersion": "7.0",
    }
    assert handle("list_collections")["CollectionIds"] == ["people"]
    indexed = handle("index_faces")["FaceRecords"]
    assert [record["Face"]["ExternalImageId"] for record in indexed] == ["one.jpg"]
    face_id = indexed[0]["Face"]["FaceId"]
    assert [face["FaceId"] for face in handle("list_faces")["Faces"]] == [face_id]
    assert handle("describe_collection")["FaceCount"] == 1
    assert [match["Face"]["FaceId"] for match in handle("search_faces_by_image")["FaceMatches"]] == [face_id]
    assert handle("compare_faces")["FaceMatches"][0]["Similarity"] > 95
    assert len(handle("detect_faces")["FaceDetails"]) == 1
    assert handle("search_faces")["__type"] == "InvalidParameterException"
    users_and_tags_are_answered(face_id)

    assert handle("delete_faces")["UnsuccessfulFaceDeletions"] == [{"FaceId": FACE_ID, "Reasons": ["FACE_NOT_FOUND"]}]
    assert handle("delete_collection") == {"status": 200, "StatusCode": 200}
    assert handle("describe_collection")["__type"] == "ResourceNotFoundException"


def users_and_tags_are_answered(face_id: str) -> None:
    assert handle("create_user") == {"status": 200}
    assert handle("create_user") == {"status": 200}  # the event holds its token
    assert handle("list_users")["Users"] == [{"UserId": "anna", "UserStatus": "CREATED"}]
    missing = [{"FaceId": FACE_ID, "Reasons": ["FACE_NOT_FOUND"]}]
    assert handle("associate_faces")["UnsuccessfulFaceAssociations"] == missing
    assert handle("disassociate_faces")["UnsuccessfulFaceDisassociations"] == missing
    assert handle("search_users")["SearchedUser"] == {"UserId": "anna"}
    assert handle("search_users_by_image")["UserMatches"] == []
    (face,) = handle("search_all_faces_by_image")["SearchedFaces"]
    assert [match["Face"]["FaceId"] for match in face["FaceMatches"]] == [face_id]
    assert face["UserMatches"] == []
    assert handle("tag_resource") == {"status": 200}
    assert handle("list_tags_for_resource")["Tags"] == {"team": "doors"}
    assert handle("untag_resource") == {"status": 200}
    assert handle("list_tags_for_resource")["Tags"] == {}
    assert handle("delete_user") == {"status": 200}
    assert handle("erase_person") == {"status": 200, "DeletedFaces": [face_id], "DeletedUsers": []}


def list_collections(request: dict[str, Any], *, caller: Caller) -> dict[str, Any]:
    return {"CollectionIds": [caller.region, str(request.get("MaxResults"))]}


def answer(sent: Event) -> tuple[int, dict[str, Any]]:
    handler = serve(list_collections, Settings.of({}))
    got = handler(sent, None)
    assert got["isBase64Encoded"] is False
    assert got["headers"]["x-amzn-RequestId"]
    return got["statusCode"], json.loads(got["body"])


def test_a_body_may_come_in_base64() -> None:
    sent = event("list_collections")
    sent.update(body=base64.b64encode(sent["body"].encode()).decode(), isBase64Encoded=True)
    assert answer(sent) == (200, {"CollectionIds": ["eu-west-1", "10"]})


@pytest.mark.parametrize(
    ("name", "reason"), [("ListFaces", "is not answered at this address."), ("DetectText", "openrek does not offer.")]
)
def test_a_request_for_another_operation_is_told_whether_there_is_one(name: str, reason: str) -> None:
    sent = {**event("list_collections"), "resource": "/", "path": "/", "multiValueHeaders": None}
    headers = {"X-Amz-Target": f"RekognitionService.{name}"}
    told = serve(list_collections, Settings.of({}))({**sent, "headers": headers}, None)
    assert told["headers"]["x-openrek-reason"].endswith(reason)


@pytest.mark.parametrize("body", ["!", "e30"])
def test_a_body_that_is_not_base64_is_refused(body: str) -> None:
    status, got = answer({**event("list_collections"), "body": body, "isBase64Encoded": True})
    assert (status, got["__type"]) == (400, "SerializationException")


def test_headers_may_come_in_any_case_and_in_either_member() -> None:
    sent = event("list_collections")
    lower = {name.lower(): value for name, value in sent["headers"].items()}
    assert answer({**sent, "headers": lower, "multiValueHeaders": None})[0] == 200
    assert answer({**sent, "headers": None})[0] == 200
    assert answer({**sent, "headers": None, "multiValueHeaders": None})[0] == 400


def test_both_front_doors_are_understood() -> None:
    sent = event("list_collections")
    assert answer({**sent, "path": "/"})[0] == 200


def test_an_empty_body_is_refused_in_the_words_of_the_protocol() -> None:
    assert answer({**event("list_collections"), "body": None})[0] in (200, 400)


def test_without_a_data_folder_the_function_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENREK_DATA", raising=False)
    with pytest.raises(SettingsError, match="OPENREK_TABLE and OPENREK_BUCKET, or OPENREK_DATA"):
        serve(list_collections)


def delete_faces(request: dict[str, Any], *, caller: Caller) -> dict[str, Any]:
    return {"DeletedFaces": request["FaceIds"]}


def test_a_refused_invocation_is_not_told_with_what_the_one_before_it_was_about(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", aws.url)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "openrek")
    prefix = "/openrek/on-lambda/keys/"
    key, stranger = new_key(), new_key()
    SsmKeys(prefix, client=aws.ssm()).add(key)
    places = {"OPENREK_TABLE": "items", "OPENREK_BUCKET": "blobs", "OPENREK_KEYS": prefix, "OPENREK_AWS_TIMEOUT": "60"}
    handler = serve(delete_faces, Settings.of(places))

    for by in (key, stranger):
        body = json.dumps({"CollectionId": "staff", "FaceIds": [FACE_ID]})
        headers = {"x-amz-target": "RekognitionService.DeleteFaces", "content-type": "application/x-amz-json-1.1"}
        sent = signed(by, body=body.encode(), headers=headers)
        handler(
            {**event("delete_faces"), "path": "/", "headers": sent.headers, "multiValueHeaders": None, "body": body},
            None,
        )

    first, second = (vars(record) for record in caplog.records)
    assert (first["status"], first["collection"], first["faces"]) == (200, "staff", 1)
    assert second["status"] == 400
    assert not second.keys() & {"collection", "faces"}


def detect_faces(request: dict[str, Any], *, caller: Caller) -> dict[str, Any]:
    return {"FaceDetails": []}


def test_a_function_that_touches_no_collection_needs_no_permission_for_one(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", aws.url)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "openrek")
    prefix, key = "/openrek/on-lambda-photos/keys/", new_key(Permissions(("*",)))
    SsmKeys(prefix, client=aws.ssm()).add(key)
    places = {"OPENREK_TABLE": "items", "OPENREK_BUCKET": "blobs", "OPENREK_KEYS": prefix}
    headers = {"x-amz-target": "RekognitionService.DetectFaces", "content-type": "application/x-amz-json-1.1"}
    photo = signed(key, path="/DetectFaces", body=PHOTO, headers=headers)
    nothing = signed(key, path="/ListCollections")
    said = serve(detect_faces, Settings.of(places))(event_1(photo), None)
    refused = serve(list_collections, Settings.of(places))(event_1(nothing), None)
    assert (said["statusCode"], json.loads(said["body"])) == (200, {"FaceDetails": []})
    assert (refused["statusCode"], json.loads(refused["body"])["__type"]) == (400, "AccessDeniedException")


@pytest.mark.parametrize("event_of", [event_1, event_2])
def test_a_function_verifies_the_query_in_both_formats(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, event_of: Callable[[HttpRequest], Event]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", aws.url)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "openrek")
    prefix, key = "/openrek/on-lambda-query/keys/", new_key()
    keys = SsmKeys(prefix, client=aws.ssm())
    keys.add(key)
    places = {"OPENREK_TABLE": "items", "OPENREK_BUCKET": "blobs", "OPENREK_KEYS": prefix}
    handler = serve(list_collections, Settings.of(places))
    request = signed(key, path="/ListCollections?a=b%20c&a", body=b'{"MaxResults": 7}')
    forged = HttpRequest("POST", "/ListCollections?a=b%20d&a", request.headers, request.body)
    said, refused = (handler(event_of(sent), None) for sent in (request, forged))
    assert (said["statusCode"], json.loads(said["body"])) == (200, {"CollectionIds": ["eu-west-1", "7"]})
    assert (refused["statusCode"], json.loads(refused["body"])["__type"]) == (400, "InvalidSignatureException")


LIGHT = """
import json, sys
sys.path.insert(0, "lambdas/list_faces")
from handler import handler
before = sorted(sys.modules)
answer = handler(json.load(open("events/list_faces.json")), None)
assert "ResourceNotFoundException" in answer["body"], answer
heavy = {"numpy", "onnxruntime", "PIL", "starlette", "uvicorn", "boto3", "botocore", "click", "rich"}
heavy |= {"aws_lambda_powertools", "pynamodb"}
print(json.dumps([sorted(heavy & set(before)), sorted(heavy & set(sys.modules))]))
"""


def test_a_function_that_lists_faces_loads_neither_numbers_nor_models(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT],
        cwd=ROOT,
        env={"OPENREK_DATA": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], []]


def test_the_local_server_needs_nothing_of_aws() -> None:
    code = (
        "import openrek.runtime.server.run, sys; "
        "print({'aws_lambda_powertools', 'pynamodb', 'boto3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
