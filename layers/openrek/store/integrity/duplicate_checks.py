"""The check of faces against the records of their pictures: each names exactly the other."""

import hashlib
from collections.abc import Callable
from typing import Final
from uuid import UUID

import numpy as np

from openrek.store.integrity.item_scan import FacePage
from openrek.store.items.findings import Findings
from openrek.store.items.port import Items
from openrek.store.log.keys import owned
from openrek.store.log.pages import item_pages
from openrek.store.segments.columns import find

DIGEST_BYTES: Final = 16


class DuplicateCheck:
    """The memory of a check, 32 bytes a face: its id, and a digest of its picture and place there."""

    def __init__(self) -> None:
        self._ids: list[bytes] = []
        self._digests: list[bytes] = []

    def add(self, page: FacePage) -> None:
        """Add the next faces, ids ascending."""
        places = (place.tobytes() for place in page.table.geometry)
        self._ids.append(page.table.ids.tobytes())
        self._digests.append(
            b"".join(_digest(picture, place) for picture, place in zip(page.pictures, places, strict=True))
        )

    def check(self, items: Items, uid: UUID, suspect: Callable[[bytes, str, str], None], findings: Findings) -> None:
        """Compare with every record; `suspect(face id, kind, detail)` is called for each doubt about one face."""
        ids = np.frombuffer(b"".join(self._ids), np.uint8).reshape(-1, 16)
        digests = b"".join(self._digests)
        named = np.zeros(len(ids), np.bool_)
        for rows in item_pages(items, owned(uid, "duplicate")):
            known = [(face["id"], face["geometry"], row.key.sort) for row in rows for face in row.attributes["faces"]]
            for row in rows:
                if not row.attributes["faces"]:
                    findings.add("an empty record of a picture", row.key.sort)
            places = find(ids, [face_id for face_id, _, _ in known])
            for (face_id, geometry, picture), place in zip(known, places.tolist(), strict=True):
                start = place * DIGEST_BYTES
                if place < 0:
                    suspect(face_id, "a picture's record names a face that is not there", f"in {picture}")
                elif digests[start : start + DIGEST_BYTES] != _digest(picture, geometry):
                    suspect(face_id, "a face and its picture's record differ", f"in {picture}")
                elif named[place]:
                    suspect(face_id, "a picture's record names a face twice", f"in {picture}")
                else:
                    named[place] = True
        for place in np.flatnonzero(~named):
            suspect(ids[place].tobytes(), "a face that its picture's record does not name", "")


def _digest(picture: str, geometry: bytes) -> bytes:
    return hashlib.blake2b(picture.encode() + b"\0" + geometry, digest_size=DIGEST_BYTES).digest()
