"""The client of the commands: endpoint, credentials, and sentences for errors."""

import socket
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from openrek.runtime.cli.client import CALL_FAILED, connect, endpoint, explain


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_REKOGNITION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def test_the_endpoint_is_the_most_particular_one_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint(None) == "http://127.0.0.1:8080"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all")
    assert endpoint(None) == "http://all"
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", "http://one")
    assert endpoint(None) == "http://one"
    assert endpoint("http://given") == "http://given"


def test_a_local_server_needs_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect("http://localhost:8080")
    assert client.meta.region_name == "us-east-1"
    assert client._request_signer._credentials.access_key == "openrek"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    assert connect("http://localhost:8080")._request_signer._credentials.access_key == "mine"


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize(
    ("file", "variable"),
    [("credentials", "AWS_SHARED_CREDENTIALS_FILE"), ("config", "AWS_CONFIG_FILE")],
)
def test_a_local_server_gets_the_credentials_that_are_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, variable: str, extended: bool
) -> None:
    (tmp_path / file).write_text("[default]\naws_access_key_id = mine\naws_secret_access_key = secret\n")
    monkeypatch.setenv(variable, str(tmp_path / file))
    found = connect("http://localhost:8080", extended=extended)._request_signer._credentials
    assert (found.access_key, found.secret_key) == ("mine", "secret")


@pytest.mark.parametrize("extended", [False, True])
def test_nobody_is_asked_for_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch, extended: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as metadata:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{metadata.getsockname()[1]}")
        found = connect("http://127.0.0.1:8080", extended=extended)._request_signer._credentials
        metadata.setblocking(False)
        with pytest.raises(BlockingIOError):
            metadata.accept()
    assert found.access_key == "openrek"


def test_a_profile_that_does_not_exist_is_an_error_as_it_is_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(CALL_FAILED, match="nowhere"):
        connect("http://127.0.0.1:8080")


def test_at_aws_the_region_is_the_endpoints() -> None:
    assert connect("https://rekognition.eu-central-1.amazonaws.com").meta.region_name == "eu-central-1"


def test_errors_are_sentences() -> None:
    url = "http://127.0.0.1:8080"
    refused = {"Error": {"Code": "X", "Message": "Request has invalid parameters"}}
    reason = {"ResponseMetadata": {"HTTPHeaders": {"x-openrek-reason": "The photo is empty."}}}
    assert explain(ClientError(refused, "Op"), url) == "Request has invalid parameters"
    assert explain(ClientError({**refused, **reason}, "Op"), url) == (
        "Request has invalid parameters (The photo is empty.)"
    )
    broken = {"Error": {"Code": "ValidationException", "Message": "1 validation error detected: Value 'x y' at ..."}}
    assert explain(ClientError({**broken, **reason}, "Op"), url) == "The photo is empty."
    assert explain(ClientError(broken, "Op"), url) == "1 validation error detected: Value 'x y' at ..."
    assert "openrek serve" in explain(EndpointConnectionError(endpoint_url=url), url)
    assert "credentials" in explain(NoCredentialsError(), url)
