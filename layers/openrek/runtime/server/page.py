"""The web page of the local server: one self-contained page, no script, nothing loaded from elsewhere."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from openrek.runtime.server.health import Health


def render(health: Health, url: str, operations: Iterable[str]) -> tuple[str, str]:
    """Return the HTML, and the Content-Security-Policy that allows its style sheet and nothing else."""
    folder = files("openrek.runtime.server")
    style = folder.joinpath("page.css").read_text("utf-8")
    page = Template(folder.joinpath("page.html").read_text("utf-8"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    values = {
        "state": "ok" if health.ok else "ill",
        "summary": "healthy" if health.ok else "not able to work",
        "store": health.store,
        "search": health.search,
        "models": health.models,
        "version": health.version,
        "url": url,
        "operations": ", ".join(sorted(operations)),
    }
    html = page.substitute({name: escape(value) for name, value in values.items()}, style=style)
    return (
        html,
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    )
