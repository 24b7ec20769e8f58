"""The real server, and the command line that calls it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from openrek.runtime.cli.main import main
from tests.support.aws import LocalAws, local_aws
from tests.support.server import live_server, rekognition  # noqa: F401 (fixtures)


@pytest.fixture
def run(live_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # noqa: F811
    """Return a function that runs `openrek` against the live server, with journals of its own."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", live_server)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object, **options: Any) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False, **options)

    return command


@pytest.fixture
def collection() -> str:
    """Return a name that no collection has."""
    return f"cli-{uuid4()}"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """Start DynamoDB, S3 and SSM on this machine, and set an environment with credentials for them."""
    with local_aws() as running:
        yield running
