"""ClientRequestToken: repeated requests are recognised by it and a hash of their input."""

import hashlib
import json

from openrek.domain.users import RequestToken
from openrek.operations.translation.shapes import Request

TOKEN = "ClientRequestToken"  # noqa: S105 - the member's name


def request_token(operation: str, request: Request) -> RequestToken | None:
    """Return the request's token with a hash of the operation and its input; None when it has no token."""
    if TOKEN not in request:
        return None
    input_ = {name: value for name, value in request.items() if name != TOKEN}
    canonical = json.dumps([operation, input_], sort_keys=True, separators=(",", ":"))
    return RequestToken(request[TOKEN], hashlib.sha256(canonical.encode()).digest())
