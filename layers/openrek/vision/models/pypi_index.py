"""Where an archive is in the user's Python package indexes, found by its sha256 (the simple repository API).

The hash names the file, so neither tags nor versions are compared here. Pages are JSON (PEP 691) or HTML (PEP 503).
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from http.client import HTTPException, HTTPResponse
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from openrek.vision.models.pip_settings import PipSettings
from openrek.vision.models.ranged_download import Refused, Source, certificates, opener
from openrek.vision.models.zoo import Archive

PAGE_TIMEOUT_S: Final = 15
MOST_PAGE_BYTES: Final = 32 * 1024 * 1024
_ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"


def find(archive: Archive, settings: PipSettings) -> Source | None:
    """Return the address of the archive, or None if no index that can be read here has it."""
    project = re.sub(r"[-_.]+", "-", archive.package).lower()
    for index in settings.indexes:
        with suppress(OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError, Refused):
            if found := _found(index, project, archive.sha256, settings):
                return found
    return None


def _found(index: str, project: str, sha256: str, settings: PipSettings) -> Source | None:
    url, authorization = _without_credentials(f"{index.rstrip('/')}/{project}/")
    opens = opener(certificates(os.environ, settings.certificates), settings.proxy)
    with Source(url, authorization, opens).open({"Accept": _ACCEPT}, PAGE_TIMEOUT_S) as page:
        for link, hashed in _links(page):
            file, _ = _without_credentials(urljoin(page.url, link).partition("#")[0])
            if hashed == sha256 and file.startswith(("https://", "http://")):
                same = urlsplit(file).netloc == urlsplit(url).netloc
                return Source(file, authorization if same else None, opens)
    return None


def _links(page: HTTPResponse) -> Iterator[tuple[str, str]]:
    """Yield each file's address, which may be relative, and its sha256. Raises ValueError."""
    content = page.read(MOST_PAGE_BYTES + 1)
    if len(content) > MOST_PAGE_BYTES:
        raise ValueError("the page of the index is too large")
    if page.headers.get_content_type().endswith("+json"):
        for file in json.loads(content)["files"]:
            yield str(file["url"]), str(file["hashes"].get("sha256", ""))
        return
    anchors = _Anchors()
    anchors.feed(content.decode("utf-8", "replace"))
    for link in anchors.links:
        yield link, link.partition("#sha256=")[2].partition("&")[0]


class _Anchors(HTMLParser):
    """The addresses of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _without_credentials(url: str) -> tuple[str, str | None]:
    """Return the address without a user's name, and the header that says it. Raises ValueError."""
    parts = urlsplit(url)
    user, mark, host = parts.netloc.rpartition("@")
    if not mark:
        return url, None
    name, _, password = user.partition(":")
    basic = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), f"Basic {basic}"
