"""Which adapter serves each port: imported and made when it is first asked for, once per process.

An operation's keyword-only parameters are the whole list of what it needs, and `bind` reads that list. So a function
that lists faces never loads numpy or onnxruntime, which is why the imports of this module stand inside the providers.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from openrek.domain.caller import Caller
from openrek.domain.ports import Buckets, Collections, Erasure, Faces, PageTokens, Tags, Users
from openrek.runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    from openrek.store.folder_blobs import FolderBlobs
    from openrek.store.search import StoredSearch
    from openrek.store.sqlite_items import SqliteItems
    from openrek.store.upkeep import Upkeep
    from openrek.vision.reader import FaceReader

Part = TypeVar("Part")
Operation: TypeAlias = Callable[..., dict[str, Any]]
"""`operation(request, *, port, ...)`: an API operation and what it needs."""
Bound: TypeAlias = Callable[[dict[str, Any], Caller], dict[str, Any]]
"""`bound(request, caller)`: the operation with its needs filled in."""

CALLER = "caller"


class Once(Generic[Part]):
    """Makes its part at the first call; threads that ask meanwhile wait for that one."""

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: list[Part] = []

    def __call__(self) -> Part:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    @property
    def made(self) -> bool:
        return bool(self._made)


class Adapters:
    """The parts of one process. A part that cannot be made raises SettingsError, WeightsError or UnusableStore."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.items: Once[SqliteItems] = Once(self._items)
        self.blobs: Once[FolderBlobs] = Once(self._blobs)
        self.reader: Once[FaceReader] = Once(self._reader)
        self.collections: Once[Collections] = Once(self._collections)
        self.search: Once[StoredSearch] = Once(self._search)
        self._parts: dict[str, Once[Any]] = {
            "collections": self.collections,
            "faces": Once(self._faces),
            "users": Once(self._users),
            "tags": Once(self._tags),
            "erasure": Once(self._erasure),
            "search": self.search,
            "reader": self.reader,
            "buckets": Once(self._buckets),
            "tokens": Once(self._tokens),
        }

    def part(self, name: str) -> object:
        """The port's adapter. Raises LookupError for a name that is no port."""
        return self._parts[name]()

    def knows(self, name: str) -> bool:
        return name in self._parts

    def upkeep(self) -> "Upkeep":
        from openrek.store.upkeep import Upkeep

        return Upkeep(self.items(), self.blobs())

    def sweep(self) -> None:
        """One pass of upkeep, of the database's own, and of what searches keep in memory."""
        from openrek.store.wiping import wipe_if_due

        self.upkeep().sweep()
        wipe_if_due(self.items())
        if self.search.made:
            self.search().tidy()

    def load_models(self) -> None:
        """Opens every model now rather than at its first use. Raises WeightsError."""
        from openrek.vision import zoo

        reader = self.reader()
        for name in zoo.manifest().weights:
            reader.session(name)

    def close(self) -> None:
        if self.items.made:
            self.items().close()

    def _data(self) -> Path:
        if self._settings.data is None:
            raise SettingsError("There is no data folder: set OPENREK_DATA to the folder that keeps the collections.")
        return self._settings.data

    def _items(self) -> "SqliteItems":
        from openrek.store.sqlite_items import SqliteItems

        return SqliteItems(self._data() / "items.sqlite3")

    def _blobs(self) -> "FolderBlobs":
        from openrek.store.folder_blobs import FolderBlobs

        return FolderBlobs(self._data() / "blobs")

    def _collections(self) -> Collections:
        from openrek.store.collections import StoredCollections

        return StoredCollections(self.items())

    def _faces(self) -> Faces:
        from openrek.store.faces import StoredFaces

        return StoredFaces(self.items())

    def _users(self) -> Users:
        from openrek.store.users import StoredUsers

        return StoredUsers(self.items())

    def _tags(self) -> Tags:
        from openrek.store.tags import StoredTags

        return StoredTags(self.items())

    def _erasure(self) -> Erasure:
        from openrek.store.erasing import StoredErasure

        return StoredErasure(self.items())

    def _search(self) -> "StoredSearch":
        from openrek.store.search import StoredSearch

        return StoredSearch(self.items(), self.blobs())

    def _tokens(self) -> PageTokens:
        from openrek.store.page_tokens import SealedPageTokens

        return SealedPageTokens(self.items())

    def _buckets(self) -> Buckets:
        from openrek.runtime.folder_buckets import FolderBuckets

        return FolderBuckets(self._data() / "buckets")

    def _reader(self) -> "FaceReader":
        from openrek.vision.reader import FaceReader

        return FaceReader(self._settings.weights, self._settings.threads)


def needs(operation: Operation) -> tuple[str, ...]:
    """The names of the operation's keyword-only parameters."""
    parameters = inspect.signature(operation).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


def bind(operation: Operation, adapters: Adapters) -> Bound:
    """Fills in the operation's needs at each call, making parts when they are first needed.

    `caller` is the one need that differs from request to request. Raises LookupError for a need that no part fills.
    """
    names = needs(operation)
    ports = tuple(name for name in names if name != CALLER)
    for name in ports:
        if not adapters.knows(name):
            raise LookupError(f"{operation.__name__} needs {name}, which no adapter serves")

    def bound(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        parts = {name: adapters.part(name) for name in ports}
        if CALLER in names:
            parts[CALLER] = caller
        return operation(request, **parts)

    return bound
