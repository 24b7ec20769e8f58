"""The one line in which a server's terminal shows how far the build of its models is."""

import sys

from openrek.runtime.cli.terminal_text import shown

CLEARED = "\r\x1b[K"


class BuildLine:
    """A BuildDisplay on the standard error. Where that is no terminal, only the lines that stay are written."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()

    def step(self, text: str) -> None:
        self._write(f"{self._before()}{shown(text)}\n")

    def progress(self, text: str) -> None:
        if self._terminal:
            self._write(CLEARED + shown(text)[:100])

    def _before(self) -> str:
        return CLEARED if self._terminal else ""

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
