"""A CSV file with a row for each photo, as FairFace has: its first column is the file, others are person and groups."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openrek.runtime.evaluation.sample import BadSample, LabelledPhoto, PeopleSample, require_files

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns to use.

    `person`: None for the one called person, if there is one. `groupings`: each is one column, or several whose values
    make a group together. `where`: only rows with one of these values in that column.
    """

    person: str | None = None
    groupings: tuple[tuple[str, ...], ...] = ()
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def named(self) -> Iterator[str]:
        """Yield every column that the file has to have."""
        if self.person is not None:
            yield self.person
        for grouping in self.groupings:
            yield from grouping
        yield from self.where


def labelled(folder: Path, file: Path, photos: Sequence[Path], columns: Columns) -> PeopleSample:
    """Return the photos that the rows of `file` name, relative to `folder`; of `photos`, the others count as ignored.

    Without a column of persons each photo is a person of its own. A photo with a blank in a column of a grouping is in
    no group of it. Raises BadSample, or OSError when the file cannot be read.
    """
    rows = list(_rows(file, columns))
    lines = {row.photo: row.line for row in rows}
    if len(lines) < len(rows):
        twice = next(row for row in rows if lines[row.photo] != row.line)
        raise BadSample(f"{file} has two rows for {twice.photo}.")
    require_files((folder / row.photo, f"{file}, line {row.line}") for row in rows)
    person = columns.person
    if person is None and rows and PERSON in rows[0].values:
        person = PERSON
    sample = PeopleSample(
        tuple(_photo(folder, row, person, columns) for row in rows),
        tuple(",".join(grouping) for grouping in columns.groupings),
        ignored=len(set(photos) - {folder / name for name in lines}),
        people_known=person is not None,
    )
    if len(set(sample.people)) < 2:
        raise BadSample(f"{file} has {'rows of one person' if rows else 'no row'} to measure; it takes two people.")
    return sample


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    photo: str
    values: Mapping[str, str]


def _photo(folder: Path, row: _Row, person: str | None, columns: Columns) -> LabelledPhoto:
    groups = []
    for grouping in columns.groupings:
        values = [row.values[column] for column in grouping]
        groups.append(", ".join(values) if all(values) else None)
    return LabelledPhoto(folder / row.photo, row.photo if person is None else row.values[person], tuple(groups))


def _rows(file: Path, columns: Columns) -> Iterator[_Row]:
    """Yield each row that is wanted. Raises BadSample."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines)
            titles = [title.strip() for title in next(reader, [])]
            _check_titles(file, titles, columns)
            for values in reader:
                if not values:
                    continue
                if len(values) != len(titles):
                    raise BadSample(f"{file}, line {reader.line_num}: {len(values)} values, but {len(titles)} columns.")
                row = dict(zip(titles, (value.strip() for value in values), strict=True))
                if columns.person is not None and not row[columns.person]:
                    raise BadSample(f"{file}, line {reader.line_num}: nobody is named in {columns.person}.")
                if all(row[column] in wanted for column, wanted in columns.where.items()):
                    yield _Row(reader.line_num, values[0].strip(), row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadSample(f"{file} is not a CSV file in UTF-8: {error}.") from None


def _check_titles(file: Path, titles: Sequence[str], columns: Columns) -> None:
    if len(set(titles)) < len(titles):
        raise BadSample(f"{file}: two columns have the same title.")
    for name in columns.named():
        if name not in titles:
            raise BadSample(f"{file} has no column {name}; it has {', '.join(titles) or 'none'}.")
