"""A stock boto3 client for the endpoint that the user names, and its errors as sentences."""

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
)

from openrek.runtime.cli.client_models import extended_session
from openrek.runtime.server.guard import is_loopback

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

DEFAULT_URL = "http://127.0.0.1:8080"
AWS_HOST = re.compile(r"rekognition(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
CALL_FAILED = (ClientError, BotoCoreError)


def endpoint(given: str | None) -> str:
    """Return the given URL, else that of AWS's own variables, else the local server's."""
    environ = os.environ
    return given or environ.get("AWS_ENDPOINT_URL_REKOGNITION") or environ.get("AWS_ENDPOINT_URL") or DEFAULT_URL


def connect(url: str, *, connections: int = 4, extended: bool = False) -> "RekognitionClient":
    """Return a client with the user's own credentials.

    A local server without keys takes any, so without credentials it gets a stand-in for them. `extended`: the client
    has openrek's own operations too.
    """
    host = urlsplit(url).hostname or ""
    at_aws = AWS_HOST.fullmatch(host)
    core = extended_session() if extended else botocore.session.get_session()
    if is_loopback(host) and not _has_credentials(core):
        core.set_credentials("openrek", "openrek")
    session = boto3.Session(botocore_session=core)
    return session.client(
        "rekognition",
        endpoint_url=url,
        region_name=at_aws["region"] if at_aws else session.region_name or "us-east-1",
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 8},
            max_pool_connections=connections,
            connect_timeout=10,
            read_timeout=120,
        ),
    )


def _has_credentials(session: botocore.session.Session) -> bool:
    """Return True if the user has configured credentials.

    A role of the machine is not looked for: without one, the search takes seconds.
    """
    session.get_component("credential_provider").remove("iam-role")
    return session.get_credentials() is not None


def code_of(error: Exception) -> str:
    """Return AWS's error code, or the empty string where the call got no response."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def explain(error: Exception, url: str) -> str:
    """Return one sentence for a person, with openrek's own reason where there is one.

    For a broken constraint, return that reason alone, which says the same in fewer words.
    """
    if isinstance(error, ClientError):
        said = error.response.get("Error", {}).get("Message", "") or code_of(error)
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        reason: str | None = headers.get("x-openrek-reason")
        if reason and code_of(error) == "ValidationException":
            return reason
        return f"{said} ({reason})" if reason and reason not in said else said
    if isinstance(error, EndpointConnectionError):
        return f"No server answers at {url}; start one with `openrek serve`, or name another with --endpoint-url."
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"{url} needs AWS credentials, and none were found."
    return f"{url}: {error}"
