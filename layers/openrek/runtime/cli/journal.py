"""The journal of `openrek index`: photos that were indexed, so that a run after an interruption goes on from there.

One text file per endpoint and collection (by its creation time too: a re-created collection starts anew), outside the
photos' folder. A line is a photo's sha256 and its ExternalImageId; any other is ignored. Losing the file costs only
time: IndexFaces of the same photo and id adds nothing.
"""

import hashlib
from pathlib import Path
from threading import Lock


class Journal:
    """A journal file. Safe under threads; each entry is on disk, as far as the operating system is concerned, when
    `add` returns.
    """

    def __init__(self, folder: Path, *identity: str) -> None:
        """Open the file that is named after `identity`, and read it. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:32]
        self.path = folder / f"{name}.txt"
        self._lock = Lock()
        self._file = self.path.open("a+", encoding="ascii", errors="replace", buffering=1)
        self._file.seek(0)
        lines = self._file.read().split("\n")
        if lines[-1]:  # the last run was cut off within a line
            self._file.write("\n")
        self._done = set(lines[:-1])

    def __contains__(self, entry: str) -> bool:
        return entry in self._done

    def add(self, entry: str) -> None:
        with self._lock:
            self._file.write(entry + "\n")
            self._done.add(entry)

    def close(self) -> None:
        self._file.close()
