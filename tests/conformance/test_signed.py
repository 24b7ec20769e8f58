"""`openrek serve` with keys, on every address: it serves stock clients that have one, and no others."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from click.testing import CliRunner

from openrek.domain.access_keys import AccessKey
from openrek.runtime.cli.main import main
from openrek.runtime.keys.file_keys import FileKeys
from openrek.wire.http import HttpRequest
from tests.conformance.conftest import refusal
from tests.support.server import ServerProcess, client
from tests.support.signing import changed, new_key, signed

MISMATCH = "The request signature we calculated does not match the signature you provided."
INVALID = "The security token included in the request is invalid."


class Keyed:
    """A server with keys, and the file of its keys."""

    def __init__(self, folder: Path, weights: Path) -> None:
        self.file = folder / "keys.json"
        self.owner = self.issue("--allow", "*", "--collection", "*")
        self.buckets = folder / "data" / "buckets"
        self.server = ServerProcess(folder / "data", weights, ["--keys-file", str(self.file), "--host", "0.0.0.0"])
        self.url = self.server.url.replace("0.0.0.0", "127.0.0.1")

    def issue(self, *arguments: str) -> AccessKey:
        said = self.command("create", *arguments)
        key = FileKeys(self.file).find(said.partition("AWS_ACCESS_KEY_ID=")[2].split()[0])
        assert key is not None
        return key

    def command(self, *arguments: str) -> str:
        result = CliRunner().invoke(main, ["keys", *arguments, "--file", str(self.file)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def send(self, request: HttpRequest) -> tuple[int, dict[str, Any]]:
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)) as connection:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**request.headers, "content-length": str(len(request.body))}.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, weights_folder: Path) -> Iterator[Keyed]:
    running = Keyed(tmp_path_factory.mktemp("keyed"), weights_folder)
    yield running
    assert running.server.stop() == (0, "")


def test_boto3_does_the_main_job_with_a_key(keyed: Keyed, photos: Mapping[str, bytes]) -> None:
    rekognition = client(keyed.url, keyed.owner)
    assert rekognition.create_collection(CollectionId="people")["CollectionArn"].startswith("aws:rekognition:eu-west-1")
    indexed = rekognition.index_faces(CollectionId="people", Image={"Bytes": photos["obama.jpg"]})["FaceRecords"]
    found = rekognition.search_faces_by_image(CollectionId="people", Image={"Bytes": photos["obama2.jpg"]})
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [indexed[0]["Face"]["FaceId"]]
    assert "people" in rekognition.list_collections()["CollectionIds"]


def test_every_region_that_sdks_know_is_accepted(keyed: Keyed) -> None:
    regions = boto3.Session().get_available_regions("rekognition")
    assert {"us-east-1", "eu-west-1"} <= set(regions)
    for region in regions:
        assert keyed.send(signed(keyed.owner, region=region))[0] == 200, region


def test_the_aws_cli_does_it_with_a_key(keyed: Keyed, tmp_path: Path, photos: Mapping[str, bytes]) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photos["obama.jpg"])
    environ = {
        **os.environ,
        "AWS_ENDPOINT_URL_REKOGNITION": keyed.url,
        "AWS_ACCESS_KEY_ID": keyed.owner.key_id,
        "AWS_SECRET_ACCESS_KEY": keyed.owner.secret,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_MAX_ATTEMPTS": "1",
    }
    environ.pop("AWS_SESSION_TOKEN", None)
    aws = [sys.executable, str(Path(sys.executable).with_name("aws")), "rekognition", "detect-faces"]
    command = [*aws, "--image-bytes", f"fileb://{photo}"]
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["FaceDetails"]) == 1
    wrong = {**environ, "AWS_SECRET_ACCESS_KEY": new_key().secret}
    done = subprocess.run(command, env=wrong, check=False, capture_output=True, text=True)
    assert "(InvalidSignatureException)" in done.stderr


def test_a_wrong_secret_an_unknown_key_and_a_token_are_refused(keyed: Keyed) -> None:
    forged = AccessKey(keyed.owner.key_id, new_key().secret, keyed.owner.permissions, 0.0)
    code, text, _ = refusal(client(keyed.url, forged).list_collections)
    assert (code, text.startswith(MISMATCH)) == ("InvalidSignatureException", True)
    for key in (new_key(), None):
        assert refusal(client(keyed.url, key).list_collections)[:2] == ("UnrecognizedClientException", INVALID)
    with_token = boto3.client(
        "rekognition",
        endpoint_url=keyed.url,
        region_name="eu-west-1",
        aws_access_key_id=keyed.owner.key_id,
        aws_secret_access_key=keyed.owner.secret,
        aws_session_token="of-somewhere-else",
    )
    code, text, reason = refusal(with_token.list_collections)
    assert (code, text) == ("UnrecognizedClientException", INVALID)
    assert "AWS_SESSION_TOKEN" in reason


def test_a_revoked_key_is_worthless_at_once(keyed: Keyed) -> None:
    key = keyed.issue("--allow", "*", "--collection", "*")
    rekognition = client(keyed.url, key)
    assert rekognition.list_collections()["ResponseMetadata"]["HTTPStatusCode"] == 200
    keyed.command("revoke", key.key_id)
    assert refusal(rekognition.list_collections)[:2] == ("UnrecognizedClientException", INVALID)


def test_an_expired_key_says_so(keyed: Keyed) -> None:
    key = new_key(expires_s=1.0)
    FileKeys(keyed.file).add(key)
    assert refusal(client(keyed.url, key).list_collections)[:2] == (
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )


def test_a_key_reads_only_its_objects_and_learns_nothing_of_others(keyed: Keyed, photos: Mapping[str, bytes]) -> None:
    for bucket, name in (("photos", "anna/1.jpg"), ("staff", "ceo.jpg")):
        place = keyed.buckets / bucket / name
        place.parent.mkdir(parents=True)
        place.write_bytes(photos["obama.jpg"])
    anna = client(keyed.url, keyed.issue("--allow", "Detect*", "--object", "photos/anna/*"))
    found = anna.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": "anna/1.jpg"}})
    assert len(found["FaceDetails"]) == 1
    places = (
        ("staff", "ceo.jpg"),
        ("staff", "nobody.jpg"),
        ("nowhere", "x"),
        ("photos", "ben/1.jpg"),
        ("photos", "/../.."),
    )
    for rekognition in (anna, client(keyed.url, keyed.issue("--allow", "*", "--collection", "*"))):
        refusals = {
            refusal(rekognition.detect_faces, Image={"S3Object": {"Bucket": bucket, "Name": name}})
            for bucket, name in places
        }
        ((code, text, reason),) = refusals
        assert code == "InvalidS3ObjectException"
        assert text.startswith("Unable to get object metadata from S3.")
        assert "object patterns" in reason
    assert refusal(anna.detect_faces, Image={"S3Object": {"Bucket": "photos", "Name": "anna/2.jpg"}})[1] == text


def test_celebrities_are_for_a_key_that_allows_their_collection(keyed: Keyed, photos: Mapping[str, bytes]) -> None:
    image = {"Bytes": photos["obama.jpg"]}
    allowed = client(keyed.url, keyed.issue("--allow", "*", "--collection", "celebrities"))
    assert len(allowed.recognize_celebrities(Image=image)["UnrecognizedFaces"]) == 1
    others = client(keyed.url, keyed.issue("--allow", "*", "--collection", "staff-*"))
    for call, arguments in ((others.recognize_celebrities, {"Image": image}), (others.get_celebrity_info, {"Id": "a"})):
        code, message, reason = refusal(call, **arguments)
        assert code == "AccessDeniedException"
        assert message.endswith("collection/celebrities")
        assert "collection patterns" in reason


def test_a_key_for_searching_staff_can_do_nothing_else(keyed: Keyed, photos: Mapping[str, bytes]) -> None:
    owner = client(keyed.url, keyed.owner)
    image = {"Bytes": photos["obama.jpg"]}
    for name in ("staff-berlin", "visitors"):
        owner.create_collection(CollectionId=name)
        face_id = owner.index_faces(CollectionId=name, Image=image)["FaceRecords"][0]["Face"]["FaceId"]
    key = keyed.issue("--allow", "Search*", "--collection", "staff-*")
    limited = client(keyed.url, key)
    assert len(limited.search_faces_by_image(CollectionId="staff-berlin", Image=image)["FaceMatches"]) == 1
    user = f"User: arn:aws:iam::000000000000:user/{key.key_id} is not authorized to perform: rekognition:"
    collection = "on resource: arn:aws:rekognition:eu-west-1:000000000000:collection/"
    for call, arguments, said in (
        (
            limited.search_faces_by_image,
            {"CollectionId": "visitors", "Image": image},
            f"SearchFacesByImage {collection}visitors",
        ),
        (limited.search_faces, {"CollectionId": "visitors", "FaceId": face_id}, f"SearchFaces {collection}visitors"),
        (limited.search_faces, {"CollectionId": "nowhere", "FaceId": face_id}, f"SearchFaces {collection}nowhere"),
        (limited.index_faces, {"CollectionId": "staff-berlin", "Image": image}, f"IndexFaces {collection}staff-berlin"),
        (limited.delete_collection, {"CollectionId": "staff-berlin"}, f"DeleteCollection {collection}staff-berlin"),
        (limited.create_collection, {"CollectionId": "staff-new"}, f"CreateCollection {collection}staff-new"),
        (limited.list_collections, {}, "ListCollections on resource: *"),
        (limited.detect_faces, {"Image": image}, "DetectFaces on resource: *"),
    ):
        assert refusal(call, **arguments)[:2] == ("AccessDeniedException", user + said)
    counts = [owner.describe_collection(CollectionId=name)["FaceCount"] for name in ("staff-berlin", "visitors")]
    assert counts == [1, 1]


def test_a_request_that_was_changed_on_its_way_is_refused(keyed: Keyed) -> None:
    request = signed(keyed.owner, body=b'{"MaxResults": 1}')
    assert keyed.send(request)[0] == 200
    body = HttpRequest("POST", "/", request.headers, b'{"MaxResults": 2}')
    path = HttpRequest("POST", "/ListCollections", request.headers, request.body)
    header = changed(request, x_amz_target="RekognitionService.DeleteCollection")
    unsigned = changed(request, without="x-amz-target")
    for tampered in (body, path, header, unsigned):
        status, response = keyed.send(tampered)
        assert (status, response["__type"]) == (400, "InvalidSignatureException")
        assert response["message"].startswith(MISMATCH)


@pytest.mark.parametrize(
    ("old", "new", "code", "text"),
    [
        ("/rekognition/", "/s3/", "InvalidSignatureException", "Credential should be scoped to correct service: "),
        (
            "/eu-west-1/",
            "/mars/",
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'mars'",
        ),
        ("Signature=", "Sig=", "IncompleteSignatureException", "Authorization header requires 'Signature' parameter."),
        ("AWS4-HMAC-SHA256 ", "Bearer ", "MissingAuthenticationTokenException", "Missing Authentication Token"),
    ],
)
def test_the_authorization_is_refused_in_the_words_of_aws(
    keyed: Keyed, old: str, new: str, code: str, text: str
) -> None:
    request = signed(keyed.owner)
    status, response = keyed.send(changed(request, authorization=request.headers["authorization"].replace(old, new)))
    assert (status, response["__type"], response.keys()) == (400, code, {"__type", "message"})
    assert response["message"].startswith(text)


def test_an_old_request_is_refused(keyed: Keyed) -> None:
    status, response = keyed.send(changed(signed(keyed.owner), x_amz_date="20150830T123600Z"))
    assert (status, response["__type"]) == (400, "InvalidSignatureException")
    assert response["message"].startswith("Signature expired: 20150830T123600Z is now earlier than 2")
