"""The events of `events/`, signed: what API Gateway hands to a function when an SDK sends that request now."""

import json
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from openrek.domain.access_keys import AccessKey
from openrek.domain.caller import NO_ACCOUNT

FOLDER = Path(__file__).parents[2] / "events"
BUCKET = '"photos"'
"""The bucket of images that the events name."""
ACCOUNT = "123456789012"
"""The account of deployments in tests; the events' own is that of this machine."""


def event_of(name: str, key: AccessKey, image_bucket: str) -> dict[str, Any]:
    """The event of an operation, by its name in snake case."""
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    event["body"] = event["body"].replace(BUCKET, f'"{image_bucket}"').replace(NO_ACCOUNT, ACCOUNT)
    return signed_event(event, key)


def signed_event(event: dict[str, Any], key: AccessKey) -> dict[str, Any]:
    """The event with a signature over the body and headers that it has."""
    sent = event["headers"]
    headers = {name: sent[name] for name in ("Content-Type", "X-Amz-Target")}
    url = f"https://{sent['Host']}{event['path']}"
    request = AWSRequest("POST", url, headers=headers, data=event["body"].encode())
    region = sent["Authorization"].split("/")[2]
    SigV4Auth(Credentials(key.key_id, key.secret), "rekognition", region).add_auth(request)
    signed = {**sent, **{name: str(value) for name, value in request.headers.items()}}
    return {**event, "headers": signed, "multiValueHeaders": {name: [value] for name, value in signed.items()}}
