"""The check of a whole collection: every checksum, count and reference, while servers go on writing.

The head, the manifest, the segments and the log are compared with the items of faces and users, the faces with the
records of their pictures and with their users. A face or user that changes meanwhile cannot be judged: a doubt about
one that the log names during the check is dropped. A check that a compaction disturbed is repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import numpy as np

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import collection_not_found
from openrek.store.blobs.port import Blobs
from openrek.store.faces.staged_writes import plans_of
from openrek.store.integrity.duplicate_checks import DuplicateCheck
from openrek.store.integrity.item_scan import Touched, face_page, touched
from openrek.store.integrity.stored_rows import CollectionRows, matches, read_rows
from openrek.store.integrity.user_checks import UserCheck, check_tokens
from openrek.store.items.findings import Findings
from openrek.store.items.port import Item, Items, Key
from openrek.store.log.entries import LogGap
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import DIRECTORY, UIDS, head_key, log_key, owned, tags_key
from openrek.store.log.pages import item_pages
from openrek.store.log.sound_items import OnDamage, SoundItems
from openrek.store.log.visibility import ABANDONED, DONE, PENDING, plan_of, visible
from openrek.store.segments.columns import Bools, Table
from openrek.store.segments.manifest import base_version
from openrek.store.segments.segment_file import FACES

ATTEMPTS: Final = 5
PAUSE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check: `findings` are defects, `notes` are not.

    `faces` are counted in the segments and the log, `users` in their items. `model_version` is None where the head is
    damaged.
    """

    collection_id: str
    faces: int
    users: int
    segments: int
    log_entries: int
    stored_bytes: int
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    model_version: str | None = None


@dataclass(slots=True)
class Suspects:
    """Doubts about single faces and users, kept until the log shows which of them changed during the check."""

    found: list[tuple[bytes | str, str, str]] = field(default_factory=list)

    def add(self, whose: bytes | str, kind: str, detail: str = "") -> None:
        """Add a doubt about a FaceId, 16 bytes, or a UserId."""
        self.found.append((whose, kind, detail))

    def report(self, findings: Findings, changed: Touched) -> None:
        for whose, kind, detail in self.found:
            if whose not in changed.faces and whose not in changed.users:
                name = whose if isinstance(whose, str) else str(UUID(bytes=whose))
                findings.add(kind, f"{name}{' ' * bool(detail)}{detail}")


def verify(items: Items, blobs: Blobs, collection_id: str, *, clock: Clock = SYSTEM_CLOCK) -> Report:
    """Check one collection; damage is reported, and everything else is checked.

    Raises ResourceNotFound.
    """
    for attempt in range(ATTEMPTS):
        damaged = Findings()
        head = head_now(SoundItems(items, damaged.add_once), collection_id)
        if head is None and damaged:
            return Report(collection_id, 0, 0, 0, 0, 0, damaged.lines(), ("nothing else of it can be checked",))
        if head is None:
            raise collection_not_found(collection_id)
        report, settled = _Check(items, blobs, head).run()
        if settled or not report.findings:
            return report
        if attempt < ATTEMPTS - 1:
            clock.sleep(PAUSE_S)
    disturbed = "the collection was compacted during every check; stop the servers and check again to be sure"
    return replace(report, notes=(*report.notes, disturbed))


def collections_of(items: Items, on_damage: OnDamage = lambda *_: None) -> Iterator[str]:
    """Yield the ids of all collections, from both kinds of their lines.

    `on_damage` is called for lines that are damaged.
    """
    seen: set[str] = set()
    sound = SoundItems(items, on_damage)
    for partition in (DIRECTORY, UIDS):
        for rows in item_pages(sound, partition):
            for row in rows:
                collection_id: str = row.attributes["id"]
                if collection_id in seen:
                    continue
                seen.add(collection_id)
                if partition == DIRECTORY or sound.get(head_key(collection_id)) is not None:
                    yield collection_id


class _Check:
    """One pass over one collection."""

    def __init__(self, items: Items, blobs: Blobs, head: Head) -> None:
        self._blobs = blobs
        self._head = head
        self._findings = Findings()
        self._items: Items = SoundItems(items, self._findings.add_once, head.dimensions)
        self._suspects = Suspects()
        self._users = 0
        self._notes: list[str] = []

    def run(self) -> tuple[Report, bool]:
        """Return the report, and False if a compaction disturbed it."""
        head = self._head
        self._check_lines()
        stored = list(self._blobs.names(f"{head.uid.hex}/"))
        contents = read_rows(self._items, self._blobs, head, self._findings)
        pictures, members = DuplicateCheck(), UserCheck()
        visible_faces = self._check_faces(contents, pictures, members)
        pictures.check(self._items, head.uid, self._suspects.add, self._findings)
        self._users = members.check(self._items, head.uid, contents, self._suspects.add, self._findings)
        check_tokens(self._items, head.uid, self._findings)
        self._items.get(tags_key(head.uid))  # reports it if it is damaged
        self._check_plans()
        now = head_now(self._items, head.collection_id)
        settled = now is not None and (now.uid, now.version) == (head.uid, head.version)
        if now is None or now.uid != head.uid:
            return self._report(contents), False
        self._check_stray_entries(now)
        counted = contents.faces if contents.complete else visible_faces if now.seq == head.seq else head.faces
        if counted != head.faces:
            self._findings.add("the head's count is wrong", f"{head.faces} faces, there are {counted}")
        if now.seq == head.seq and self._users != head.users:
            self._findings.add("the head's count is wrong", f"{head.users} users, there are {self._users}")
        if self._suspects.found:
            try:
                changed = touched(self._items, head.uid, after=head.seq, through=now.seq)
            except LogGap:
                changed, settled = Touched(set(), set()), False
            self._suspects.report(self._findings, changed)
        self._check_ages(stored, now)
        self._note_blobs(contents, stored)
        return self._report(contents), settled

    def _report(self, contents: CollectionRows) -> Report:
        head, manifest = self._head, contents.manifest
        refs = () if manifest is None else manifest.segments
        return Report(
            head.collection_id, contents.faces, self._users, len(refs), head.seq - head.compacted_through,
            sum(ref.size_bytes for ref in refs), self._findings.lines(), tuple(self._notes), head.model,
        )  # fmt: skip

    def _check_lines(self) -> None:
        """Check the directory's line and the uid's, in one snapshot with the head."""
        found, *lines = self._items.read([self._head.key, *self._head.lines])
        if found is None or found.attributes["uid"] != self._head.uid.bytes:
            return  # deleted meanwhile; the head is read again in the end
        for (key, expected), line in zip(self._head.lines.items(), lines, strict=True):
            if line is None or dict(line.attributes) != expected:
                kind = "directory" if key.partition == DIRECTORY else "uid"
                self._findings.add(f"the {kind}'s line is missing or wrong", key.sort)

    def _check_faces(self, contents: CollectionRows, pictures: DuplicateCheck, members: UserCheck) -> int:
        """Compare the face items with segments and log; return the number of visible faces."""
        dimensions = self._head.dimensions
        seen = [np.zeros(len(part.table), np.bool_) for part in contents.of(FACES)]
        count = 0
        for rows in item_pages(self._items, owned(self._head.uid, "face")):
            judged = visible(self._items, rows)
            self._check_hidden_faces([row for row, kept in zip(rows, judged, strict=True) if kept is None])
            page = face_page(judged, dimensions)
            for bad in page.bad:
                self._findings.add("a bad face item", bad)
            if contents.complete:
                self._compare(contents, seen, page.table)
            pictures.add(page)
            members.add(page.table)
            count += len(page.table)
        if contents.complete:
            for part, met in zip(contents.of(FACES), seen, strict=True):
                for row in np.flatnonzero(part.living & ~met):
                    self._suspects.add(part.table.ids[row].tobytes(), "a row without a face item", f"in {part.name}")
        return count

    def _compare(self, contents: CollectionRows, seen: list[Bools], page: Table) -> None:
        for row, why in matches(contents.of(FACES), seen, page):
            self._suspects.add(page.ids[row].tobytes(), "a face item without its row", why)

    def _check_hidden_faces(self, hidden: list[Item]) -> None:
        """Check faces of unfinished plans: in any one snapshot, the plan exists."""
        for face in hidden:
            if "plan" not in face.attributes:
                continue
            still, plan = self._items.read([face.key, plan_of(face)])
            if still is None or still.attributes.get("plan_id") != face.attributes.get("plan_id"):
                continue
            if plan is None or plan.attributes.get("id") != face.attributes.get("plan_id"):
                self._findings.add("a hidden face whose plan is gone", face.key.sort)

    def _check_plans(self) -> None:
        for plan in plans_of(self._items, self._head.uid):
            if not _makes_sense(plan):
                self._findings.add("a plan makes no sense", plan.key.sort)
            elif plan.attributes["kind"] != "erased":
                state = plan.attributes["state"]
                self._notes.append(f"a call is under way, or was interrupted: plan {plan.key.sort}, {state}")

    def _check_stray_entries(self, now: Head) -> None:
        """Find entries after the head. `now` was read before, so an entry that is newer than it is read again."""
        last = log_key(now.uid, now.seq)
        for row in self._items.query(last.partition, after=last.sort).rows:
            found, entry = self._items.read([now.key, Key(last.partition, row.key.sort)])
            if found is not None and entry is not None and int(row.key.sort) > found.attributes["seq"]:
                self._findings.add("a log entry after the head", row.key.sort)

    def _check_ages(self, stored: list[str], now: Head) -> None:
        """Check that no blob is newer than the head: blobs are made from the manifest of their time, and `now` was read
        after they were listed.
        """
        newest = max((base for name in stored if (base := base_version(name)) is not None), default=0)
        if newest > now.version:
            self._findings.add(
                "the head is older than its blobs", f"made from version {newest}, but the head is at {now.version}"
            )

    def _note_blobs(self, contents: CollectionRows, stored: list[str]) -> None:
        if contents.manifest is None:
            return
        named = contents.manifest.blobs | {self._head.manifest}
        strangers = [name for name in stored if name not in named]
        if strangers:
            self._notes.append(f"{len(strangers)} blobs that nobody names; `openrek purge` removes them")


PLANS: Final = {
    "index": ("index/", "faces", (PENDING, DONE, ABANDONED)),
    "delete": ("delete/", "deleted", (PENDING,)),
    "erase": ("erase/", "faces", (PENDING,)),
    "erased": ("erase/", "faces", (None,)),
}
"""How the keys of each kind begin, where its FaceIds are, and the states that it may be in."""


def _makes_sense(plan: Item) -> bool:
    at = plan.attributes
    kind = at.get("kind")
    if not isinstance(kind, str) or kind not in PLANS:
        return False
    prefix, name, states = PLANS[kind]
    ids = at.get(name)
    return (
        plan.key.sort.startswith(prefix)
        and at.get("state") in states
        and isinstance(ids, list)
        and all(isinstance(face_id, bytes) and len(face_id) == 16 for face_id in ids)
        and len(set(ids)) == len(ids)
        and (isinstance(at.get("made_ms"), int) or at["kind"] == "erased")
    )
