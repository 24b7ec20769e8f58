from collections.abc import Iterator

import pytest

from tests.support.aws import LocalAws, local_aws
from tests.support.server import live_server, rekognition

__all__ = ["live_server", "rekognition"]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """DynamoDB, S3 and SSM on this machine, and an environment with credentials for them."""
    with local_aws() as running:
        yield running
