"""Files that only this user can read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

OTHERS = 0o077


@contextmanager
def private_files() -> Iterator[None]:
    """Create files and folders inside the block readable by this user only, whoever may look into the folder.

    It holds for the whole process, so it is for commands.
    """
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)
