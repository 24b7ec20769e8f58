"""`openrek serve`: the real operations behind the local server.

Every error of settings, store and models is found before the first connection is accepted, and raised as one sentence.
"""

import ssl
from collections.abc import Callable
from contextlib import ExitStack

import apsw

from openrek.domain.errors import StoreUnavailable
from openrek.domain.ports import Keys, KeyStore
from openrek.operations.registry import OPERATIONS, TOUCH_NO_COLLECTION, implied_collections
from openrek.runtime.keys.cached_keys import authenticator
from openrek.runtime.parts.adapters import Adapters, bind
from openrek.runtime.server.app import LocalApp, threads_of
from openrek.runtime.server.health import examine
from openrek.runtime.server.open_files import room_for_connections
from openrek.runtime.server.pack_builder import BuildDisplay, PackBuilder
from openrek.runtime.server.socket_server import LocalServer, listener, url_of
from openrek.runtime.server.sweeper import Sweeper
from openrek.runtime.settings import Settings, SettingsError
from openrek.store.upkeep.upkeep import DAMAGED
from openrek.vision.models import zoo

OPEN_AT_START = ("faces",)
"""The packs of models that are open before the first request is taken."""

OWN_THREADS = 2
"""The event loop's and the sweeper's. That of the build of packs opens no file of the store."""


def serve(
    settings: Settings,
    host: str,
    port: int,
    announce: Callable[[str], None],
    *,
    display: BuildDisplay,
    keys: KeyStore | None = None,
    tls: ssl.SSLContext | None = None,
    published_on_loopback: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; call `announce` with the URL when connections are accepted.

    Default packs of models that are missing are built meanwhile, which `display` shows; only `faces` must be there.
    With `keys`, every request must be signed with one of them. `published_on_loopback`: somebody else sees to it that
    only this machine reaches `host`. Raises SettingsError, WeightsError or UnusableStore before it serves.
    """
    if keys is not None and not keys.listed():
        raise SettingsError("There is no access key yet; issue one with `openrek keys create`.")
    room = room_for_connections(threads_of(settings.workers) + OWN_THREADS)
    with ExitStack() as stack:
        bound = stack.enter_context(listener(host, port, anywhere=keys is not None or published_on_loopback))
        _ready_data_folder(settings)
        adapters = Adapters(settings)
        stack.callback(adapters.close)
        adapters.collections()
        adapters.blobs()  # now: later it might make anew a folder that was taken away
        adapters.reader()
        adapters.load_models(OPEN_AT_START)
        adapters.label_pack()
        app = local_app(adapters, settings, keys)
        stack.callback(app.close)
        sweeper = Sweeper(adapters.sweep, tolerate=(apsw.Error, OSError, StoreUnavailable, *DAMAGED))
        sweeper.start()
        stack.callback(sweeper.stop)
        builder = PackBuilder(adapters.packs, settings.weights, zoo.manifest().default_packs(), display)
        builder.start()
        stack.callback(builder.stop)
        url = url_of(bound, tls=tls is not None)
        LocalServer(app.asgi, lambda: announce(url), room=room, tls=tls).run(sockets=[bound])


def local_app(adapters: Adapters, settings: Settings, keys: Keys | None = None) -> LocalApp:
    """Return the application over the real operations."""
    return LocalApp(
        {name: bind(row.function(), adapters, row.packs) for name, row in OPERATIONS.items()},
        [name for name, row in OPERATIONS.items() if row.infers],
        examine=lambda: examine(adapters),
        workers=settings.workers,
        queue=settings.queue,
        touch_no_collection=TOUCH_NO_COLLECTION,
        implied=implied_collections(settings.celebrities.collection_id),
        signatures=None if keys is None else authenticator(keys),
    )


def _ready_data_folder(settings: Settings) -> None:
    """Make the data folder, for this user only. Raises SettingsError."""
    if settings.data is None:
        raise SettingsError("There is no data folder: give --data or set OPENREK_DATA.")
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (settings.data / "buckets").mkdir(exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The data folder {settings.data} cannot be used: {error.strerror}.") from None
