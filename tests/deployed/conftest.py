"""The packages of `infra.package`, run as AWS runs them: real runtime client, real packages, DynamoDB, S3 and SSM of
moto.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from infra.package import package
from infra.targets import TARGETS
from openrek.domain.access_keys import AccessKey
from openrek.runtime.keys.ssm_keys import SsmKeys
from tests.support.aws import ENVIRON, REGION, TIMEOUT_S, LocalAws, local_aws
from tests.support.events import ACCOUNT
from tests.support.lambda_service import LambdaService
from tests.support.runtime_api import runtime_folder
from tests.support.signing import new_key


@pytest.fixture(scope="session")
def packaged() -> Path:
    """Return the folder of packages for this machine; made anew where their inputs changed."""
    return package(TARGETS["host"])


@pytest.fixture(scope="session")
def runtime(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with runtime_folder(tmp_path_factory.mktemp("runtime") / "packages", packaged / "runtime") as folder:
        yield folder


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with local_aws() as running:
        yield running


@pytest.fixture(scope="session")
def image_bucket(aws: LocalAws, photos: dict[str, bytes]) -> str:
    """Return the one bucket that functions may read images from."""
    bucket = aws.new_bucket()
    for name, photo in {"one.jpg": photos["obama.jpg"], "two.jpg": photos["obama2.jpg"]}.items():
        aws.s3().put_object(Bucket=bucket, Key=name, Body=photo)
    return bucket


@pytest.fixture(scope="module")
def keys_prefix() -> str:
    return f"/openrek/{secrets.token_hex(4)}/keys/"


@pytest.fixture(scope="module")
def keys(aws: LocalAws, keys_prefix: str) -> SsmKeys:
    """Return the access keys of the deployment, where its owner would put them."""
    return SsmKeys(keys_prefix, client=boto3.client("ssm", endpoint_url=aws.url))


@pytest.fixture(scope="module")
def key(keys: SsmKeys) -> AccessKey:
    """Return a key that may call everything."""
    made = new_key()
    keys.add(made)
    return made


@pytest.fixture(scope="module")
def functions(
    packaged: Path,
    runtime: Path,
    aws: LocalAws,
    image_bucket: str,
    keys_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LambdaService]:
    """Yield a deployment with a store of its own, for the tests of one module."""
    environ = {
        **ENVIRON,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": aws.url,
        "OPENREK_TABLE": aws.new_table(),
        "OPENREK_BUCKET": aws.new_bucket(),
        "OPENREK_IMAGE_BUCKETS": image_bucket,
        "OPENREK_KEYS": keys_prefix,
        "OPENREK_ACCOUNT": ACCOUNT,
        "OPENREK_AWS_TIMEOUT": str(TIMEOUT_S),
        "POWERTOOLS_SERVICE_NAME": "openrek",
    }
    service = LambdaService(packaged, runtime, tmp_path_factory.mktemp("logs"), environ)
    yield service
    service.close()
