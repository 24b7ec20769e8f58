"""The one line in which a server's terminal shows how far the build of its models is."""

from typing import TextIO

from openrek.runtime.cli.terminal_text import shown

CLEARED = "\r\x1b[K"
WIDTH = 79
"""Characters: a line that wraps could not be cleared."""


class BuildLine:
    """A BuildDisplay. Where `stream` is no terminal, only the lines that stay are written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()

    def step(self, text: str) -> None:
        self._write(f"{CLEARED if self._terminal else ''}{shown(text)}\n")

    def progress(self, text: str) -> None:
        if self._terminal:
            self._write(CLEARED + shown(text)[:WIDTH])

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
