"""A file of photos to leave out: one name a line, a path below the folder, or a file's name alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from openrek.runtime.evaluation.sample import BadSample


@dataclass(frozen=True, slots=True)
class Excluded:
    """The photos that a list excludes, and the number of its lines that name none of the sample's photos."""

    paths: frozenset[Path]
    unknown: int


def excluded(file: Path, folder: Path, paths: Iterable[Path]) -> Excluded:
    """Return which of `paths` the lines of `file` name. Raises BadSample, or OSError when the file cannot be read."""
    try:
        lines = {line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()}
    except UnicodeDecodeError:
        raise BadSample(f"{file} is not a text in UTF-8.") from None
    found, used = set(), set()
    for path in paths:
        place = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
        if named := lines & {place, path.name}:
            found.add(path)
            used |= named
    if not found:
        raise BadSample(
            f"{file} names none of the photos; it takes a path below {folder} or a file's name on each line."
        )
    return Excluded(frozenset(found), len(lines - used))
