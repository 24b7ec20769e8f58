"""The machines that packages are made for: the two kinds of Lambda, and this one, so that tests can run a package."""

import platform
import sys
from dataclasses import dataclass
from typing import Final

LAMBDA_PYTHON: Final = "3.13"
OLDEST_GLIBC, LAMBDA_GLIBC = 17, 34
"""Minor versions of glibc 2: wheels are tagged with the one they need, and Lambda's is Amazon Linux 2023's."""


@dataclass(frozen=True, slots=True)
class Target:
    """`pip` holds the options that make pip choose wheels for it."""

    name: str
    python: str
    machine: str
    pip: tuple[str, ...] = ()


def _on_lambda(name: str, machine: str) -> Target:
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(LAMBDA_GLIBC, OLDEST_GLIBC - 1, -1)]
    platforms = [option for tag in (*tags, f"manylinux2014_{machine}") for option in ("--platform", tag)]
    return Target(
        name, LAMBDA_PYTHON, machine, (*platforms, "--implementation", "cp", "--python-version", LAMBDA_PYTHON)
    )


TARGETS: Final = {
    "arm64": _on_lambda("arm64", "aarch64"),
    "x86_64": _on_lambda("x86_64", "x86_64"),
    "host": Target("host", f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine()),
}
