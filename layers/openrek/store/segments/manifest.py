"""The manifest: the segments of a collection, the change up to which they hold it, and their tombstones.

A manifest is an immutable blob too; the head names the current one. The name of a blob contains the version that it was
made from, so that garbage can be distinguished from blobs that a compaction has not named yet.
"""

import json
import re
import secrets
import zlib
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

FORMAT: Final = 1
NAME: Final = re.compile(r"([0-9a-f]{32})/([0-9]{12,})-[0-9a-f]{16}\.[a-z]+")


class CorruptManifest(Exception):
    """The bytes are not a manifest that this version wrote."""


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """One segment: its blob, and the blob of its tombstones if rows of it are deleted. `kind` is that of its rows
    (segment_file.KINDS); manifests from before there were users have none: faces.

    `dead` counts the deleted rows. `dead_since_ms` (epoch): no row was deleted earlier; 0 without deleted rows.
    """

    name: str
    rows: int
    size_bytes: int
    tombstones: str | None = None
    dead: int = 0
    dead_since_ms: int = 0
    kind: int = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest. Its segments hold exactly the collection after the change `through`; `made_ms` (epoch): no later
    change is older."""

    uid: UUID
    version: int
    through: int
    made_ms: int
    segments: tuple[SegmentRef, ...] = ()

    @property
    def blobs(self) -> set[str]:
        """The names of all its blobs."""
        tombstones = {ref.tombstones for ref in self.segments if ref.tombstones is not None}
        return {ref.name for ref in self.segments} | tombstones


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the blob of a manifest: one line of JSON, after a line with its CRC-32."""
    body = {**asdict(manifest), "uid": manifest.uid.hex, "format": FORMAT}
    text = json.dumps(body, separators=(",", ":")).encode()
    return b"%08x\n%s" % (zlib.crc32(text), text)


def decode_manifest(content: bytes) -> Manifest:
    """Return the manifest in a blob. Raises CorruptManifest."""
    checksum, _, text = content.partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(text):
        raise CorruptManifest("the manifest's checksum is wrong")
    try:
        body = json.loads(text)
        if body["format"] != FORMAT:
            raise CorruptManifest(f"manifest format {body['format']}: not for this openrek")
        segments = tuple(SegmentRef(**ref) for ref in body["segments"])
        return Manifest(UUID(hex=body["uid"]), body["version"], body["through"], body["made_ms"], segments)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptManifest(f"no manifest of openrek: {error!r}") from None


def blob_name(uid: UUID, base: int, kind: str) -> str:
    """Return a name that was never used: `<uid>/<version of the manifest that it is made from>-<random>.<kind>`."""
    return f"{uid.hex}/{base:012d}-{secrets.token_hex(8)}.{kind}"


def base_version(name: str) -> int | None:
    """Return the version in a blob's name; None for a name that is not one of ours."""
    found = NAME.fullmatch(name)
    return int(found[2]) if found else None


def uid_of(name: str) -> UUID | None:
    """Return the uid in a blob's name; None for a name that is not one of ours."""
    found = NAME.fullmatch(name)
    return UUID(hex=found[1]) if found else None
