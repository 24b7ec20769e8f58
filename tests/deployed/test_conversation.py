"""A stock boto3 client with another endpoint and an access key, against the whole deployment.

API Gateway's routes, the router, packaged functions under the real runtime client; DynamoDB, S3 and SSM are moto's.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from openrek.domain.access_keys import AccessKey
from openrek.domain.permissions import Permissions
from openrek.runtime.keys.ssm_keys import SsmKeys
from tests.support.events import ACCOUNT
from tests.support.front_door import FrontDoor
from tests.support.lambda_service import LambdaService, Refused
from tests.support.signing import new_key

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


@pytest.fixture(scope="module")
def door(functions: LambdaService) -> Iterator[FrontDoor]:
    made = FrontDoor(functions)
    yield made
    made.close()


def client(door: FrontDoor, key: AccessKey, **options: Any) -> "RekognitionClient":
    return boto3.client(
        "rekognition",
        endpoint_url=door.url,
        region_name="eu-west-1",
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
        aws_session_token="",
        config=Config(retries={"total_max_attempts": 1}, **options),
    )


@pytest.fixture
def rekognition(door: FrontDoor, key: AccessKey) -> "RekognitionClient":
    return client(door, key)


@pytest.fixture
def people(rekognition: "RekognitionClient") -> Iterator[str]:
    rekognition.create_collection(CollectionId="people")
    yield "people"
    rekognition.delete_collection(CollectionId="people")


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Return code and `x-openrek-reason` of the error that the call raises."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPHeaders"].get("x-openrek-reason", "")


def test_the_main_job(
    rekognition: "RekognitionClient", people: str, image_bucket: str, photos: dict[str, bytes]
) -> None:
    stored = {"S3Object": {"Bucket": image_bucket, "Name": "one.jpg"}}
    assert rekognition.list_collections()["CollectionIds"] == [people]

    indexed = rekognition.index_faces(CollectionId=people, Image=stored, ExternalImageId="it:s-me.jpg")
    face_id = indexed["FaceRecords"][0]["Face"]["FaceId"]
    rekognition.index_faces(CollectionId=people, Image={"Bytes": photos["biden.jpg"]}, ExternalImageId="biden")

    found = rekognition.search_faces_by_image(CollectionId=people, Image={"Bytes": photos["obama2.jpg"]})
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [face_id]
    assert found["FaceMatches"][0]["Face"]["ExternalImageId"] == "it:s-me.jpg"
    assert rekognition.search_faces(CollectionId=people, FaceId=face_id)["FaceMatches"] == []
    described = rekognition.describe_collection(CollectionId=people)
    assert described["FaceCount"] == 2
    assert described["CollectionARN"] == f"arn:aws:rekognition:eu-west-1:{ACCOUNT}:collection/people"
    first = rekognition.list_faces(CollectionId=people, MaxResults=1)
    rest = rekognition.list_faces(CollectionId=people, MaxResults=1, NextToken=first["NextToken"])
    assert {face["ExternalImageId"] for page in (first, rest) for face in page["Faces"]} == {"it:s-me.jpg", "biden"}
    compared = rekognition.compare_faces(SourceImage=stored, TargetImage={"Bytes": photos["obama3.jpg"]})
    assert compared["FaceMatches"][0]["Similarity"] > 90
    assert len(rekognition.detect_faces(Image=stored)["FaceDetails"]) == 1

    assert rekognition.delete_faces(CollectionId=people, FaceIds=[face_id])["DeletedFaces"] == [face_id]
    assert rekognition.search_faces_by_image(CollectionId=people, Image=stored)["FaceMatches"] == []


def test_what_is_wrong_is_told_in_the_words_of_aws(
    rekognition: "RekognitionClient", people: str, photos: dict[str, bytes], aws_bucket_of_others: str
) -> None:
    assert refusal(rekognition.describe_collection, CollectionId="nobody")[0] == "ResourceNotFoundException"
    code, _ = refusal(rekognition.create_collection, CollectionId=people)
    assert code == "ResourceAlreadyExistsException"
    landscape = {"Bytes": photos["rocket.jpg"]}
    code, reason = refusal(rekognition.search_faces_by_image, CollectionId=people, Image=landscape)
    assert (code, reason) == ("InvalidParameterException", "No face was found in the photo.")
    theirs = {"S3Object": {"Bucket": aws_bucket_of_others, "Name": "one.jpg"}}
    code, reason = refusal(rekognition.detect_faces, Image=theirs)
    assert (code, "not one of those" in reason) == ("InvalidS3ObjectException", True)
    assert refusal(rekognition.detect_faces, Image={"Bytes": b"\xff" * 3_500_000})[0] == "InvalidImageFormatException"
    assert refusal(rekognition.detect_faces, Image={"Bytes": b"\xff" * 3_600_000})[0] == "413"


@pytest.fixture
def aws_bucket_of_others(aws: Any, photos: dict[str, bytes]) -> str:
    """Return a bucket that the functions could read, and must not."""
    bucket: str = aws.new_bucket()
    aws.s3().put_object(Bucket=bucket, Key="one.jpg", Body=photos["obama.jpg"])
    return bucket


def test_an_operation_that_is_not_offered_is_unknown(rekognition: "RekognitionClient") -> None:
    code, reason = refusal(rekognition.get_face_search, JobId="1")
    assert code == "UnknownOperationException"
    assert reason == "GetFaceSearch is an operation of Rekognition that openrek does not offer."


def test_only_who_has_a_key_gets_in(door: FrontDoor, key: AccessKey, keys: SsmKeys) -> None:
    stranger = client(door, new_key())
    assert refusal(stranger.list_collections)[0] == "UnrecognizedClientException"
    forged = AccessKey(key.key_id, new_key().secret, key.permissions, 0.0)
    assert refusal(client(door, forged).list_collections)[0] == "InvalidSignatureException"
    limited = new_key(Permissions(("Search*", "Describe*"), ("staff-*",)))
    keys.add(limited)
    assert refusal(client(door, limited).list_collections)[0] == "AccessDeniedException"
    assert refusal(client(door, limited).describe_collection, CollectionId="people")[0] == "AccessDeniedException"
    assert refusal(client(door, limited).describe_collection, CollectionId="staff-1")[0] == "ResourceNotFoundException"


def test_a_direct_route_is_the_same_operation(door: FrontDoor, rekognition: "RekognitionClient") -> None:
    """Check `POST /<Operation>`, signed for that path."""
    events = rekognition.meta.events
    events.register("before-sign.rekognition.ListCollections", _to_its_own_path)
    assert rekognition.list_collections()["CollectionIds"] == []


def _to_its_own_path(request: Any, **_: object) -> None:
    request.url = f"{request.url.rstrip('/')}/ListCollections"


def test_a_path_without_an_operation_is_unknown(door: FrontDoor, rekognition: "RekognitionClient") -> None:
    def elsewhere(request: Any, **_: object) -> None:
        request.url = f"{request.url.rstrip('/')}/Nothing"

    rekognition.meta.events.register("before-sign.rekognition.ListCollections", elsewhere)
    assert refusal(rekognition.list_collections)[0] == "UnknownOperationException"


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (Refused(429, "TooManyRequestsException"), "ThrottlingException"),
        (Refused(404, "ResourceNotFoundException"), "InternalServerError"),
        (Refused(413, "RequestTooLargeException"), "ImageTooLargeException"),
        (Refused(500, "ServiceException"), "InternalServerError"),
    ],
)
def test_the_router_asks_once_and_says_what_became_of_it(
    functions: LambdaService, rekognition: "RekognitionClient", refused: Refused, code: str
) -> None:
    functions.refusals.append(refused)
    functions.calls.clear()
    assert refusal(rekognition.list_collections)[0] == code
    assert functions.calls == [("openrek-ListCollections:live", "RequestResponse")]


def test_the_logs_hold_no_image_no_vector_and_no_secret(
    functions: LambdaService, door: FrontDoor, key: AccessKey, people: str, photos: dict[str, bytes]
) -> None:
    sent: list[str] = []
    rekognition = client(door, key)
    rekognition.meta.events.register("before-send.rekognition", lambda request, **_: sent.append(_signature(request)))
    image = {"Bytes": photos["obama.jpg"]}
    rekognition.index_faces(CollectionId=people, Image=image, ExternalImageId="a-name-in-the-request")
    rekognition.search_faces_by_image(CollectionId=people, Image=image)
    rekognition.list_faces(CollectionId=people)
    refusal(rekognition.describe_collection, CollectionId="nobody")
    refusal(rekognition.detect_faces, Image={"Bytes": b'no image\n{"level":"INFO"}'})

    logs = {path.stem: path.read_text("utf-8") for path in functions.logs.glob("*.log")}
    assert {"index_faces", "search_faces_by_image", "list_faces", "describe_collection"} <= logs.keys()
    text = "".join(logs.values())
    assert len(sent) == 5
    for secret in (key.secret, key.key_id, "a-name-in-the-request", *sent):
        assert secret not in text
    assert not re.search(r"[A-Za-z0-9+/=]{200}", text)
    assert not re.search(r"(-?\d+(\.\d+)?, *){8}", text)


def _signature(request: Any) -> str:
    header = request.headers["Authorization"]
    text = header.decode() if isinstance(header, bytes) else header
    return str(text.rpartition("Signature=")[2])


def lines(functions: LambdaService, name: str) -> list[dict[str, Any]]:
    """Return the function's lines of JSON."""
    return [json.loads(line) for line in functions.log(name).splitlines() if line.startswith("{")]


def test_each_call_is_one_line_of_log(
    functions: LambdaService, rekognition: "RekognitionClient", people: str, photos: dict[str, bytes]
) -> None:
    rekognition.index_faces(CollectionId=people, Image={"Bytes": photos["obama.jpg"]})
    logged = [line for line in lines(functions, "IndexFaces") if "_aws" not in line][-1]
    assert (logged["operation"], logged["collection"], logged["status"], logged["faces"]) == (
        "IndexFaces",
        people,
        200,
        1,
    )
    assert logged["ms"] > 0
    assert logged["level"] == "INFO"
    code, _ = refusal(rekognition.describe_collection, CollectionId="nobody")
    logged = [line for line in lines(functions, "DescribeCollection") if "_aws" not in line][-1]
    assert (logged["status"], logged["code"], logged["collection"]) == (400, code, "nobody")
    assert "faces" not in logged


def test_the_log_has_the_request_id_that_the_client_sees(
    functions: LambdaService, rekognition: "RekognitionClient"
) -> None:
    seen = rekognition.list_collections()["ResponseMetadata"]["RequestId"]
    logged = [line for line in lines(functions, "ListCollections") if "_aws" not in line][-1]
    assert logged["request_id"] == seen


UNITS = {"Milliseconds", "Count"}
METERED = ("IndexFaces", "SearchFacesByImage", "DescribeCollection")


def test_every_metric_is_as_cloudwatch_wants_it(
    functions: LambdaService, rekognition: "RekognitionClient", people: str, photos: dict[str, bytes]
) -> None:
    """Check the rules of "Specification: Embedded metric format" in CloudWatch's user guide."""
    for name in METERED:
        functions.forget(name)
    before = {name: len(lines(functions, name)) for name in METERED}
    rekognition.index_faces(CollectionId=people, Image={"Bytes": photos["obama.jpg"]})
    rekognition.search_faces_by_image(CollectionId=people, Image={"Bytes": photos["obama2.jpg"]})
    refusal(rekognition.describe_collection, CollectionId="nobody")

    blobs = [line for name in METERED for line in lines(functions, name)[before[name] :] if "_aws" in line]
    seen: dict[str, set[str]] = {}
    for blob in blobs:
        assert isinstance(blob["_aws"]["Timestamp"], int)
        for directive in blob["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == "openrek"
            assert 1 <= len(directive["Metrics"]) <= 100
            for dimensions in directive["Dimensions"]:
                assert {"service", "operation"} <= set(dimensions) <= {"service", "operation", "code"}
                assert all(isinstance(blob[name], str) and 1 <= len(blob[name]) <= 1024 for name in dimensions)
            for metric in directive["Metrics"]:
                assert metric["Unit"] in UNITS
                assert all(isinstance(value, float) and value >= 0 for value in blob[metric["Name"]])
                seen.setdefault(blob["operation"], set()).add(metric["Name"])
    assert seen == {
        "IndexFaces": {"Latency", "FacesIndexed", "ColdStarts"},
        "SearchFacesByImage": {"Latency", "RowsScanned", "ColdStarts"},
        "DescribeCollection": {"Latency", "ColdStarts", "Errors"},
    }
    assert {blob["code"] for blob in blobs if "code" in blob} == {"ResourceNotFoundException"}
