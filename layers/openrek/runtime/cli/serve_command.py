"""`openrek serve`: the local server, and what its first start makes."""

import ctypes
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.umask import private_files
from openrek.runtime.server.signals import end_at_once, signals_to

if TYPE_CHECKING:
    from openrek.domain.ports import KeyStore

M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind; only loopback without --keys.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option(
    "--data", default="data", show_default=True, envvar="OPENREK_DATA", type=click.Path(path_type=Path, file_okay=False)
)
@click.option("--keys", is_flag=True, help="Accept only requests signed with an access key (`openrek keys create`).")
@click.option("--keys-file", type=_FILE, help="The file of keys. [default: keys.json in DATA]")
@click.option(
    "--first-key", is_flag=True, help="With --keys: where there is no key yet, make one for everything and print it."
)
@click.option("--tls-cert", type=_FILE, help="Speak TLS, with this certificate and its chain (PEM).")
@click.option("--tls-key", type=_FILE, help="The certificate's key (PEM, without a password).")
@click.option(
    "--trust-published-loopback",
    is_flag=True,
    help="Bind HOST without --keys: for a container whose port is published on 127.0.0.1 only.",
)
def serve(
    host: str,
    port: int,
    data: Path,
    keys: bool,
    keys_file: Path | None,
    first_key: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    trust_published_loopback: bool,
) -> None:
    """Serve the API until Ctrl-C or SIGTERM, with all data in the folder DATA.

    The models of the pack `faces` are built first where they are missing; other packs that the server uses are built
    while it serves, and what needs one is refused until it is there.

    Without --keys any signature is accepted, but only from programs of this machine. With --keys other machines may
    connect too: with --tls-cert and --tls-key by TLS, or with a TLS proxy in front that keeps the Host header.
    """
    if (tls_cert is None) is not (tls_key is None):
        raise Failure("--tls-cert and --tls-key need each other: one of them is missing.")
    if first_key and not (keys or keys_file):
        raise Failure("--first-key makes a key for a server that wants keys: add --keys.")
    certificate = (tls_cert, tls_key) if tls_cert and tls_key else None
    keys_path = keys_file or (data / "keys.json" if keys else None)
    with signals_to(end_at_once):  # until the server takes them: numpy and the models need a moment
        _serve(host, port, data, keys_path, certificate, first_key=first_key, published=trust_published_loopback)


def _serve(
    host: str,
    port: int,
    data: Path,
    keys_path: Path | None,
    certificate: tuple[Path, Path] | None,
    *,
    first_key: bool,
    published: bool,
) -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for numpy's import: searches share their rows themselves
    _share_heaps()
    from openrek.runtime.cli.build_line import BuildLine
    from openrek.runtime.cli.weights_command import build_missing
    from openrek.runtime.keys.file_keys import FileKeys
    from openrek.runtime.server import run
    from openrek.runtime.server.socket_server import tls_of
    from openrek.runtime.settings import Settings
    from openrek.vision.models.zoo import FACES

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    with _failures():
        settings = replace(Settings.of(os.environ), data=data)
        tls = tls_of(*certificate) if certificate else None
        build_missing(settings.weights, [FACES])
        with private_files():
            keys = FileKeys(keys_path) if keys_path else None
            if keys and first_key:
                _issue_first(keys)
            display = BuildLine(sys.stderr)
            run.serve(
                settings, host, port, _announce, display=display, keys=keys, tls=tls, published_on_loopback=published
            )


def _share_heaps() -> None:
    """Let all threads share two heaps of glibc's: with one for each, what a thread freed stays with it. That is 15 to
    50 MB of a server that finds faces, and costs no time that could be measured. Other C libraries have no such heaps.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


@contextmanager
def _failures() -> Iterator[None]:
    """Raise Failure for what keeps a server from starting."""
    from openrek.runtime.settings import SettingsError
    from openrek.store.items.sqlite_opening import UnusableStore
    from openrek.vision.models.zoo import WeightsError

    try:
        yield
    except (SettingsError, WeightsError, UnusableStore) as error:
        raise Failure(error) from None


def _issue_first(keys: "KeyStore") -> None:
    """Make a key for everything and print it, if there is none. Raises SettingsError."""
    import time

    from openrek.domain.access_keys import new_access_key
    from openrek.domain.permissions import Permissions
    from openrek.runtime.cli.keys_commands import show_secret

    if not keys.listed():
        key = new_access_key(Permissions(("*",), ("*",), ("*",)), now_s=time.time(), note="made by the first start")
        keys.add(key)
        show_secret(key)


def _announce(url: str) -> None:
    click.echo(f"openrek serves on {url} (Ctrl-C stops it)")
    sys.stdout.flush()
