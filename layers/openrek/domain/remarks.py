"""Remarks on the answer to a request that was carried out: what its header x-openrek-reason says."""

from collections.abc import Iterable, Mapping
from typing import Any


class Remarked(dict[str, Any]):
    """A response with `remarks`, whole sentences, which are no part of its members."""

    remarks: tuple[str, ...] = ()


def remarked(response: Mapping[str, Any], remarks: Iterable[str]) -> Remarked:
    """Return the response with these remarks."""
    result = Remarked(response)
    result.remarks = tuple(remarks)
    return result
