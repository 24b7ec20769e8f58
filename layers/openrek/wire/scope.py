"""Who asks, as far as an unverified signature tells: the region of its credential scope.

Verifying the signature is another step in the same place of the path; it, too, takes a request and gives a Caller.
"""

import re

from openrek.domain.caller import Caller
from openrek.wire.http import HttpRequest

SCOPE = re.compile(
    r"Credential=[^/,\s]{1,256}/[0-9]{8}/(?P<region>[a-z]{2,8}(?:-[a-z]{2,20}){1,3}-[0-9]{1,2})/[a-z0-9-]{1,64}/aws4_request"
)
AUTHORIZATION_CHARACTERS = 8192


def caller_by_scope(request: HttpRequest) -> Caller:
    """The caller in the region that it signed for; without a readable scope, the default region."""
    found = SCOPE.search(request.headers.get("authorization", "")[:AUTHORIZATION_CHARACTERS])
    return Caller(region=found["region"]) if found else Caller()
