"""One process over the shared store, with its own stacks and memory."""

from openrek.store.blobs.port import Blobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.search.search import StoredSearch
from openrek.store.upkeep.compaction import Compactor
from openrek.store.upkeep.upkeep import Upkeep
from openrek.store.users.users import StoredUsers
from tests.store.faults import FaultyBlobs, FaultyItems, Wire
from tests.support.clocks import FakeClock

FACES_PER_COMMIT = 3


class Process:
    """One process: its own stacks and memory over the shared store."""

    def __init__(self, items: Items, blobs: Blobs, wire: Wire, clock: FakeClock) -> None:
        self.items = FaultyItems(items, wire=wire, most_rows=3)
        self.blobs = FaultyBlobs(blobs, self.items)
        self._clock = clock
        self.open()

    def open(self) -> None:
        self.collections = StoredCollections(self.items, clock=self._clock)
        self.faces = StoredFaces(self.items, max_faces=60, faces_per_commit=FACES_PER_COMMIT, clock=self._clock)
        self.users = StoredUsers(self.items, faces_per_commit=FACES_PER_COMMIT, clock=self._clock)
        self.erasure = StoredErasure(self.items, faces_per_commit=FACES_PER_COMMIT, clock=self._clock)
        self.search = StoredSearch(self.items, self.blobs, threads=1, later=lambda work: work())
        self.compactors = {
            "due": Compactor(self.items, self.blobs, clock=self._clock),
            "eager": Compactor(self.items, self.blobs, clock=self._clock, fold_entries=1, small_bytes=0),
        }
        self.upkeep = Upkeep(self.items, self.blobs, clock=self._clock)
