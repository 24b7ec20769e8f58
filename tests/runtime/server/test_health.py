"""What a server says of its searches: fast with the kernel in C, slow and how to mend that without."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import openrek
from openrek.store.search.row_scan import library_path, this_machine

ASKED = """
import sys
from pathlib import Path
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.server.health import examine
from openrek.runtime.settings import Settings
adapters = Adapters(Settings.of({"OPENREK_DATA": sys.argv[1]}))
print(examine(adapters).search)
adapters.close()
"""


def test_searches_are_fast_once_the_kernel_is_built(run, row_scan: None, tmp_path: Path) -> None:
    layers, data = tmp_path / "layers", tmp_path / "data"
    shutil.copytree(Path(openrek.__path__[0]), layers / "openrek", ignore=shutil.ignore_patterns("built"))
    assert searches(layers, data) == "slow in large collections (`openrek kernel` builds what is missing)"

    built = library_path(*this_machine())
    assert run("kernel").stdout == f"The search kernel is {built.name}.\n"
    (layers / "openrek" / "store" / "search" / "built").mkdir()
    shutil.copy(built, layers / "openrek" / "store" / "search" / "built")
    assert searches(layers, data) == "fast"


def searches(layers: Path, data: Path) -> str:
    environ = {**os.environ, "PYTHONPATH": str(layers)}
    done = subprocess.run(
        [sys.executable, "-c", ASKED, data], env=environ, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()
