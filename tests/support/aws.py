"""DynamoDB and S3 on this machine: moto behind HTTP, so that the adapters run as they are, over real connections.

moto loses concurrent transactions; here one request is carried out at a time. Chosen requests can go wrong on the way.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeAlias
from unittest.mock import patch

import boto3
from botocore.config import Config
from moto.dynamodb import responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from openrek.store.blobs.s3 import S3Blobs
from openrek.store.items.dynamo import DynamoItems
from openrek.store.items.port import MAX_READ_KEYS

REGION = "us-east-1"
TIMEOUT_S = 60
"""A busy machine may take long over what AWS does in milliseconds; tests of silence have timeouts of their own."""

responses.TRANSACTION_MAX_ITEMS = MAX_READ_KEYS  # DynamoDB's limit since 2022; moto still has the old one, 25
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_SESSION_TOKEN": "any",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}

Environ: TypeAlias = dict[str, Any]
App: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Fault: TypeAlias = Callable[[App, Environ, Callable[..., Any]], Iterable[bytes]]
"""Stands between the client and `App`: it may carry the request out, and say something else."""


class LocalAws:
    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._one_at_a_time = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        self.server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        fault = self._fault(_named(environ))
        return self._carry_out(environ, start) if fault is None else fault(self._carry_out, environ, start)

    def meddle(self, name: str, *faults: Fault) -> None:
        """Let the next requests of that name meet these faults, one each. A name is DynamoDB's or an HTTP method."""
        self._faults += [(name, fault) for fault in faults]

    def items(self, table: str | None = None) -> DynamoItems:
        """On a table of its own, unless one is named."""
        return DynamoItems(table or self.new_table(), region=REGION, host=self.url, read_timeout_s=TIMEOUT_S)

    def blobs(self, bucket: str | None = None, **options: Any) -> S3Blobs:
        return S3Blobs(bucket or self.new_bucket(), client=self.s3(), **options)

    def new_table(self) -> str:
        name = f"t-{secrets.token_hex(6)}"
        keys = (("partition", "HASH"), ("sort", "RANGE"))
        boto3.client("dynamodb", endpoint_url=self.url).create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        )
        return name

    def new_bucket(self) -> str:
        name = f"b-{secrets.token_hex(6)}"
        self.s3().create_bucket(Bucket=name)
        return name

    def s3(self) -> Any:
        retries = {"total_max_attempts": 4, "mode": "standard"}
        return boto3.client(
            "s3", endpoint_url=self.url, config=Config(read_timeout=TIMEOUT_S, retries=retries, max_pool_connections=16)
        )

    def ssm(self) -> Any:
        retries = {"total_max_attempts": 3, "mode": "standard"}
        return boto3.client("ssm", endpoint_url=self.url, config=Config(read_timeout=TIMEOUT_S, retries=retries))

    def _carry_out(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        with self._one_at_a_time:
            return list(self._app(environ, start))

    def _fault(self, name: str) -> Fault | None:
        for position, (wanted, fault) in enumerate(self._faults):
            if wanted == name:
                del self._faults[position]
                return fault
        return None


class _Quiet(MotoRequestHandler):
    disable_nagle_algorithm = True  # headers and body are sent apart: clients would wait 40 ms for each answer

    def log(self, *_: object) -> None: ...


def _named(environ: Environ) -> str:
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    return target.rpartition(".")[2] or str(environ["REQUEST_METHOD"])


def swallowed(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
    """Do nothing, and close the connection."""
    raise _closed(environ)


def unsaid(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
    """Carry the request out, and close the connection."""
    app(environ, lambda *_: None)
    raise _closed(environ)


def silent(until: threading.Event) -> Fault:
    """Carry the request out, but send no response for long."""

    def wait(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        app(environ, lambda *_: None)
        until.wait(30)
        raise _closed(environ)

    return wait


def answered(status: int, body: bytes, *, done: bool = False) -> Fault:
    """Send this response; carry the request out only if `done`."""

    def answer(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if done:
            app(environ, lambda *_: None)
        start(f"{status} {HTTPStatus(status).phrase}", [("Content-Length", str(len(body)))])
        return [body]

    return answer


def cut_short(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
    """Send the right headers, and half of the body."""
    whole = b"".join(app(environ, start))
    yield whole[: len(whole) // 2]
    raise _closed(environ)


def _closed(environ: Environ) -> ConnectionError:
    """Close the connection here, since werkzeug does not."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return ConnectionAbortedError()


@contextmanager
def local_aws() -> Iterator[LocalAws]:
    with patch.dict(os.environ, ENVIRON):
        aws = LocalAws()
        thread = threading.Thread(target=aws.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield aws
        finally:
            aws.server.shutdown()
            aws.server.server_close()
            thread.join()
