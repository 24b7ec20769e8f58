"""Celebrities as values: people whom the owner wants to be recognised by name. Each is a user of one collection."""

import re
from dataclasses import dataclass
from typing import Final

UNLISTED: Final = "Unlisted"
GENDERS: Final = ("Male", "Female", "Nonbinary", UNLISTED)
"""Values of Rekognition's KnownGenderType."""
NAME_CHARACTERS: Final = 255
MOST_URLS: Final = 20
URL_CHARACTERS: Final = 512
ID: Final = re.compile(r"[0-9A-Za-z]{1,128}", re.ASCII)
"""Of a celebrity: Rekognition's pattern, as long as the id of a user."""


@dataclass(frozen=True, slots=True)
class Celebrity:
    """A celebrity's name, the addresses of pages about it, and its gender, one of GENDERS."""

    name: str
    urls: tuple[str, ...] = ()
    gender: str = UNLISTED


@dataclass(frozen=True, slots=True)
class CelebrityRule:
    """How celebrities are recognised: the collection whose users they are, and the least similarity of a match."""

    collection_id: str = "celebrities"
    threshold_pct: float = 90.0
