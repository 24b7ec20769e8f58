"""The caller by an unverified signature: only the region of its credential scope is read.

With access keys, `sigv4` takes the place of this step.
"""

import re

from openrek.domain.caller import Caller
from openrek.wire.authorization import HEADER_CHARACTERS, REGION
from openrek.wire.http import HttpRequest

SCOPE = re.compile(rf"Credential=[^/,\s]{{1,256}}/[0-9]{{8}}/(?P<region>{REGION})/[a-z0-9-]{{1,64}}/aws4_request")


def caller_by_scope(request: HttpRequest) -> Caller:
    """Return the caller in the region that it signed for; without a readable scope, in the default region."""
    found = SCOPE.search(request.headers.get("authorization", "")[:HEADER_CHARACTERS])
    return Caller(region=found["region"]) if found else Caller()
