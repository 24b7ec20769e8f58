"""Errors about damaged or missing blobs, with the name of the blob and of its collection."""

from collections.abc import Iterator
from contextlib import contextmanager

from openrek.store.blobs.port import BlobMissing
from openrek.store.log.head import Head
from openrek.store.segments.manifest import CorruptManifest
from openrek.store.segments.segment_file import CorruptSegment


@contextmanager
def naming_damage(what: str, name: str, head: Head) -> Iterator[None]:
    """Add to errors about a blob, raised inside the block, its kind `what`, its `name` and the collection of `head`."""
    whose = f"the {what} {name} of the collection {head.collection_id}"
    try:
        yield
    except BlobMissing as missing:
        raise BlobMissing(f"{whose} is missing") from missing
    except (CorruptSegment, CorruptManifest) as error:
        raise type(error)(f"{whose} is damaged ({error})") from error
