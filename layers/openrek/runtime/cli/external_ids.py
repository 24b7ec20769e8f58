"""Conversion of file names to ExternalImageIds, and back.

An ExternalImageId has 1 to 255 characters of `a-z A-Z 0-9 _ . - :`. Every other byte of the name (UTF-8), and the colon
itself, is written as `:` and two hex digits: `Anna é/1.jpg` becomes `Anna:20:c3:a9:2f1.jpg`. Different names give
different ids.
"""

import os
import re

MAX_CHARACTERS = 255
OTHER = re.compile(rb"[^a-zA-Z0-9_.\-]")
ESCAPE = re.compile(rb":([0-9a-f]{2})")


class NameTooLong(ValueError):
    """The name needs more characters than an ExternalImageId can have."""


def external_id(name: str) -> str:
    """Return the id for a name as the operating system gives it, with `/` between folders. Raises NameTooLong."""
    escaped = OTHER.sub(lambda byte: b":%02x" % byte[0][0], os.fsencode(name)).decode("ascii")
    if len(escaped) > MAX_CHARACTERS:
        raise NameTooLong(
            f"the name needs {len(escaped)} characters as an ExternalImageId, {MAX_CHARACTERS} are allowed"
        )
    return escaped


def file_name(external_image_id: str) -> str:
    """Return the name that `external_id` made this id from. Raises ValueError for an id that it cannot have made."""
    name = os.fsdecode(ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), external_image_id.encode("ascii")))
    if external_id(name) != external_image_id:
        raise ValueError(f"{external_image_id} was not made from a file name")
    return name
