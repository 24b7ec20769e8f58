"""Celebrities as the API's dicts, and what is said where there are none."""

from openrek.domain.celebrities import Celebrity, CelebrityRule
from openrek.operations.translation.shapes import Response


def celebrity_shape(celebrity: Celebrity) -> Response:
    """Return the members that GetCelebrityInfo sends, and that are part of a recognised face."""
    return {"Urls": list(celebrity.urls), "Name": celebrity.name, "KnownGender": {"Type": celebrity.gender}}


def how_to_fill(rule: CelebrityRule) -> str:
    """Return the sentence for a collection of celebrities that is missing or empty."""
    return (
        f"There are no celebrities in the collection {rule.collection_id}: "
        "add some with `openrek celebrities add NAME PHOTO`."
    )
