"""Access keys in a file of this machine, which only its owner can read (mode 0600). A change takes effect at once."""

import json
import logging
import os
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from filelock import FileLock

from openrek.domain.access_keys import AccessKey
from openrek.domain.errors import InternalServerError
from openrek.runtime.keys.key_json import BadKey, of_plain, to_plain
from openrek.runtime.settings import SettingsError
from openrek.store.disk.durable import sync_folder

DEFAULT_NAME = "keys.json"
VERSION = 1
MOST_BYTES = 4 * 1024 * 1024

Stamp: TypeAlias = tuple[int, int, int]

log = logging.getLogger(__name__)


class FileKeys:
    """All keys of one file. Every change writes the file anew and puts it in the place of the old one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[Stamp | None, Mapping[str, AccessKey]] = (None, {})

    def find(self, key_id: str) -> AccessKey | None:
        """Return the key, or None. Raises InternalServerError when the file cannot be trusted, and logs the reason."""
        try:
            return self._current().get(key_id)
        except SettingsError as error:
            log.error("%s", error)
            raise InternalServerError(reason="The access keys cannot be read; the server's log says why.") from None

    def listed(self) -> Sequence[AccessKey]:
        """Return all keys, oldest first. Raises SettingsError."""
        return sorted(self._current().values(), key=lambda key: (key.created_s, key.key_id))

    def add(self, key: AccessKey) -> None:
        """Add the key to the file. Raises SettingsError."""
        with self._locked():
            self._write({**self._current(), key.key_id: key})

    def remove(self, key_id: str) -> bool:
        """Remove the key; return False if there is none. Raises SettingsError."""
        with self._locked():
            keys = dict(self._current())
            found = keys.pop(key_id, None) is not None
            if found:
                self._write(keys)
        return found

    def _locked(self) -> AbstractContextManager[object]:
        """Return the lock that this process holds while it changes the file."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return FileLock(self._path.with_name(f"{self._path.name}.lock"), mode=0o600).acquire()
        except OSError as error:
            raise SettingsError(f"The key file {self._path} cannot be written: {error.strerror}.") from None

    def _current(self) -> Mapping[str, AccessKey]:
        """Return the keys that the file holds now; without a file, none."""
        try:
            found = os.stat(self._path)
            if _stamp(found) != self._read[0]:
                with self._path.open("rb") as file:
                    self._read = (_stamp(os.fstat(file.fileno())), _keys(self._path, file))
        except FileNotFoundError:
            self._read = (None, {})
        except OSError as error:
            raise SettingsError(f"The key file {self._path} cannot be read: {error.strerror}.") from None
        return self._read[1]

    def _write(self, keys: Mapping[str, AccessKey]) -> None:
        plain = {"version": VERSION, "keys": {key_id: to_plain(key) for key_id, key in keys.items()}}
        text = json.dumps(plain, indent=1).encode()
        if len(text) > MOST_BYTES:
            raise SettingsError(f"The key file {self._path} would be too large; revoke keys that nobody uses.")
        try:
            _replace(self._path, text)
        except OSError as error:
            raise SettingsError(f"The key file {self._path} cannot be written: {error.strerror}.") from None


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _keys(path: Path, file: BinaryIO) -> Mapping[str, AccessKey]:
    """Read the keys. Raises SettingsError for a file that others can read, or that is not ours."""
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
        raise SettingsError(f"The key file {path} is not one that openrek wrote.")
    if sys.platform != "win32" and found.st_mode & 0o077:  # Windows has no such modes
        mode = stat.S_IMODE(found.st_mode)
        raise SettingsError(f"Others can read the key file {path} (mode {mode:04o}); run: chmod 600 {path}")
    try:
        plain = json.loads(file.read())
        if plain["version"] != VERSION:
            raise SettingsError(f"The key file {path} is of another version of openrek.")
        return {key_id: of_plain(key_id, each) for key_id, each in plain["keys"].items()}
    except BadKey as error:
        raise SettingsError(f"The key file {path} is damaged: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise SettingsError(f"The key file {path} is not one that openrek wrote.") from None


def _replace(path: Path, text: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
