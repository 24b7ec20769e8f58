"""How it stands with each pack of models in this process: ready, being built, or why not.

An operation names the packs that it needs; `require` lets it in when their files are there. Whoever builds packs says
so here. Files that another process has built are found too, at the next request.
"""

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from openrek.domain.errors import Throttling
from openrek.runtime.parts.lazy import Lazy

if TYPE_CHECKING:
    from openrek.vision.models.zoo import ModelManifest


class PackState(Enum):
    READY = "ready"
    BEING_BUILT = "being built"
    FAILED = "could not be built"
    MISSING = "not built"


class Packs:
    """The packs over the model files in `weights`.

    With `carried`, every pack counts as ready: a function of Lambda has in its layer what it needs, which may be a part
    of a pack, and nobody would build the rest there.
    """

    def __init__(self, weights: Path, *, carried: bool = False) -> None:
        self._weights = weights
        self._carried = carried
        self._manifest: Lazy[ModelManifest] = Lazy(_manifest)
        self._lock = Lock()
        self._ready: set[str] = set()
        self._told: dict[str, PackState] = {}

    def state(self, pack: str) -> PackState:
        """Return how it stands with a pack. Looks for its files until they are there. Raises WeightsError for a pack
        that the manifest has not.
        """
        with self._lock:
            if pack in self._ready:
                return PackState.READY
            told = self._told.get(pack, PackState.MISSING)
        if not self._is_there(pack):
            return told
        with self._lock:
            self._ready.add(pack)
        return PackState.READY

    def require(self, packs: Iterable[str]) -> None:
        """Raise Throttling with the reason unless all of the packs are ready."""
        for pack in packs:
            state = self.state(pack)
            if state is not PackState.READY:
                raise Throttling(reason=sentence(pack, state))

    def ready(self, packs: Iterable[str]) -> bool:
        """Return True if all of the packs are ready."""
        return all(self.state(pack) is PackState.READY for pack in packs)

    def missing(self, packs: Iterable[str]) -> list[str]:
        """Return those of the packs whose files are not all there."""
        return [pack for pack in packs if not self._is_there(pack)]

    def tell(self, packs: Iterable[str], state: PackState) -> None:
        """Note what is being done about packs whose files are not there."""
        with self._lock:
            self._told.update(dict.fromkeys(packs, state))

    def unready(self) -> dict[str, PackState]:
        """Return the packs that somebody is building or failed to build, as they are now."""
        states = {pack: self.state(pack) for pack in list(self._told)}
        return {pack: state for pack, state in states.items() if state is not PackState.READY}

    def _is_there(self, pack: str) -> bool:
        from openrek.vision.models import zoo

        rows = self._manifest().rows([pack]).values()
        return self._carried or all(zoo.path_of(self._weights, row).is_file() for row in rows)


def _manifest() -> "ModelManifest":
    """Read the manifest; only here, because a function that lists faces needs none."""
    from openrek.vision.models import zoo

    return zoo.manifest()


def sentence(pack: str, state: PackState) -> str:
    """Return what a caller is told of a pack that is not ready. It names no path, address or error: the log does."""
    if state is PackState.BEING_BUILT:
        return f"The models of the pack {pack} are being built; try again in a few minutes."
    return f"The models of the pack {pack} are {_WHY[state]}: run `openrek weights --pack {pack}` on the server."


_WHY = {PackState.MISSING: "not built", PackState.FAILED: "not there because their build failed"}
