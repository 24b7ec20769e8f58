"""Permissions of an access key: operations, collections and S3 objects, as patterns in which `*` stands for any
characters.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

OPERATION_PATTERN = re.compile(r"[A-Za-z*]{1,64}")
COLLECTION_PATTERN = re.compile(r"[a-zA-Z0-9_.\-*]{1,255}")
OBJECT_PATTERN = re.compile(r"[^\[\]?\x00-\x1f\x7f]{1,512}")
"""Of `bucket/key`. Without [, ] and ?, of which fnmatch would make more than they say."""
MOST_PATTERNS = 10


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions of a caller: patterns of operations (`Search*`), of collection ids (`staff-*`) and of S3 objects
    as `bucket/key` (`photos/*`). Anything that matches no pattern is refused.
    """

    operations: tuple[str, ...]
    collections: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the form of every pattern. Raises ValueError."""
        _require_patterns("operation", self.operations, OPERATION_PATTERN)
        _require_patterns("collection", self.collections, COLLECTION_PATTERN)
        _require_patterns("object", self.objects, OBJECT_PATTERN)

    def allow(self, operation: str) -> bool:
        """Return whether the operation is allowed."""
        return any(fnmatchcase(operation, pattern) for pattern in self.operations)

    def reach(self, collection_id: str) -> bool:
        """Return whether the collection may be used."""
        return any(fnmatchcase(collection_id, pattern) for pattern in self.collections)

    def read(self, bucket: str, key: str) -> bool:
        """Return whether the S3 object may be read."""
        return any(fnmatchcase(f"{bucket}/{key}", pattern) for pattern in self.objects)

    @property
    def reach_all(self) -> bool:
        """True when every collection may be used, those of the future included."""
        return any(not pattern.strip("*") for pattern in self.collections)


def _require_patterns(what: str, patterns: tuple[str, ...], form: re.Pattern[str]) -> None:
    if len(patterns) > MOST_PATTERNS:
        raise ValueError(f"A key has at most {MOST_PATTERNS} {what} patterns.")
    for pattern in patterns:
        if not form.fullmatch(pattern):
            raise ValueError(f"{pattern!r} is no {what} pattern: give a name, or part of one and *.")


EVERYTHING = Permissions(("*",), ("*",), ("*",))
