"""Celebrities and their photos, sent to a server: whatever is there already is not sent again."""

import hashlib
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openrek.runtime.cli.client import CALL_FAILED, code_of, explain
from openrek.runtime.cli.indexing import require_collection
from openrek.runtime.cli.photo_files import UnreadablePhoto, find_photos, fit, read_named

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_DIGITS: Final = 8
OF_ONE_PHOTO: Final = ("InvalidImageFormatException", "ImageTooLargeException", "InvalidParameterException")
"""Refusals of one photo: the next may be taken."""


@dataclass(slots=True)
class Added:
    """What became of the photos of one person: `refused` has each photo that was not taken, and why."""

    celebrity_id: str
    name: str
    taken: int = 0
    known: int = 0
    refused: list[tuple[Path, str]] = field(default_factory=list)


def id_of(name: str) -> str:
    """Return the id of a name: 8 digits of base 62, always the same, so that a repetition adds nobody twice."""
    number, digits = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest(), "big"), ""
    for _ in range(ID_DIGITS):
        number, digit = divmod(number, len(DIGITS))
        digits += DIGITS[digit]
    return digits


def people_in(folder: Path) -> dict[str, list[Path]]:
    """Return the photos of each person, by name: of the folders in `folder` that hold any."""
    people: dict[str, list[Path]] = {}
    for each in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        photos = sorted(find_photos(each, lambda _: None))
        if photos:
            people.setdefault(" ".join(each.name.replace("_", " ").split()), []).extend(photos)
    return people


def listed(rekognition: "RekognitionClient", collection: str) -> list[dict[str, Any]]:
    """Return what GetCelebrityInfo says of each user that is a celebrity, with its Id."""
    found: list[dict[str, Any]] = []
    for page in rekognition.get_paginator("list_users").paginate(CollectionId=collection):
        for user in page["Users"]:
            try:
                info = rekognition.get_celebrity_info(Id=user["UserId"])
            except CALL_FAILED as error:
                if code_of(error) not in ("ResourceNotFoundException", "ValidationException"):
                    raise
                continue
            told: Mapping[str, Any] = info
            found.append({"Id": user["UserId"], **{name: told[name] for name in ("Name", "KnownGender", "Urls")}})
    return found


class Adding:
    """The sender of celebrities to one collection, which is made if it is missing."""

    def __init__(self, rekognition: "RekognitionClient", collection: str) -> None:
        """`rekognition` must have openrek's own operations."""
        self._rekognition: Any = rekognition
        self._collection = collection
        require_collection(rekognition, collection)

    def add_all(self, people: Mapping[str, Sequence[Path]]) -> Iterator[Added]:
        """Add everyone, each by its name."""
        for name, photos in people.items():
            yield self.add(id_of(name), name, photos)

    def add(
        self,
        celebrity_id: str,
        name: str,
        photos: Sequence[Path],
        *,
        urls: Sequence[str] = (),
        gender: str | None = None,
    ) -> Added:
        """Add a celebrity and its photos. Raises CALL_FAILED for what concerns more than one photo."""
        more = {"Urls": list(urls)} if urls else {}
        known = {"KnownGender": {"Type": gender}} if gender else {}
        self._rekognition.put_celebrity_info(CollectionId=self._collection, Id=celebrity_id, Name=name, **more, **known)
        added = Added(celebrity_id, name)
        for photo in photos:
            try:
                content = fit(read_named(photo)).image
            except UnreadablePhoto as error:
                added.refused.append((photo, str(error)))
                continue
            image_id = f"{celebrity_id}:{hashlib.sha256(content).hexdigest()[:32]}"
            if image_id in self._present:
                added.known += 1
            elif why := self._refusal(celebrity_id, image_id, content):
                added.refused.append((photo, why))
            else:
                self._present.add(image_id)
                added.taken += 1
        return added

    @cached_property
    def _present(self) -> set[str]:
        """The ExternalImageIds of all faces that have a user."""
        pages = self._rekognition.get_paginator("list_faces").paginate(CollectionId=self._collection)
        return {face.get("ExternalImageId", "") for page in pages for face in page["Faces"] if "UserId" in face}

    def _refusal(self, celebrity_id: str, image_id: str, image: bytes) -> str:
        """Add the largest face of a photo; return why it was not, or the empty string."""
        try:
            records = self._rekognition.index_faces(
                CollectionId=self._collection, Image={"Bytes": image}, ExternalImageId=image_id, MaxFaces=1
            )["FaceRecords"]
        except CALL_FAILED as error:
            if code_of(error) not in OF_ONE_PHOTO:
                raise
            return explain(error, self._rekognition.meta.endpoint_url)
        if not records:
            return "no face that is clear enough"
        face_id = records[0]["Face"]["FaceId"]
        unlike = self._rekognition.associate_faces(
            CollectionId=self._collection, UserId=celebrity_id, FaceIds=[face_id]
        )["UnsuccessfulFaceAssociations"]
        if not unlike:
            return ""
        self._rekognition.delete_faces(CollectionId=self._collection, FaceIds=[face_id])
        return "not similar enough to the faces that are there"
