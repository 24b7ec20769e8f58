"""Upkeep of a store: compaction, trimming, garbage collection and the orphan sweep, safe in any process at any time."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import Refusal
from openrek.store.blobs.port import BlobMissing, Blobs
from openrek.store.items.port import ConditionFailed, Contended, DamagedItem, Items, OutcomeUnknown
from openrek.store.log.entries import LogGap
from openrek.store.log.keys import DIRECTORY
from openrek.store.log.sound_items import sound_rows
from openrek.store.segments.manifest import CorruptManifest
from openrek.store.segments.segment_file import CorruptSegment
from openrek.store.upkeep.compaction import Compactor
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.upkeep.orphan_sweep import OrphanSweep, never

DAMAGED: Final = (BlobMissing, LogGap, CorruptManifest, CorruptSegment, DamagedItem)
"""What the upkeep of a collection ends in when its head names what is not there, or what it needs is not whole."""

BUSY: Final = (Contended, ConditionFailed, OutcomeUnknown, Refusal)
"""Errors of a busy collection: others write to it; a later pass does the work."""

STEPS_PER_SWEEP: Final = 16
STEPS_PER_PURGE: Final = 1000


class Upkeep:
    """All upkeep of one store."""

    def __init__(
        self,
        items: Items,
        blobs: Blobs,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._items = items
        self._compactor = Compactor(items, blobs, clock=clock)
        self._garbage = GarbageCollector(items, blobs, clock=clock)
        self._orphan_sweep = OrphanSweep(items, blobs, clock=clock)

    def sweep(self) -> None:
        """Do all work that is due, in one pass. Busy collections are left to the next pass.

        Raises one of `DAMAGED`, or the OSError of a blob, after everything else is done.
        """
        damaged: list[Exception] = []
        self._pass(self._collection_ids(damaged), damaged, force=False)

    def sweep_until(self, should_stop: Callable[[], bool]) -> bool:
        """Sweep; return True at the end, False if `should_stop` returned True before. Raises as `sweep` does.

        The orphan sweep comes first, then collections in a new order each time, so that sweeps which are too short skip
        nothing for good.
        """
        damaged: list[Exception] = []
        ids = list(self._collection_ids(damaged))
        random.shuffle(ids)
        with suppress(OSError, DamagedItem):  # the pass ends with another one, which reports it
            self._orphan_sweep.sweep(should_stop)
        self._pass(ids, damaged, force=False, should_stop=should_stop)
        return not should_stop()

    def compact(self, collection_id: str, should_stop: Callable[[], bool]) -> bool:
        """Compact one collection as far as it is due; return True at the end, False if `should_stop` came first.

        Raises one of `BUSY`, or of `DAMAGED`.
        """
        while not should_stop():
            if not self._compactor.step(collection_id):
                self._garbage.collect(collection_id)
                return True
        return False

    def purge(self) -> None:
        """Make deletions physical now: nothing that was deleted before the call is left in any item or blob.

        Raises Contended, ConditionFailed or OutcomeUnknown when others were in the way, and as `sweep` does.
        """
        damaged: list[Exception] = []
        self._pass(self._collection_ids(damaged), damaged, force=True)

    def _pass(
        self,
        collection_ids: Iterable[str],
        damaged: list[Exception],
        *,
        force: bool,
        should_stop: Callable[[], bool] = never,
    ) -> None:
        """Make one pass over the collections; raise the first error of `damaged`, also of before, in the end."""
        for collection_id in collection_ids:
            try:
                for _ in range(STEPS_PER_PURGE if force else STEPS_PER_SWEEP):
                    if should_stop() or not self._compactor.step(collection_id, force=force):
                        break
                else:
                    if force:
                        raise Contended(f"others write to {collection_id} without a pause")
                if not should_stop():
                    self._garbage.collect(collection_id, force=force)
            except (*DAMAGED, OSError) as error:  # a file that cannot be read holds up nobody else
                damaged.append(error)
            except BUSY:
                if force:
                    raise
        self._orphan_sweep.sweep(should_stop)
        if damaged:
            raise damaged[0]

    def _collection_ids(self, damaged: list[Exception]) -> Iterator[str]:
        return (row.attributes["id"] for row in sound_rows(self._items, DIRECTORY, damaged))
