"""The first `make run` on a fresh copy, over a slow line: seconds, bytes, disk and memory.

    python -m benchmarks.first_run [--mbit 20] [--all]

Everything is fetched through a proxy of this machine that lets 20 megabits a second in, from the registries themselves:
settings of pip that name others are left out, and its cache is empty at first. With `--all` every pack but the optional
ones (foreground, hands) is made a default pack in the copy. The build is done when /health names no pack that is being
built; only then is the server asked for faces, and its memory read (Linux).
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.slow_proxy import SlowProxy, slow_proxy
from tests.support import photos
from tests.support.server import client

ROOT = Path(__file__).parents[1]
PEOPLE = ("obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png")
OPTIONAL = ("foreground", "hands")
MANIFEST = "layers/openrek/vision/models/manifest.toml"


def fresh_copy(folder: Path, *, every: bool) -> None:
    """Copy what is tracked to `folder`; with `every`, make all packs but the optional ones default ones."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    if every:
        text = (folder / MANIFEST).read_text("utf-8")
        (folder / MANIFEST).write_text(re.sub(r"^\[packs\.(\w+)\]\n", _as_default, text, flags=re.MULTILINE), "utf-8")


def _as_default(heading: re.Match[str]) -> str:
    return heading[0] if heading[1] in {"faces", *OPTIONAL} else f"{heading[0]}default = true\n"


def disk_bytes(folder: Path) -> int:
    """Return what the files below a folder take, while they come and go."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return total


@contextmanager
def watched(folders: list[Path]) -> Iterator[list[int]]:
    """Yield a list of one number: the largest size of the folders together, looked at twice a second."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            peak[0] = max(peak[0], sum(map(disk_bytes, folders)))

    thread = threading.Thread(target=look)
    thread.start()
    yield peak
    over.set()
    thread.join()


def environment(proxy: SlowProxy, scratch: Path) -> dict[str, str]:
    unwanted = ("PIP_", "NPM_", "OPENREK", "PYTHON", "npm_", "HTTP", "http", "ALL_PROXY")
    left = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    certificates = {"PIP_CERT": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}
    through = {"HTTPS_PROXY": proxy.url, "https_proxy": proxy.url, "NO_PROXY": "127.0.0.1", "TMPDIR": str(scratch)}
    return (
        left
        | certificates
        | through
        | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_CACHE_DIR": str(scratch / "pip"),
        }
    )


def models_of(url: str) -> str:
    """Return what /health says of the models; an empty string while nobody answers."""
    with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=10) as response:  # noqa: S310
        return str(json.loads(response.read())["models"])
    return ""


def memory_mb(make: int) -> dict[str, float]:
    """Return the resident memory now and at its highest of the server that `make` started."""
    children = Path(f"/proc/{make}/task/{make}/children").read_text("utf-8").split()
    status = Path(f"/proc/{children[0]}/status").read_text("utf-8")
    return {name: int(kb) / 1024 for name, kb in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE)}


def processor_s(make: int) -> float:
    """Return the processor time of the steps that `make` has done."""
    fields = Path(f"/proc/{make}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def ask_for_faces(url: str) -> None:
    rekognition = client(url)
    rekognition.create_collection(CollectionId="people")
    for name in PEOPLE:
        photo = photos.load()[name]
        rekognition.index_faces(CollectionId="people", Image={"Bytes": photo}, ExternalImageId=name)
        rekognition.search_faces_by_image(CollectionId="people", Image={"Bytes": photo})


def run(home: Path, proxy: SlowProxy, port: int) -> None:
    (scratch := home / "scratch").mkdir()
    repository = home / "openrek"
    command = ["make", "run", f"PORT={port}", f"PYTHON={sys.base_prefix}/bin/python3"]
    url, began_s = f"http://127.0.0.1:{port}", time.monotonic()
    with (
        watched([repository, scratch]) as peak,
        subprocess.Popen(command, cwd=repository, env=environment(proxy, scratch)) as make,
    ):
        try:
            while "loaded" not in models_of(url):
                assert make.poll() is None
                time.sleep(0.5)
            told = f"serves after {time.monotonic() - began_s:.0f} s and {proxy.came_bytes / 1e6:.0f} MB"
            print(f"{told}, with {processor_s(make.pid):.0f} s of a processor")
            while "being built" in models_of(url):
                time.sleep(0.5)
            print(f"all is there after {time.monotonic() - began_s:.0f} s and {proxy.came_bytes / 1e6:.0f} MB")
            print(f"models: {models_of(url)}; memory before the first call: {memory_mb(make.pid)}")
            ask_for_faces(url)
            print(f"memory after calls for faces: {memory_mb(make.pid)}")
        finally:
            make.terminate()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"processor time of all of it: {used.ru_utime + used.ru_stime:.0f} s")
    print(f"peak disk {peak[0] / 1e6:.0f} MB; what stays: {disk_bytes(repository) / 1e6:.0f} MB")
    for part in (".venv", ".venv/share"):
        print(f"  of it {part}: {disk_bytes(repository / part) / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the first `make run`.")
    parser.add_argument("--mbit", type=float, default=20, help="megabits a second that come in")
    parser.add_argument("--all", action="store_true", help="all packs but the optional ones are default ones")
    parser.add_argument("--port", type=int, default=18080)
    asked = parser.parse_args()
    photos.load()
    with tempfile.TemporaryDirectory(prefix="openrek-first-") as folder, slow_proxy(asked.mbit) as proxy:
        fresh_copy(Path(folder, "openrek"), every=asked.all)
        run(Path(folder), proxy, asked.port)


if __name__ == "__main__":
    main()
