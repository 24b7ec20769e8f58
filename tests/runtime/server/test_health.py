"""What a server says of its searches: fast with the kernel in C, slow and how to mend that without."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import openrek
from openrek.domain.models import SFACE
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.server.health import examine
from openrek.runtime.settings import Settings
from openrek.store.log.keys import DIRECTORY
from openrek.store.search.row_scan import library_path, this_machine
from tests.store.items.sqlite_bytes import with_bit

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


def test_a_damaged_item_makes_the_store_unhealthy(tmp_path: Path) -> None:
    with closing(Adapters(Settings.of({"OPENREK_DATA": str(tmp_path)}))) as adapters:
        adapters.collections().create("people", SFACE, {})
        assert examine(adapters).store == "reachable"
        connection = adapters.embedded().items()._connection()
        (body,) = connection.execute("SELECT body FROM items WHERE partition = ?", (DIRECTORY,)).fetchone()
        connection.execute("UPDATE items SET body = ? WHERE partition = ?", (with_bit(body, 100), DIRECTORY))

        health = examine(adapters)

        assert not health.ok
        damaged = f"The item {DIRECTORY} people of the store is damaged"
        assert health.store == f"cannot be read: {damaged}; `openrek verify` says more."


def searches(layers: Path, data: Path) -> str:
    environ = {**os.environ, "PYTHONPATH": str(layers)}
    done = subprocess.run(
        [sys.executable, "-c", ASKED, data], env=environ, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()
