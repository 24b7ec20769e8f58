"""Which adapter serves each port: imported and made when it is first asked for, once per process.

An operation's keyword-only parameters are the whole list of what it needs, and `bind` reads that list. So a function
that lists faces never loads numpy or onnxruntime, which is why the imports of this module stand inside the providers.
"""

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from openrek.domain.caller import Caller
from openrek.domain.ports import Buckets, Collections, Erasure, Faces, PageTokens, Tags, Users
from openrek.runtime.parts.local import LocalParts
from openrek.runtime.parts.once import Once
from openrek.runtime.settings import Settings, SettingsError
from openrek.wire.door import Authenticate

if TYPE_CHECKING:
    from openrek.store.blobs.port import Blobs
    from openrek.store.items.port import Items
    from openrek.store.search.search import StoredSearch
    from openrek.store.upkeep.upkeep import Upkeep
    from openrek.vision.faces.reader import FaceReader

Operation: TypeAlias = Callable[..., dict[str, Any]]
"""`operation(request, *, port, ...)`: an API operation and what it needs."""
Bound: TypeAlias = Callable[[dict[str, Any], Caller], dict[str, Any]]
"""`bound(request, caller)`: the operation with its needs filled in."""

CALLER = "caller"


class Storage(Protocol):
    """What the place provides where a process keeps its data: LocalParts or AwsParts."""

    @property
    def items(self) -> Callable[[], "Items"]: ...
    @property
    def blobs(self) -> Callable[[], "Blobs"]: ...
    @property
    def buckets(self) -> Callable[[], Buckets]: ...
    def authenticate(self) -> Authenticate: ...
    def close(self) -> None: ...


class Adapters:
    """The parts of one process. A part that cannot be made raises SettingsError, WeightsError or UnusableStore."""

    def __init__(
        self, settings: Settings, *, scanned: Callable[[int], None] | None = None, read_only: bool = False
    ) -> None:
        """`scanned` is told how many rows each search read. `read_only`: see LocalParts."""
        self._settings = settings
        self._scanned = scanned
        self.storage: Storage = _storage(settings, read_only=read_only)
        self.items = self.storage.items
        self.blobs = self.storage.blobs
        self.authenticate = self.storage.authenticate
        self.reader: Once[FaceReader] = Once(self._reader)
        self.collections: Once[Collections] = Once(self._collections)
        self.search: Once[StoredSearch] = Once(self._search)
        self._parts: dict[str, Callable[[], Any]] = {
            "collections": self.collections,
            "faces": Once(self._faces),
            "users": Once(self._users),
            "tags": Once(self._tags),
            "erasure": Once(self._erasure),
            "search": self.search,
            "reader": self.reader,
            "buckets": self.storage.buckets,
            "tokens": Once(self._tokens),
        }

    def part(self, name: str) -> object:
        """The port's adapter. Raises LookupError for a name that is no port."""
        return self._parts[name]()

    def knows(self, name: str) -> bool:
        return name in self._parts

    def upkeep(self) -> "Upkeep":
        from openrek.store.upkeep.upkeep import Upkeep

        return Upkeep(self.items(), self.blobs())

    def embedded(self) -> LocalParts:
        """For what only the embedded store needs. Raises SettingsError where the store is in AWS."""
        if isinstance(self.storage, LocalParts):
            return self.storage
        raise SettingsError("This works on a data folder, not on the tables of AWS: unset OPENREK_TABLE.")

    def sweep(self) -> None:
        """One pass of upkeep, of the files' own, and of what searches keep in memory: what fails in one of them, which
        is raised in the end, holds up none of the others.
        """
        from openrek.store.blobs.folder import STALE_AFTER_S
        from openrek.store.upkeep.sqlite_vacuum import wipe_if_due

        with ExitStack() as afterwards:  # in reverse order
            if self.search.made:
                afterwards.callback(self.search().tidy)
            afterwards.callback(wipe_if_due, self.embedded().items())
            afterwards.callback(self.embedded().blobs().clear_aside, STALE_AFTER_S)
            self.upkeep().sweep()

    def load_models(self, *, present: bool = False) -> None:
        """Opens every model now rather than at its first use; with `present`, those whose files are there: a function
        carries only its own. Raises WeightsError.
        """
        from openrek.vision.models import zoo

        reader = self.reader()
        for name, row in zoo.manifest().weights.items():
            if not present or (self._settings.weights / row.file).is_file():
                reader.session(name)

    def close(self) -> None:
        self.storage.close()

    def _collections(self) -> Collections:
        from openrek.store.collections.collections import StoredCollections

        return StoredCollections(self.items())

    def _faces(self) -> Faces:
        from openrek.store.faces.faces import StoredFaces

        return StoredFaces(self.items())

    def _users(self) -> Users:
        from openrek.store.users.users import StoredUsers

        return StoredUsers(self.items())

    def _tags(self) -> Tags:
        from openrek.store.collections.tags import StoredTags

        return StoredTags(self.items())

    def _erasure(self) -> Erasure:
        from openrek.store.erasure.erasure import StoredErasure

        return StoredErasure(self.items())

    def _search(self) -> "StoredSearch":
        from openrek.store.search.cache import MAX_BYTES
        from openrek.store.search.search import StoredSearch

        return StoredSearch(
            self.items(), self.blobs(), scanned=self._scanned, max_bytes=self._settings.search_bytes or MAX_BYTES
        )

    def _tokens(self) -> PageTokens:
        from openrek.store.collections.page_tokens import SealedPageTokens

        return SealedPageTokens(self.items())

    def _reader(self) -> "FaceReader":
        from openrek.vision.faces.reader import FaceReader

        return FaceReader(self._settings.weights, self._settings.threads)


def _storage(settings: Settings, *, read_only: bool) -> Storage:
    """Raises SettingsError when both places are named."""
    if settings.aws is None:
        return LocalParts(settings.data, read_only=read_only)
    if settings.data is not None:
        raise SettingsError("OPENREK_DATA and OPENREK_TABLE name two places for the data: unset one of them.")
    from openrek.runtime.parts.aws import AwsParts

    return AwsParts(settings.aws)


def needs(operation: Operation) -> tuple[str, ...]:
    """The names of the operation's keyword-only parameters."""
    parameters = inspect.signature(operation).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


def bind(operation: Operation, adapters: Adapters, **instead: Callable[[], object]) -> Bound:
    """Fills in the operation's needs at each call, making parts when they are first needed.

    What `instead` makes takes the place of the adapters' own. `caller` is the one need that differs from request to
    request. Raises LookupError for a need that no part fills.
    """
    names = needs(operation)
    ports = tuple(name for name in names if name != CALLER)
    for name in ports:
        if not adapters.knows(name):
            raise LookupError(f"{operation.__name__} needs {name}, which no adapter serves")

    def bound(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        parts = {name: instead[name]() if name in instead else adapters.part(name) for name in ports}
        if CALLER in names:
            parts[CALLER] = caller
        return operation(request, **parts)

    return bound
