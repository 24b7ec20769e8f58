"""The adapter behind each port: imported and made at its first use, once per process.

An operation's keyword-only parameters are the whole list of its needs, and `bind` reads that list. So a function that
lists faces never loads numpy or onnxruntime, which is why the imports of this module stand inside the providers.
"""

import inspect
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from openrek.domain.caller import Caller
from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.ports import Buckets, Collections, Erasure, Faces, PageTokens, Tags, Users
from openrek.runtime.parts.face_packs import OFFER, FaceOffer
from openrek.runtime.parts.lazy import Lazy
from openrek.runtime.parts.local import LocalParts
from openrek.runtime.parts.packs import Packs
from openrek.runtime.settings import Settings, SettingsError
from openrek.wire.door import Authenticate, BoundOperation

if TYPE_CHECKING:
    from openrek.operations.registry import OperationFunction
    from openrek.runtime.parts.own_labels import OwnLabels
    from openrek.runtime.parts.pictures import DecodedPictures
    from openrek.store.blobs.port import Blobs
    from openrek.store.items.port import Items
    from openrek.store.search.search import StoredSearch
    from openrek.store.upkeep.upkeep import Upkeep
    from openrek.vision.equipment.reader import EquipmentReader
    from openrek.vision.faces.reader import FaceReader
    from openrek.vision.labels.label_pack import LabelPack
    from openrek.vision.labels.reader import LabelReader
    from openrek.vision.models.sessions import ModelSessions
    from openrek.vision.moderation.reader import ModerationReader

CALLER = "caller"
LABELS = "labels"
"""The pack of models beside which the owner's own is opened."""


class PlatformParts(Protocol):
    """The parts that depend on where the data is: LocalParts (this machine) or AwsParts."""

    @property
    def items(self) -> Callable[[], "Items"]: ...
    @property
    def blobs(self) -> Callable[[], "Blobs"]: ...
    @property
    def buckets(self) -> Callable[[], Buckets]: ...
    @property
    def own_labels(self) -> Callable[[], "OwnLabels"]: ...
    def authenticate(self) -> Authenticate: ...
    def close(self) -> None: ...


class Adapters:
    """The parts of one process. A part that cannot be made raises SettingsError, WeightsError or UnusableStore."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_scan: Callable[[int], None] | None = None,
        read_only: bool = False,
        clock: Clock = SYSTEM_CLOCK,
        faces: FaceOffer = OFFER,
    ) -> None:
        """Make nothing yet. `on_scan` is called with the number of rows that each search read.

        `read_only`: see LocalParts. `faces`: the face models that are offered.
        """
        self._settings = settings
        self.models, self.conversion = faces.models, faces.conversion
        self._on_scan = on_scan
        self._clock = clock
        self.platform: PlatformParts = _platform(settings, read_only=read_only)
        self.items, self.blobs = self.platform.items, self.platform.blobs
        self.authenticate = self.platform.authenticate
        self.packs = Packs(settings.weights, carried=settings.aws is not None)
        self.sessions: Lazy[ModelSessions] = Lazy(self._sessions)
        self.reader: Lazy[FaceReader] = Lazy(lambda: faces.reader(self.sessions()))
        self.label_reader: Lazy[LabelReader] = Lazy(self._label_reader)
        self.own_labels = self.platform.own_labels
        self.label_pack: Lazy[LabelPack | None] = Lazy(self._label_pack)
        self.collections: Lazy[Collections] = Lazy(self._collections)
        self.search: Lazy[StoredSearch] = Lazy(self._search)
        self.inferring: dict[str, Callable[[], Any]] = {
            "reader": self.reader,
            "pictures": Lazy(self._pictures),
            "moderator": Lazy(self._moderator),
        }
        self._parts = self.inferring | self._stored() | self._chosen()

    def part(self, name: str) -> object:
        """Return the port's adapter. Raises LookupError for a name that is no port."""
        return self._parts[name]()

    def knows(self, name: str) -> bool:
        """Return True if there is a port of this name."""
        return name in self._parts

    def infers(self, name: str) -> bool:
        """Return True if models run behind the port of this name."""
        return name in self.inferring

    def upkeep(self) -> "Upkeep":
        from openrek.store.upkeep.upkeep import Upkeep

        return Upkeep(self.items(), self.blobs(), clock=self._clock)

    def embedded(self) -> LocalParts:
        """Return the parts of the data folder. Raises SettingsError where the store is in AWS."""
        if isinstance(self.platform, LocalParts):
            return self.platform
        raise SettingsError("This works on a data folder, not on the tables of AWS: unset OPENREK_TABLE.")

    def sweep(self) -> None:
        """Run one pass of upkeep, of the files' own upkeep, and of the search cache's.

        A failure in one of them holds up none of the others, and is raised in the end.
        """
        from openrek.store.blobs.folder import STALE_AFTER_S
        from openrek.store.upkeep.sqlite_vacuum import vacuum_if_due

        with ExitStack() as afterwards:  # in reverse order
            if self.search.made:
                afterwards.callback(self.search().tidy)
            afterwards.callback(vacuum_if_due, self.embedded().items(), clock=self._clock)
            afterwards.callback(self.embedded().blobs().clear_aside, STALE_AFTER_S)
            self.upkeep().sweep()

    def load_models(self, packs: Iterable[str], *, present: bool = False) -> None:
        """Open every model of the packs now rather than at its first use; with `present`, those whose files are there.

        A function carries only what it uses of a pack. Raises WeightsError.
        """
        from openrek.vision.models import zoo

        manifest = zoo.manifest()
        for pack in packs:
            if not present:
                zoo.check_present(self._settings.weights, [pack])
            for name, row in manifest.rows([pack]).items():
                if not present or zoo.path_of(self._settings.weights, row).is_file():
                    self.sessions().session(name)
            if pack == LABELS:
                self.label_pack()

    def close(self) -> None:
        self.platform.close()

    def _chosen(self) -> dict[str, Callable[[], Any]]:
        """Return the parts that the settings and the platform choose, by the names of their ports."""
        return {
            "models": lambda: self.models,
            "celebrity_rule": lambda: self._settings.celebrities,
            "moderation_version": lambda: self._settings.moderation,
            "packs": lambda: self.packs,
            "buckets": self.platform.buckets,
        }

    def _stored(self) -> dict[str, Callable[[], Any]]:
        """Return the parts of the store by the names of their ports."""
        return {
            "collections": self.collections,
            "faces": Lazy(self._faces),
            "users": Lazy(self._users),
            "tags": Lazy(self._tags),
            "erasure": Lazy(self._erasure),
            "search": self.search,
            "tokens": Lazy(self._tokens),
        }

    def _collections(self) -> Collections:
        from openrek.store.collections.collections import StoredCollections

        return StoredCollections(self.items(), clock=self._clock)

    def _faces(self) -> Faces:
        from openrek.store.faces.faces import StoredFaces

        return StoredFaces(self.items(), clock=self._clock)

    def _users(self) -> Users:
        from openrek.store.users.users import StoredUsers

        return StoredUsers(self.items(), clock=self._clock)

    def _tags(self) -> Tags:
        from openrek.store.collections.tags import StoredTags

        return StoredTags(self.items(), clock=self._clock)

    def _erasure(self) -> Erasure:
        from openrek.store.erasure.erasure import StoredErasure

        return StoredErasure(self.items(), clock=self._clock)

    def _search(self) -> "StoredSearch":
        from openrek.store.search.cache import MAX_BYTES
        from openrek.store.search.search import StoredSearch

        return StoredSearch(
            self.items(),
            self.blobs(),
            on_scan=self._on_scan,
            max_bytes=self._settings.search_bytes or MAX_BYTES,
            clock=self._clock,
        )

    def _tokens(self) -> PageTokens:
        from openrek.store.collections.page_tokens import SealedPageTokens

        return SealedPageTokens(self.items(), clock=self._clock)

    def _sessions(self) -> "ModelSessions":
        from openrek.vision.models.sessions import ModelSessions

        return ModelSessions(self._settings.weights, self._settings.threads)

    def _label_reader(self) -> "LabelReader":
        from openrek.vision.labels.reader import LabelReader

        own, pack = self.own_labels(), self.label_pack()
        return LabelReader(self.sessions(), lambda: replace(own.additions(), pack=pack))

    def _label_pack(self) -> "LabelPack | None":
        """Open the owner's pack, if there is one. Raises SettingsError."""
        if self._settings.label_pack is None:
            return None
        from openrek.runtime.parts import label_packs
        from openrek.store.blobs.s3 import s3_client
        from openrek.vision.labels.pack_files import LabelPackError

        try:
            return label_packs.opened(self._settings.label_pack, self._settings.threads, s3_client)
        except LabelPackError as error:
            raise SettingsError(str(error)) from error

    def _moderator(self) -> "ModerationReader":
        from openrek.vision.moderation.reader import ModerationReader

        return ModerationReader(self.sessions())

    def _pictures(self) -> "DecodedPictures":
        from openrek.runtime.parts.pictures import DecodedPictures

        return DecodedPictures(self.reader, self.label_reader, Lazy(self._equipment_reader))

    def _equipment_reader(self) -> "EquipmentReader":
        from openrek.vision.equipment.reader import EquipmentReader

        return EquipmentReader(self.sessions())


def _platform(settings: Settings, *, read_only: bool) -> PlatformParts:
    """Return the parts of the platform that the settings choose. Raises SettingsError when they name both."""
    if settings.aws is None:
        return LocalParts(settings.data, read_only=read_only)
    if settings.data is not None:
        raise SettingsError("OPENREK_DATA and OPENREK_TABLE name two places for the data: unset one of them.")
    from openrek.runtime.parts.aws import AwsParts

    return AwsParts(settings.aws)


def needs(operation: "OperationFunction") -> tuple[str, ...]:
    """Return the names of the operation's keyword-only parameters."""
    parameters = inspect.signature(operation).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


def bind(
    operation: "OperationFunction", adapters: Adapters, packs: Iterable[str] = (), **instead: Callable[[], object]
) -> BoundOperation:
    """Return the operation with its needs filled in at each call; parts are made when they are first needed.

    A call raises Throttling before anything else while one of the model packs `packs` is not ready. `instead` replaces
    the adapters' own parts by the results of these functions. `caller` is the one need that differs from request to
    request. Raises LookupError for a need that no part fills.
    """
    models = tuple(packs)
    names = needs(operation)
    ports = tuple(name for name in names if name != CALLER)
    for name in ports:
        if not adapters.knows(name):
            raise LookupError(f"{operation.__name__} needs {name}, which no adapter serves")

    def bound(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        adapters.packs.require(models)
        parts = {name: instead[name]() if name in instead else adapters.part(name) for name in ports}
        if CALLER in names:
            parts[CALLER] = caller
        return operation(request, **parts)

    return bound
