"""Tags of collections."""

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.conformance.conftest import refusal
from tests.support.server import client

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


@pytest.fixture
def arn(rekognition: "RekognitionClient", collection: str) -> str:
    return rekognition.describe_collection(CollectionId=collection)["CollectionARN"]


def tags(rekognition: "RekognitionClient", arn: str) -> dict[str, str]:
    return rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"]


def test_tags_of_the_creation_and_later_ones(rekognition: "RekognitionClient") -> None:
    name = f"tagged-{uuid4()}"
    short = rekognition.create_collection(CollectionId=name, Tags={"team": "doors", "Kosten / Stelle": "größe 7"})[
        "CollectionArn"
    ]
    assert short.startswith("aws:rekognition:")
    for arn in (short, f"arn:{short}"):
        assert tags(rekognition, arn) == {"team": "doors", "Kosten / Stelle": "größe 7"}
    rekognition.tag_resource(ResourceArn=short, Tags={"team": "gates", "empty": ""})
    assert tags(rekognition, short) == {"team": "gates", "Kosten / Stelle": "größe 7", "empty": ""}
    for _ in range(2):
        rekognition.untag_resource(ResourceArn=short, TagKeys=["team", "never"])
    assert tags(rekognition, short) == {"Kosten / Stelle": "größe 7", "empty": ""}
    rekognition.delete_collection(CollectionId=name)
    gone = refusal(rekognition.list_tags_for_resource, ResourceArn=short)
    assert gone[:2] == ("ResourceNotFoundException", f"The collection id: {name} does not exist")
    rekognition.create_collection(CollectionId=name)
    assert tags(rekognition, short) == {}
    rekognition.delete_collection(CollectionId=name)


def test_two_hundred_tags_are_the_most(rekognition: "RekognitionClient", arn: str) -> None:
    rekognition.tag_resource(ResourceArn=arn, Tags={str(number): "x" * 256 for number in range(200)})
    code, _, reason = refusal(rekognition.tag_resource, ResourceArn=arn, Tags={"one": "more"})
    assert (code, "200" in reason) == ("ServiceQuotaExceededException", True)
    rekognition.tag_resource(ResourceArn=arn, Tags={"7": "changed"})
    assert len(tags(rekognition, arn)) == 200
    many = {str(number): "" for number in range(201)}
    for call, arguments in (
        (rekognition.tag_resource, {"ResourceArn": arn}),
        (rekognition.create_collection, {"CollectionId": f"never-{uuid4()}"}),
    ):
        code, message, _ = refusal(call, **arguments, Tags=many)
        assert code == "ValidationException"
        assert "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 200" in message


def test_keys_of_awss_own_are_refused(rekognition: "RekognitionClient", arn: str) -> None:
    never = f"never-{uuid4()}"
    for call, arguments in (
        (rekognition.tag_resource, {"ResourceArn": arn, "Tags": {"aws:made": "x"}}),
        (rekognition.tag_resource, {"ResourceArn": arn, "Tags": {"k": "v\u00a7"}}),
        (rekognition.untag_resource, {"ResourceArn": arn, "TagKeys": ["aws:made"]}),
        (rekognition.create_collection, {"CollectionId": never, "Tags": {"aws:made": "x"}}),
    ):
        assert refusal(call, **arguments)[0] == "ValidationException"
    assert tags(rekognition, arn) == {}
    assert never not in rekognition.list_collections(MaxResults=4096)["CollectionIds"]


def test_only_arns_of_ones_own_are_known(rekognition: "RekognitionClient", live_server: str, arn: str) -> None:
    rekognition.tag_resource(ResourceArn=arn, Tags={"team": "doors"})
    for wrong, expected in (
        (arn.replace("eu-west-1", "us-east-1"), "ResourceNotFoundException"),
        (arn.replace("000000000000", "123456789012"), "ResourceNotFoundException"),
        (arn.replace(":collection/", ":streamprocessor/"), "ResourceNotFoundException"),
        (f"{arn}-2", "ResourceNotFoundException"),
        (f"{arn}/2", "InvalidParameterException"),
        (arn.replace(":rekognition:", ":s3:"), "InvalidParameterException"),
        (arn.partition("/")[2].ljust(20, "x"), "InvalidParameterException"),
    ):
        for call, more in (
            (rekognition.list_tags_for_resource, {}),
            (rekognition.tag_resource, {"Tags": {"team": "gates"}}),
            (rekognition.untag_resource, {"TagKeys": ["team"]}),
        ):
            assert refusal(call, ResourceArn=wrong, **more)[0] == expected
    assert tags(rekognition, arn) == {"team": "doors"}
    assert client(live_server).list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "doors"}
