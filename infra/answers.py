"""Questions to the package openrek, answered in a process of its own: what makes packages never imports it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

LAYERS: Final = Path(__file__).parents[1] / "layers"

_ANSWERING: Final = """
import os, sys
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
"""
"""How each question begins: from here on the standard output is what is written to `answer`. Whatever else is printed,
by the package or by a process that it starts, goes to the standard error."""
WEIGHTS_FOLDER: Final = """
from openrek.runtime.settings import Settings
from openrek.vision.models import build_weights
folder = Settings.of(os.environ).weights
build_weights.build(folder, print, sys.argv[1:])
answer.write(str(folder))
"""
"""The folder of model files, in which those of the packs that are its arguments have been built."""


def asked(question: str, *arguments: str) -> str:
    """Return what the question writes to `answer`.

    Raises subprocess.CalledProcessError; the process has said why.
    """
    command = [sys.executable, "-c", _ANSWERING + question, *arguments]
    environ = {**os.environ, "PYTHONPATH": str(LAYERS)}
    said = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
    return said.decode()
