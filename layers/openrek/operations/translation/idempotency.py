"""ClientRequestToken: what makes two requests the same one."""

import hashlib
import json

from openrek.domain.users import RequestToken
from openrek.operations.translation.shapes import Request

TOKEN = "ClientRequestToken"  # noqa: S105 - the member's name


def request_token(operation: str, request: Request) -> RequestToken | None:
    """The request's token with a hash of the operation and of all that it asks for; None when it has no token."""
    if TOKEN not in request:
        return None
    asked = {name: value for name, value in request.items() if name != TOKEN}
    canonical = json.dumps([operation, asked], sort_keys=True, separators=(",", ":"))
    return RequestToken(request[TOKEN], hashlib.sha256(canonical.encode()).digest())
