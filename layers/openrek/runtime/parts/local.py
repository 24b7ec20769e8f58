"""The parts that a data folder provides: the embedded store and folders that stand for S3 buckets."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from openrek.domain.ports import Buckets
from openrek.runtime.parts.lazy import Lazy
from openrek.runtime.settings import SettingsError
from openrek.wire.door import Authenticate
from openrek.wire.scope import caller_by_scope

if TYPE_CHECKING:
    from openrek.runtime.parts.own_labels import OwnLabels
    from openrek.store.blobs.folder import FolderBlobs
    from openrek.store.items.sqlite import SqliteItems


DATABASE: Final = "items.sqlite3"
BLOBS: Final = "blobs"


class LocalParts:
    def __init__(self, data: Path | None, *, read_only: bool = False) -> None:
        """Open nothing yet. `read_only`: items and blobs are opened so that nothing in the folder changes."""
        self._folder = data
        self._read_only = read_only
        self.items: Lazy[SqliteItems] = Lazy(self._items)
        self.blobs: Lazy[FolderBlobs] = Lazy(self._blobs)
        self.buckets: Lazy[Buckets] = Lazy(self._buckets)
        self.own_labels: Lazy[OwnLabels] = Lazy(self._own_labels)

    def authenticate(self) -> Authenticate:
        return caller_by_scope

    def require_writable(self) -> None:
        """Raise StoreUnavailable while the data folder is gone, or the disk is full since a write found no room."""
        self.items().require_writable()
        self.blobs().require_writable()

    def close(self) -> None:
        if self.items.made:
            self.items().close()

    @property
    def database(self) -> Path:
        """Return the path of the items' database."""
        return self._data() / DATABASE

    @property
    def shared(self) -> bool:
        """Return True while a process has the database open, or after it died with it open."""
        return self.database.with_name(f"{DATABASE}-shm").exists()

    def _data(self) -> Path:
        if self._folder is None:
            raise SettingsError("There is no data folder: set OPENREK_DATA to the folder that keeps the collections.")
        return self._folder

    def _items(self) -> "SqliteItems":
        """Open the items. Raises UnusableStore, also where there are blobs but no database: the next sweep of an empty
        one in its place would erase them.
        """
        from openrek.store.items.sqlite import SqliteItems
        from openrek.store.items.sqlite_opening import NoDatabase, UnusableStore

        lost = holds_blobs(self._data())
        try:
            return SqliteItems(self.database, new=not lost, read_only=self._read_only)
        except NoDatabase:
            if not lost:
                raise
            folder = self._data() / BLOBS
            raise UnusableStore(
                f"The database {self.database} is missing or empty, although there are blobs in {folder}: restore "
                f"{DATABASE} from a backup, or move {BLOBS}/ away to start with an empty store."
            ) from None

    def _blobs(self) -> "FolderBlobs":
        from openrek.store.blobs.folder import FolderBlobs

        return FolderBlobs(self._data() / BLOBS, read_only=self._read_only)

    def _own_labels(self) -> "OwnLabels":
        from openrek.runtime.parts.own_labels import OwnLabels, folder_blobs

        return OwnLabels(folder_blobs(self._data(), read_only=True))

    def _buckets(self) -> Buckets:
        from openrek.runtime.buckets.folder import FolderBuckets

        return FolderBuckets(self._data() / "buckets")


def holds_blobs(data: Path) -> bool:
    """Return True if there is any blob in the data folder, which need not exist."""
    return any(path.is_file() for path in (data / BLOBS).glob("[!.]*/**/*"))
