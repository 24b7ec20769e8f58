"""Fixtures of the conformance tests: stock boto3 clients, over real HTTP, of the real server with the real models."""

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.server import live_server, rekognition  # noqa: F401 (fixtures)

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


@pytest.fixture
def collection(rekognition: "RekognitionClient") -> Iterator[str]:  # noqa: F811
    """Yield the id of a new, empty collection."""
    name = f"test-{uuid.uuid4()}"
    rekognition.create_collection(CollectionId=name)
    yield name
    if name in rekognition.list_collections(MaxResults=4096)["CollectionIds"]:
        rekognition.delete_collection(CollectionId=name)


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str, str]:
    """Return code, message and `x-openrek-reason` of the error that the call raises."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response = raised.value.response
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    return response["Error"]["Code"], response["Error"]["Message"], headers.get("x-openrek-reason", "")
