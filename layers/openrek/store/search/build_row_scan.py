"""The build of row_scan.c, for this machine or for others. Build-time only.

The compiler is a package of the registry that needs nothing of the machine, so the same source gives the same bytes
everywhere. It takes 400 MB and lives in a throw-away folder.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from filelock import FileLock

from openrek.store.search.row_scan import BUILT, SOURCE, library_path, this_machine

COMPILER: Final = "ziglang==0.17.1"
TARGETS: Final = {
    ("linux", "x86_64"): "x86_64-linux-gnu.2.17",
    ("linux", "aarch64"): "aarch64-linux-gnu.2.17",
    ("macos", "x86_64"): "x86_64-macos.13.0",
    ("macos", "aarch64"): "aarch64-macos.13.0",
    ("windows", "x86_64"): "x86_64-windows-gnu",
}
"""(system, machine) -> the compiler's name for it."""

_OPTIONS: Final = ("-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-ffreestanding")
_STDERR: Final = 2
_LIBRARY: Final = {
    "linux": ("-shared", "-fPIC", "-s", "-nostdlib"),
    "macos": ("-shared", "-fPIC", "-s"),
    "windows": ("-shared", "-s"),
}
"""On Linux no C library is linked, so it does not matter which one there is."""


class ScanBuildError(Exception):
    """The compiler can't be had, or did not do its work."""


def build(progress: Callable[[str], None], machines: Collection[tuple[str, str]] = ()) -> list[Path]:
    """Build the missing libraries for these (system, machine) of TARGETS, by default this one; return all their paths.

    Processes that build at the same time take turns, and a file appears only when it is whole. What the tools print,
    progress bar and all, goes to the standard error: the standard output is the caller's. Raises ScanBuildError.
    """
    wanted = {machine: library_path(*machine) for machine in machines or (this_machine(),)}
    BUILT.mkdir(exist_ok=True)
    with FileLock(BUILT / ".building"):
        missing = {machine: path for machine, path in wanted.items() if not path.is_file()}
        if missing:
            with tempfile.TemporaryDirectory(prefix="openrek-") as scratch:
                _build(missing, Path(scratch), progress)
    return list(wanted.values())


def _build(missing: dict[tuple[str, str], Path], scratch: Path, progress: Callable[[str], None]) -> None:
    if find_spec("pip") is None:
        raise ScanBuildError("This Python has no pip, which fetches the compiler: run `python -m ensurepip`.")
    progress(f"Installing the compiler {COMPILER} into a throw-away folder")
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--only-binary", ":all:")
    _python(*pip, "--target", str(scratch / "tools"), COMPILER)
    for (system, machine), path in missing.items():
        progress(f"Building the search kernel for {system} {machine}")
        built = path.with_name(".new")
        options = ("-target", TARGETS[system, machine], *_OPTIONS, *_LIBRARY[system])
        _python(
            *("-m", "ziglang", "cc", *options, str(SOURCE), "-o", str(built)),
            PYTHONPATH=str(scratch / "tools"),
            ZIG_GLOBAL_CACHE_DIR=str(scratch / "cache"),
            ZIG_LOCAL_CACHE_DIR=str(scratch / "cache"),
        )
        os.replace(built, path)
        for old in BUILT.glob(f"row_scan-{system}-{machine}-*.so"):
            if old != path:
                old.unlink(missing_ok=True)


def _python(*arguments: str, **environ: str) -> None:
    command, surroundings = [sys.executable, *arguments], {**os.environ, **environ}
    if subprocess.run(command, env=surroundings, stdout=_STDERR, check=False).returncode != 0:  # noqa: S603
        raise ScanBuildError(f"`{' '.join(arguments[1:3])}` failed (its own message is above).")
