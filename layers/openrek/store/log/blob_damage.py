"""What is wrong with a blob, told with its name and the collection's."""

from collections.abc import Iterator
from contextlib import contextmanager

from openrek.store.blobs.port import BlobMissing
from openrek.store.log.head import Head
from openrek.store.segments.manifest import CorruptManifest
from openrek.store.segments.segment_file import CorruptSegment


@contextmanager
def named(what: str, name: str, head: Head) -> Iterator[None]:
    """Around the reading of a blob of the head's collection: `what` is it, and `name` its name. Raises the same errors,
    which then say whose they are.
    """
    whose = f"the {what} {name} of the collection {head.collection_id}"
    try:
        yield
    except BlobMissing as missing:
        raise BlobMissing(f"{whose} is missing") from missing
    except (CorruptSegment, CorruptManifest) as error:
        raise type(error)(f"{whose} is damaged ({error})") from error
