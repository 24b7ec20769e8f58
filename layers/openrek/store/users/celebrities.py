"""What is known of a celebrity, as a member of its user's item: absent for every other user."""

from collections.abc import Mapping, Sequence
from typing import Any

from openrek.domain.celebrities import (
    GENDERS,
    MOST_URLS,
    NAME_CHARACTERS,
    UNLISTED,
    URL_CHARACTERS,
    Celebrity,
)


def described(known: Celebrity | None, name: str, urls: Sequence[str] | None, gender: str | None) -> Celebrity:
    """Return the celebrity of this name; what is None stays as it was known."""
    before = known or Celebrity(name)
    return Celebrity(name, before.urls if urls is None else tuple(urls), before.gender if gender is None else gender)


def celebrity_attributes(celebrity: Celebrity) -> dict[str, Any]:
    """Return the member of the item."""
    return {"name": celebrity.name, "urls": list(celebrity.urls), "gender": celebrity.gender}


def celebrity_in(attributes: Mapping[str, Any] | None) -> Celebrity | None:
    """Return the celebrity in the member of an item, None without one."""
    if attributes is None:
        return None
    return Celebrity(attributes["name"], tuple(attributes["urls"]), attributes.get("gender", UNLISTED))


def is_celebrity(value: object) -> bool:
    """Return True if a value is such a member, within its bounds."""
    if not isinstance(value, dict) or set(value) != {"name", "urls", "gender"}:
        return False
    urls, name = value["urls"], value["name"]
    return (
        isinstance(name, str)
        and 0 < len(name) <= NAME_CHARACTERS
        and isinstance(urls, list)
        and len(urls) <= MOST_URLS
        and all(isinstance(url, str) and 0 < len(url) <= URL_CHARACTERS for url in urls)
        and value["gender"] in GENDERS
    )
