"""A file by http that survives broken lines: what has come is kept, and the rest is asked for with a Range."""

import hashlib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from openrek.vision.models.zoo import Archive, WeightsError

TRIES = 5
"""Without a new byte."""
MOST_TRIES = 50
TIMEOUT_S = 60
_BLOCK = 256 * 1024
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

Wait = Callable[[float], object]
"""Called with the seconds before another attempt."""


class Refused(WeightsError):
    """The server does not give this file to us; another attempt is useless."""


@dataclass(frozen=True, slots=True)
class Source:
    """The address of a file, and how it is reached. `authorization` is a header's value, sent to that host only."""

    url: str
    authorization: str | None
    opener: urllib.request.OpenerDirector

    @property
    def shown(self) -> str:
        """Return the address for people to read: a query may hold a secret."""
        return self.url.partition("?")[0]

    def open(self, headers: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> HTTPResponse:
        """Ask for it. Raises Refused for an address that is not http, OSError and HTTPException."""
        if not self.url.startswith(("https://", "http://")):
            raise Refused(f"A registry must be an http or https address, and {self.shown} is none.")
        request = urllib.request.Request(self.url, headers=dict(headers))  # noqa: S310
        if self.authorization:
            request.add_unredirected_header("Authorization", self.authorization)
        try:
            response: HTTPResponse = self.opener.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            raise
        return response


def opener(trusted: ssl.SSLContext, proxy: str | None = None) -> urllib.request.OpenerDirector:
    """Return what opens addresses: through `proxy`, or the one that the environment names."""
    proxies = None if proxy is None else {"http": proxy, "https": proxy}
    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=trusted), urllib.request.ProxyHandler(proxies)
    )


def certificates(environ: Mapping[str, str], named: str | None = None) -> ssl.SSLContext:
    """Trust what pip trusts: the file that its settings name, else this machine's store, else pip's own list."""
    named = named or next((environ[name] for name in _CERTIFICATES if environ.get(name)), None)
    context = ssl.create_default_context(cafile=named)
    pip = find_spec("pip")
    if named is None and not context.get_ca_certs() and pip is not None and pip.origin is not None:
        bundled = Path(pip.origin).parent / "_vendor" / "certifi" / "cacert.pem"
        if bundled.is_file():
            context.load_verify_locations(bundled)
    return context


def download(source: Source, archive: Archive, path: Path, stop: Event, wait: Wait = time.sleep) -> None:
    """Write the archive to `path`, its hash checked. What an earlier call left in `path`.part is gone on with; what
    has come when `stop` is set is left there too.

    Raises WeightsError when the line broke too often, or what came is not the pinned archive; Refused.
    """
    part = path.with_name(f"{path.name}.part")
    in_pieces = _complete(source, archive, part, stop, wait)
    if in_pieces and _sha256(part) != archive.sha256:  # one may be a login page of the network
        part.unlink()
        _complete(source, archive, part, stop, wait)
    if _sha256(part) != archive.sha256:
        part.unlink()
        raise WeightsError(f"The package {_named(archive)} from {source.shown} does not have the pinned sha256.")
    part.rename(path)


def _complete(source: Source, archive: Archive, part: Path, stop: Event, wait: Wait) -> bool:
    """Fetch what is missing of the archive; return True if it came in more than one piece."""
    failures, tries, in_pieces = 0, 0, _size(part) > 0
    while (before := _size(part)) < archive.size_bytes:
        try:
            _go_on(source, part, archive.size_bytes, stop)
        except (OSError, HTTPException) as error:
            failures, tries = 0 if _size(part) > before else failures + 1, tries + 1
            told = f"Downloading the package {_named(archive)} from {source.shown} failed: {error}."
            if _is_final(error):
                raise Refused(told) from error
            if failures == TRIES or tries == MOST_TRIES or stop.is_set():
                raise WeightsError(told) from error
            wait(2.0**failures / 2)
    return in_pieces or tries > 0


def _named(archive: Archive) -> str:
    return f"{archive.package} {archive.version}"


def _is_final(error: Exception) -> bool:
    """Return True if another attempt is useless: the server refused.

    Its own failures and broken connections may pass.
    """
    return isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code not in {408, 416, 429}


def _go_on(source: Source, part: Path, size_bytes: int, stop: Event) -> None:
    """Append what is missing; begin anew where the server sends the whole file again."""
    have = _size(part)
    with source.open({"Range": f"bytes={have}-"} if have else {}) as response:
        mode = "ab" if response.status == 206 and _begins_at(response, have) else "wb"
        with part.open(mode) as file:
            while block := response.read(min(_BLOCK, size_bytes - file.tell() + 1)):
                file.write(block)
                if file.tell() > size_bytes:
                    file.truncate(0)
                    raise WeightsError(f"{source.shown} is larger than the manifest says.")
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
