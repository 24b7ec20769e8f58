"""The rows of a collection by its manifest, segments, tombstones and log, each part checked on the way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openrek.store.blobs.port import BlobMissing, Blobs
from openrek.store.items.findings import Findings
from openrek.store.items.port import Items
from openrek.store.log.entries import LogGap
from openrek.store.log.head import Head
from openrek.store.segments.columns import Bools, Table, TextColumn, find
from openrek.store.segments.manifest import CorruptManifest, Manifest, SegmentRef
from openrek.store.segments.segment_file import FACES, KINDS, CorruptSegment, Segment, decode_segment, longest_norm
from openrek.store.segments.tombstones import decode_tombstones
from openrek.store.upkeep.compaction import current_manifest
from openrek.store.upkeep.folding import fold


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, or the rows that a stretch of the log adds; ids ascending.

    `living` (not deleted) changes with later parts.
    """

    name: str
    kind: int
    table: Table
    living: Bools


@dataclass(frozen=True, slots=True)
class CollectionRows:
    """All parts: exactly the rows as change `head.seq` left them, if they are `complete`."""

    manifest: Manifest | None
    dimensions: int
    parts: tuple[Part, ...]
    complete: bool

    def of(self, kind: int) -> list[Part]:
        return [part for part in self.parts if part.kind == kind]

    @property
    def faces(self) -> int:
        return sum(int(np.count_nonzero(part.living)) for part in self.of(FACES))


def read_rows(items: Items, blobs: Blobs, head: Head, findings: Findings) -> CollectionRows:
    """Read everything that the head names. Missing or wrong parts are reported to `findings`, and left out."""
    dimensions = head.dimensions
    manifest = _manifest(blobs, head, findings)
    if manifest is None:
        return CollectionRows(None, dimensions, (), complete=False)
    parts: list[Part] = []
    for ref in manifest.segments:
        try:
            parts.append(_segment(blobs, manifest, ref, dimensions, findings))
        except BlobMissing as missing:
            findings.add("a blob that the manifest names is missing", str(missing))
        except CorruptSegment as error:
            findings.add("a corrupt segment", f"{ref.name}: {error}")
        except OSError as error:
            findings.add("a blob cannot be read", f"{ref.name}: {error.strerror}")
    complete = len(parts) == len(manifest.segments)
    try:
        _fold_log(items, head, parts)
    except LogGap as gap:
        findings.add("the log has a hole", f"entry {gap} of {head.seq} is not there")
        complete = False
    return CollectionRows(manifest, dimensions, tuple(parts), complete)


def _manifest(blobs: Blobs, head: Head, findings: Findings) -> Manifest | None:
    try:
        manifest = current_manifest(blobs, head)
    except BlobMissing as missing:
        findings.add("the manifest is missing", str(missing))
        return None
    except CorruptManifest as error:
        findings.add("the manifest is corrupt", str(error))
        return None
    except (OSError, ValueError) as error:
        findings.add("the manifest cannot be read", f"{head.manifest}: {error}")
        return None
    described = (manifest.uid, manifest.version, manifest.through)
    if described != (head.uid, head.version, head.compacted_through) or manifest.through > head.seq:
        findings.add(
            "head and manifest differ",
            f"the head (uid {head.uid}, version {head.version}, through {head.compacted_through} of {head.seq}), "
            f"the manifest (uid {manifest.uid}, version {manifest.version}, through {manifest.through})",
        )
    return manifest


def _segment(blobs: Blobs, manifest: Manifest, ref: SegmentRef, dimensions: int, findings: Findings) -> Part:
    buffer = blobs.open(ref.name)
    segment = decode_segment(buffer, ref.kind)
    faults = _faults(segment, ref, dimensions, manifest.through)
    if len(buffer) != ref.size_bytes:
        faults.append(f"{len(buffer)} bytes, not the {ref.size_bytes} that the manifest tells")
    dead = np.zeros(len(segment.table), np.bool_)
    if ref.tombstones is not None:
        dead = decode_tombstones(blobs.get(ref.tombstones), len(segment.table))
    count = int(np.count_nonzero(dead))
    if count != ref.dead or (count > 0) != (ref.dead_since_ms > 0):
        faults.append(f"{count} tombstones, {ref.dead} in the manifest, since {ref.dead_since_ms}")
    for fault in faults:
        findings.add("a segment is not what it should be", f"{ref.name}: {fault}")
    return Part(ref.name, ref.kind, segment.table, ~dead)


def _faults(segment: Segment, ref: SegmentRef, dimensions: int, through: int) -> list[str]:
    table = segment.table
    checks = {
        f"{len(table)} rows, {ref.rows} in the manifest": len(table) == ref.rows,
        f"{table.dimensions} dimensions, the model has {dimensions}": table.dimensions == dimensions,
        "its ids are not in strictly ascending order": _ascending(table.ids),
        "the longest norm in its header is not that of its rows": segment.longest == longest_norm(table),
        f"rows of changes after {through}": not len(table) or 0 < table.seqs.min() <= table.seqs.max() <= through,
        "a vector's value is -128": not len(table) or int(table.vectors.min()) >= -127,
        "a scale is not a positive number": bool((np.isfinite(table.scales) & (table.scales > 0)).all()),
        "a box or confidence is not finite": bool(np.isfinite(table.geometry).all()),
        "an external id is no text": _readable(table.external),
        "an owner is no text": _readable(table.owners),
    }
    return [fault for fault, fine in checks.items() if not fine]


def _ascending(ids: NDArray[np.uint8]) -> bool:
    keys = np.ascontiguousarray(ids).view(">u8")
    high, low = keys[:, 0], keys[:, 1]
    return bool(((high[:-1] < high[1:]) | ((high[:-1] == high[1:]) & (low[:-1] < low[1:]))).all())


def _readable(texts: TextColumn) -> bool:
    offsets = texts.offsets
    if offsets[0] != 0 or offsets[-1] != len(texts.content) or (offsets[:-1] > offsets[1:]).any():
        return False
    try:
        texts.content.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def _fold_log(items: Items, head: Head, parts: list[Part]) -> None:
    """Add the log's rows to `parts`, and mark those deleted that it replaced or deleted. Raises LogGap."""
    through = head.compacted_through
    while through < head.seq:
        folded = fold(items, head, after=through)
        for part in parts:
            part.living[folded.kinds[part.kind].outdated(part.table.ids, part.table.seqs)] = False
        for kind in KINDS:
            rows = folded.kinds[kind].rows.sorted()
            name = f"log entries {through + 1} to {folded.through}"
            parts.append(Part(name, kind, rows, np.ones(len(rows), np.bool_)))
        through = folded.through


def matches(parts: Sequence[Part], seen: Sequence[Bools], page: Table) -> list[tuple[int, str]]:
    """Compare a page of items (ids ascending) with the rows of `parts`; return (row of the page, its fault) for each
    fault.

    `seen[p]` is set for the rows of part p that the page has met; rows that are not deleted and never met have no face.
    """
    wrong: list[tuple[int, str]] = []
    met = np.zeros(len(page), np.intp)
    ids = [face_id.tobytes() for face_id in page.ids]
    for part, marks in zip(parts, seen, strict=True):
        rows = living_rows(part, ids)
        found = np.flatnonzero(rows >= 0)
        marks[rows[found]] = True
        met[found] += 1
        wrong += [
            (int(found[row]), f"its {name} differs in {part.name}")
            for row, name in differences(page.take(found), part.table.take(rows[found]))
        ]
    wrong += [(int(row), "is in no segment and not in the log") for row in np.flatnonzero(met == 0)]
    wrong += [(int(row), "lives in two segments") for row in np.flatnonzero(met > 1)]
    return wrong


def living_rows(part: Part, ids: Sequence[bytes]) -> NDArray[np.intp]:
    """Return the row of each id in the part; -1 where it has none, or a deleted one."""
    rows = find(part.table.ids, ids)
    known = np.flatnonzero(rows >= 0)
    rows[known[~part.living[rows[known]]]] = -1
    return rows


def differences(items: Table, rows: Table) -> list[tuple[int, str]]:
    """Return the (row, column) where items and rows of the same place differ.

    An item holds the change that made it, a row the last one that touched it.
    """
    found: list[tuple[int, str]] = []
    found += [(int(row), "seqs") for row in np.flatnonzero(items.seqs > rows.seqs)]
    for name in ("images", "geometry", "scales", "vectors"):
        one, other = getattr(items, name), getattr(rows, name)
        unequal = (one != other).reshape(len(items), -1).any(axis=1) if len(items) else np.empty(0, np.bool_)
        found += [(int(row), name) for row in np.flatnonzero(unequal)]
    for name in ("external", "owners"):
        texts, others = getattr(items, name), getattr(rows, name)
        if not (np.array_equal(texts.offsets, others.offsets) and np.array_equal(texts.content, others.content)):
            found += [(row, name) for row in range(len(items)) if texts[row] != others[row]]
    return found
