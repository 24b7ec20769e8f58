"""The number of connections that this process can have, by the files that it may open; its other files come first."""

import sys
from typing import Final

from openrek.runtime.settings import SettingsError

MAX_CONNECTIONS: Final = 2048
FEWEST_CONNECTIONS: Final = 4
OWN_FILES: Final = 16
"""Standard streams, sockets and pipes of the event loop, what the libraries keep open."""
THREAD_FILES: Final = 3
"""The store's file and its log, each opened once a thread, and one that is being read."""

FILES_OF_SELECT: Final = 512
"""Windows: an event loop that waits for sockets by `select` takes so many."""


def room_for_connections(threads: int) -> int:
    """Return the limit of connections: at most half of the files that this process may have open, and never those that
    its own `threads` need.

    The limit of open files is raised as far as the process may. Raises SettingsError when hardly any would remain.
    """
    own = OWN_FILES + THREAD_FILES * threads
    files = _files(2 * max(MAX_CONNECTIONS, own))
    room = min(MAX_CONNECTIONS, files // 2, files - own)
    if room < FEWEST_CONNECTIONS:
        raise SettingsError(
            f"This process may have only {files} files open, and openrek needs {own} for itself and at least "
            f"{FEWEST_CONNECTIONS} for connections; raise the limit (ulimit -n {own + FEWEST_CONNECTIONS}, or more)."
        )
    return room


def _files(wanted: int) -> int:
    """Ask for `wanted` open files; return the number that this process may have."""
    if sys.platform == "win32":
        return FILES_OF_SELECT
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
