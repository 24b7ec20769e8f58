"""What makes a change of a folder durable."""

import os
import sys
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names of a folder's files. Windows opens no folders, and writes names by itself.

    Raises OSError.
    """
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
