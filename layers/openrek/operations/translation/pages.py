"""Pages of a listing. A token is good for one operation, one collection and one filter; it holds the last row's place.

A page begins strictly after that place, so rows that come or go between two pages disturb nothing.
"""

import hashlib
from collections.abc import Iterable

from openrek.domain.ports import PageTokens
from openrek.operations.translation.shapes import Request, Response

DEFAULT_PAGE_ROWS = 1000
"""AWS documents no default. 1000 faces are 0.4 MB of JSON; the service model allows 4096."""


def page_rows(request: Request) -> int:
    """Return MaxResults; 0 means the default."""
    return request.get("MaxResults") or DEFAULT_PAGE_ROWS


def page_start(request: Request, tokens: PageTokens, place: str) -> str | None:
    """Return the cursor to begin after, or None for the first page. Raises InvalidPaginationToken."""
    return tokens.open(place, request["NextToken"]) if "NextToken" in request else None


def next_token(cursor: str | None, tokens: PageTokens, place: str) -> Response:
    """Return the member `NextToken`, or no member after the last page (`cursor` is None)."""
    return {} if cursor is None else {"NextToken": tokens.seal(place, cursor)}


def filter_name(values: Iterable[str]) -> str:
    """Return a short name for a filter; the order of its values and repetitions do not matter."""
    return hashlib.sha256("\n".join(sorted(set(values))).encode()).hexdigest()[:32]
