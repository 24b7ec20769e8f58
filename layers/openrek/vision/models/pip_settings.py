"""pip's settings, as pip itself tells them: its indexes, proxy and certificates.

`pip config list` gives what its files and its variables say. A section named like a command goes before `global`, and
the environment before both. Settings that this module does not know are pip's own affair: it is asked where we fail.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final

DEFAULT_INDEX: Final = "https://pypi.org/simple"
_SECTIONS: Final = ("global", "download", ":env:")
"""From the weakest to the strongest."""
_ASKING: Final = Lock()
"""Downloads begin side by side: the first one asks."""


@dataclass(frozen=True, slots=True)
class PipSettings:
    """The settings by pip's names for them (`index-url`), as text."""

    values: Mapping[str, str]

    @classmethod
    def of_pip(cls) -> "PipSettings":
        """Ask this Python's pip, once while its variables stay the same; without an answer there are no settings."""
        with _ASKING:
            return cls.of(_listed(tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith("PIP_")))))

    @classmethod
    def of(cls, listed: str) -> "PipSettings":
        """Read what `pip config list` prints: `global.index-url='https://...'`, a line for each."""
        found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
        for key, value in _pairs(listed):
            section, _, name = key.partition(".")
            if section in found:
                found[section][name] = value
        return cls({name: value for section in _SECTIONS for name, value in found[section].items()})

    @property
    def indexes(self) -> tuple[str, ...]:
        """Return the addresses of the indexes, the first one first; none where pip is told to use none."""
        if self.values.get("no-index", "").strip().lower() in {"1", "true", "yes", "on"}:
            return ()
        return (
            self.values.get("index-url") or DEFAULT_INDEX,
            *self.values.get("extra-index-url", "").split(),
        )

    @property
    def proxy(self) -> str | None:
        return self.values.get("proxy") or None

    @property
    def certificates(self) -> str | None:
        """Return the path of a file."""
        return self.values.get("cert") or None


@lru_cache(maxsize=1)
def _listed(_variables: tuple[tuple[str, str], ...]) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    return done.stdout if done.returncode == 0 else ""


def _pairs(listed: str) -> Iterator[tuple[str, str]]:
    for line in listed.splitlines():
        key, mark, quoted = line.partition("=")
        try:
            value = ast.literal_eval(quoted)
        except (SyntaxError, ValueError):
            continue
        if mark and isinstance(value, str):
            yield key.strip(), value
