"""Bytecode beside the modules of a package, so that no cold start compiles them: `/opt` cannot be written to.

Only a Python of the target's own version can make it. Where there is none, a package goes without, and its functions
start more slowly.
"""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from infra.targets import Target

_STDERR: Final = 2
_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"


def compile_all(folder: Path, target: Target) -> None:
    """Compile all modules, so that Python never compares them with the source, whose time of change Lambda loses.

    Raises subprocess.CalledProcessError; the compiler has said why, on the standard error.
    """
    python, _ = compiler(target.python)
    if python:
        options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/opt"]
        subprocess.run([python, "-m", "compileall", *options, str(folder)], check=True, stdout=_STDERR)  # noqa: S603


@cache
def compiler(version: str) -> tuple[str, str]:
    """Return a Python of that version, as (command, its whole version), or two empty strings."""
    for command in (sys.executable, shutil.which(f"python{version}")):
        whole = _whole_version(command) if command else ""
        if command and whole.startswith(f"{version}."):
            return command, whole
    return "", ""


def _whole_version(command: str) -> str:
    return subprocess.run([command, "-c", _VERSION], check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603
