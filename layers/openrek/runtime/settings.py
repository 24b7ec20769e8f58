"""The settings as one value, and the only place that reads the environment (on request, never at import).

OPENREK_DATA       folder of the embedded store and of the local buckets
OPENREK_WEIGHTS    folder of the built models
OPENREK_WORKERS    inferences that run at once
OPENREK_THREADS    threads of one inference
OPENREK_QUEUE      requests that may wait, per kind of work, before the server answers ThrottlingException
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LAMBDA_MB_PER_CORE = 1769
"""A function of this much memory gets one full core (AWS Lambda developer guide, "Configure memory")."""


class SettingsError(Exception):
    """What is wrong with the settings or the machine, as one sentence for the person who starts openrek."""


def default_weights() -> Path:
    return Path(sys.prefix) / "share" / "openrek" / "weights"


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Settings:
    """`workers` inferences run at once with `threads` each; `queue` bounds what may wait for each kind of work."""

    data: Path | None
    weights: Path
    workers: int
    threads: int
    queue: int

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingsError."""
        data = environ.get("OPENREK_DATA")
        weights = environ.get("OPENREK_WEIGHTS")
        return cls(
            data=Path(data) if data else None,
            weights=Path(weights) if weights else default_weights(),
            workers=_whole(environ, "OPENREK_WORKERS", cores()),
            threads=_whole(environ, "OPENREK_THREADS", _threads(environ)),
            queue=_whole(environ, "OPENREK_QUEUE", 128),
        )


def _threads(environ: Mapping[str, str]) -> int:
    """One per inference where many run at once; on Lambda, where one runs, the function's share of cores."""
    memory_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not memory_mb.isdecimal():
        return 1
    return max(1, round(int(memory_mb) / LAMBDA_MB_PER_CORE))


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 6 or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number from 1 to 999999, not {text!r}.")
    return int(text)
