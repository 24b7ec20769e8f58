"""What is measured: photos with the people and groups that a labelled set gives them, or pairs of photos."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MOST_OF_ONE = 1000
"""Photos of one person that are read: 20 people with 1,000 each have 10 million pairs of one person."""


class BadSample(ValueError):
    """The set cannot be measured; the text says why in one sentence."""


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo, the person in it, and its group in each grouping of the sample, None where that is not known."""

    path: Path
    person: str
    groups: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class PeopleSample:
    """Photos of which every two are compared.

    `ignored`: files that no label names. `people_known`: the set says who is in a photo; otherwise each is taken for a
    person of its own. `left_out`: photos beyond the bound.
    """

    photos: tuple[LabelledPhoto, ...]
    groupings: tuple[str, ...] = ()
    ignored: int = 0
    people_known: bool = True
    left_out: int = 0

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(photo.path for photo in self.photos)

    @property
    def people(self) -> tuple[str, ...]:
        """The person of each photo."""
        return tuple(photo.person for photo in self.photos)

    def without(self, paths: Collection[Path]) -> "PeopleSample":
        """Return the sample without these photos. Raises BadSample unless two people are left."""
        kept = tuple(photo for photo in self.photos if photo.path not in paths)
        if len({photo.person for photo in kept}) < 2:
            raise BadSample("Without the excluded photos fewer than two people are left.")
        return replace(self, photos=kept)

    def drawn(self, most_photos: int) -> "PeopleSample":
        """Return at most `most_photos` photos, and MOST_OF_ONE of one person.

        Whole people are drawn, in the order of the SHA-256 of their names, so that the same folder always gives the
        same sample; of the last one the photos that still have room, in the order of the hash of their paths.
        """
        by_person: dict[str, list[LabelledPhoto]] = {}
        for photo in self.photos:
            by_person.setdefault(photo.person, []).append(photo)
        if len(self.photos) <= most_photos and max(map(len, by_person.values())) <= MOST_OF_ONE:
            return self
        kept: set[Path] = set()
        for person in sorted(by_person, key=_hash):
            theirs = sorted((photo.path for photo in by_person[person]), key=lambda path: _hash(path.as_posix()))
            kept.update(theirs[: min(MOST_OF_ONE, most_photos - len(kept))])
        photos = tuple(photo for photo in self.photos if photo.path in kept)
        return replace(self, photos=photos, left_out=len(self.photos) - len(photos))


@dataclass(frozen=True, slots=True)
class ListedPair:
    """Two photos that a list pairs, by their places among its photos. `fold` is the part of the list, from 0."""

    first: int
    second: int
    same: bool
    fold: int


@dataclass(frozen=True, slots=True)
class PairSample:
    """A list of pairs, and each of the photos that it names once, with the person in it."""

    paths: tuple[Path, ...]
    people: tuple[str, ...]
    pairs: tuple[ListedPair, ...]

    def without(self, paths: Collection[Path]) -> "PairSample":
        """Return the sample without these photos and their pairs. Raises BadSample unless both kinds are left."""
        kept = {old: new for new, old in enumerate(at for at, path in enumerate(self.paths) if path not in paths)}
        pairs = tuple(
            ListedPair(kept[pair.first], kept[pair.second], pair.same, pair.fold)
            for pair in self.pairs
            if pair.first in kept and pair.second in kept
        )
        if len({pair.same for pair in pairs}) < 2:
            raise BadSample("Without the excluded photos the list has no pairs of one of the two kinds.")
        return PairSample(tuple(self.paths[at] for at in kept), tuple(self.people[at] for at in kept), pairs)


@dataclass(frozen=True, slots=True)
class NamedPair:
    """A line of a list of pairs: two files, and `where` they are named, for messages."""

    first: Path
    second: Path
    same: bool
    fold: int
    where: str


def pair_sample(named: Sequence[NamedPair], person: Callable[[Path], str]) -> PairSample:
    """Return the sample of these lines; `person` tells from a path who is in the photo.

    Raises BadSample when a file is missing, or there are no pairs of a kind.
    """
    places: dict[Path, int] = {}
    for pair in named:
        for path in (pair.first, pair.second):
            places.setdefault(path, len(places))
    require_files([(path, pair.where) for pair in named for path in (pair.first, pair.second)])
    if len({pair.same for pair in named}) < 2:
        raise BadSample("The list has to hold pairs of one person, and pairs of two people.")
    pairs = (ListedPair(places[pair.first], places[pair.second], pair.same, pair.fold) for pair in named)
    return PairSample(tuple(places), tuple(map(person, places)), tuple(pairs))


def require_files(named: Iterable[tuple[Path, str]]) -> None:
    """Raise BadSample unless every path is a file; each comes with the place where it is named."""
    exists: dict[Path, bool] = {}
    first: tuple[Path, str] | None = None
    for path, where in named:
        if path not in exists:
            exists[path] = path.is_file()
            if not exists[path] and first is None:
                first = path, where
    if first is not None:
        missing = sum(not there for there in exists.values())
        others = f", and {missing - 1} more of the files are missing" if missing > 1 else ""
        raise BadSample(f"{first[1]}: there is no photo {first[0]}{others}.")


def numbered(labels: Iterable[str]) -> NDArray[np.intp]:
    """Return a number for each label, [n]: the same for the same label, from 0 in the order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.intp)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
