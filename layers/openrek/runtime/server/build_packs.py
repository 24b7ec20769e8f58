"""`python -m openrek.runtime.server.build_packs FOLDER PACK ...`: the process that builds packs while a server serves.

It runs at the lowest priority and writes a JSON object a line: {"step": text}, {"bytes": [done, all]},
{"failed": pack, "why": text}. It goes on when nobody reads any more.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from openrek.vision.models import build_weights, zoo
from openrek.vision.models.zoo import WeightsError

LOWEST: Final = 19
_EVERY_S: Final = 0.5


class Report:
    """What the server is told. `all_bytes` is the size of all archives together."""

    def __init__(self, all_bytes: int) -> None:
        self._all_bytes = all_bytes
        self._done: dict[str, int] = {}
        self._told_s = 0.0

    def step(self, text: str) -> None:
        _write({"step": text})

    def on_bytes(self, archive: str, done_bytes: int, _: int) -> None:
        self._done[archive] = done_bytes
        if (now_s := time.monotonic()) - self._told_s >= _EVERY_S:
            self._told_s = now_s
            _write({"bytes": [sum(self._done.values()), self._all_bytes]})

    def on_failure(self, pack: str, why: WeightsError) -> None:
        _write({"failed": pack, "why": str(why)})


def main(folder: Path, packs: list[str]) -> int:
    """Build the packs; return the exit code."""
    if sys.platform != "win32":
        os.nice(LOWEST)
    report = Report(_download_bytes(folder, packs))
    try:
        build_weights.build(folder, report.step, packs, on_bytes=report.on_bytes, on_failure=report.on_failure)
    except WeightsError as error:  # of packs it was told already
        print(error, flush=True)
        return 1
    return 0


def _download_bytes(folder: Path, packs: list[str]) -> int:
    manifest = zoo.manifest()
    rows = manifest.rows(packs).values()
    missing = {row.archive for row in rows if not zoo.path_of(folder, row).is_file()}
    return sum(manifest.archives[name].size_bytes for name in missing)


def _write(told: dict[str, object]) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
