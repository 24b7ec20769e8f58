"""ListCollections."""

from openrek.domain.ports import Collections, PageTokens
from openrek.operations.translation.pages import next_token, page_rows, page_start
from openrek.operations.translation.shapes import Request, Response

PLACE = "ListCollections"


def list_collections(request: Request, *, collections: Collections, tokens: PageTokens) -> Response:
    """Return ids and model versions in two lists of the same order: by id."""
    page = collections.page(page_start(request, tokens, PLACE), page_rows(request))
    return {
        "CollectionIds": [entry.collection_id for entry in page.rows],
        "FaceModelVersions": [entry.model_version for entry in page.rows],
        **next_token(page.rows[-1].cursor if page.more else None, tokens, PLACE),
    }
