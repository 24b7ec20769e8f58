"""The build of packs of models beside a server that serves already, in a process that takes what time is left."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Protocol

from openrek.runtime.parts.packs import Packs, PackState

_CHILD: Final = "openrek.runtime.server.build_packs"
_UMASK: Final = 0o022
"""Models are no secret, and other users of this installation read them too."""

log = logging.getLogger(__name__)


class BuildDisplay(Protocol):
    """What the person who started the server sees of it."""

    def step(self, text: str) -> None:
        """Show a line that stays."""

    def progress(self, text: str) -> None:
        """Show how far the build is, in place of what this showed before."""


class PackBuilder:
    """The build of those of the packs `names` that are not there. `packs` hears what becomes of each.

    What fails is not tried again by itself; the next start of a server does. A build that the stop of the server
    interrupts goes on there, too, where it was.
    """

    def __init__(self, packs: Packs, weights: Path, names: Sequence[str], display: BuildDisplay) -> None:
        self._packs = packs
        self._weights = weights
        self._names = names
        self._display = display
        self._missing: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._thread: Thread | None = None
        self._stopping = Event()

    def start(self) -> None:
        """Begin, if anything is missing."""
        self._missing = self._packs.missing(self._names)
        if not self._missing:
            return
        self._packs.tell(self._missing, PackState.BEING_BUILT)
        self._display.step(f"The models of {', '.join(self._missing)} are being built in the background.")
        try:
            self._process = self._begun()
        except OSError as error:
            self._end(f"their process does not start: {error.strerror}")
            return
        self._thread = Thread(target=self._follow, args=[self._process], name="openrek-packs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the build; what has been downloaded stays for the next one."""
        self._stopping.set()
        if self._process is None or self._thread is None:
            return
        if self._process.poll() is None:
            _kill(self._process)
        self._thread.join()

    def _begun(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-P", "-m", _CHILD, str(self._weights.absolute()), *self._missing]
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            umask=_UMASK,
            start_new_session=True,  # Ctrl-C is for the server, which ends the build itself
        )

    def _follow(self, process: "subprocess.Popen[str]") -> None:
        words = ""
        with process:
            for line in process.stdout or ():
                told = _told(line)
                if told is None:
                    words = line.strip() or words
                else:
                    self._hear(told)
        if not self._stopping.is_set():
            self._end(words or f"their process ended with {process.returncode}")

    def _hear(self, told: dict[str, Any]) -> None:
        if "bytes" in told:
            done, size = told["bytes"]
            self._display.progress(f"Models: {done / 1e6:.0f} of {size / 1e6:.0f} MB have come")
        elif "failed" in told:
            self._fail(told["failed"], told["why"])
        else:
            self._display.progress(f"Models: {told['step']}")

    def _end(self, words: str) -> None:
        """Tell the outcome; packs that are neither there nor failed were left by a process that broke off."""
        left = [pack for pack in self._missing if self._packs.state(pack) is PackState.BEING_BUILT]
        for pack in left:
            self._fail(pack, words)
        ready = [pack for pack in self._missing if self._packs.state(pack) is PackState.READY]
        if ready:
            self._display.step(f"The models of {', '.join(ready)} are built.")

    def _fail(self, pack: str, why: str) -> None:
        self._packs.tell([pack], PackState.FAILED)
        self._display.progress("")
        log.warning(
            "the models of %s could not be built: %s; run `openrek weights --pack %s`", pack, why.rstrip("."), pack
        )


def _kill(process: "subprocess.Popen[str]") -> None:
    """End the process, and where the system knows groups of processes those that it began."""
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _told(line: str) -> dict[str, Any] | None:
    """Return what the build's process says, or None for words that something else wrote."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
