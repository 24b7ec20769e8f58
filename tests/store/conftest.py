"""What the tests of the AWS adapters need."""

from collections.abc import Iterator

import pytest

from tests.support.aws import LocalAws, local_aws


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """DynamoDB and S3 on this machine; tests take tables and buckets of their own."""
    with local_aws() as running:
        yield running
