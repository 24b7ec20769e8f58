"""The parts that a data folder provides: the embedded store and folders that stand for S3 buckets."""

from pathlib import Path
from typing import TYPE_CHECKING

from openrek.domain.ports import Buckets
from openrek.runtime.once import Once
from openrek.runtime.settings import SettingsError
from openrek.wire.door import Authenticate
from openrek.wire.scope import caller_by_scope

if TYPE_CHECKING:
    from openrek.store.folder_blobs import FolderBlobs
    from openrek.store.sqlite_items import SqliteItems


class LocalParts:
    def __init__(self, data: Path | None) -> None:
        self._folder = data
        self.items: Once[SqliteItems] = Once(self._items)
        self.blobs: Once[FolderBlobs] = Once(self._blobs)
        self.buckets: Once[Buckets] = Once(self._buckets)

    def authenticate(self) -> Authenticate:
        return caller_by_scope

    def require_writable(self) -> None:
        """Raises Unavailable while the data folder is gone, or the disk full since something was to be written."""
        self.items().require_writable()
        self.blobs().require_writable()

    def close(self) -> None:
        if self.items.made:
            self.items().close()

    def _data(self) -> Path:
        if self._folder is None:
            raise SettingsError("There is no data folder: set OPENREK_DATA to the folder that keeps the collections.")
        return self._folder

    def _items(self) -> "SqliteItems":
        from openrek.store.sqlite_items import SqliteItems

        return SqliteItems(self._data() / "items.sqlite3")

    def _blobs(self) -> "FolderBlobs":
        from openrek.store.folder_blobs import FolderBlobs

        return FolderBlobs(self._data() / "blobs")

    def _buckets(self) -> Buckets:
        from openrek.runtime.folder_buckets import FolderBuckets

        return FolderBuckets(self._data() / "buckets")
