"""The events of `events/`, signed: the event that API Gateway sends a function when an SDK makes that request now.

    python -m tests.support.events events/list_faces.json

prints one, signed with the key of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. It is good for five minutes.
"""

import json
import os
import sys
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
    """Return the event of an operation, by its name in snake case."""
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    event["body"] = event["body"].replace(BUCKET, f'"{image_bucket}"').replace(NO_ACCOUNT, ACCOUNT)
    return signed_event(event, Credentials(key.key_id, key.secret))


def signed_event(event: dict[str, Any], key: Credentials) -> dict[str, Any]:
    """Return the event with a signature over the body and headers that it has."""
    sent = event["headers"]
    headers = {name: sent[name] for name in ("Content-Type", "X-Amz-Target")}
    url = f"https://{sent['Host']}{event['path']}"
    request = AWSRequest("POST", url, headers=headers, data=event["body"].encode())
    region = sent["Authorization"].split("/")[2]
    SigV4Auth(key, "rekognition", region).add_auth(request)
    signed = {**sent, **{name: str(value) for name, value in request.headers.items()}}
    return {**event, "headers": signed, "multiValueHeaders": {name: [value] for name, value in signed.items()}}


def main() -> None:
    event = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    key = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    sys.stdout.write(json.dumps(signed_event(event, key), indent=2) + "\n")


if __name__ == "__main__":
    main()
