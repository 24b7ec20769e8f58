"""Output of `openrek evaluate`: tables for people, and the same figures as JSON."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from openrek.domain.models import FaceModel
from openrek.runtime.cli.evaluate.numbers import FEW, one_in, percent, rare
from openrek.runtime.cli.evaluate.run import Evaluation
from openrek.runtime.cli.terminal_text import add_row, counted, line
from openrek.runtime.cli.users.report import plain_table
from openrek.runtime.evaluation.folds import Accuracy
from openrek.runtime.evaluation.intervals import interval
from openrek.runtime.evaluation.measure import THRESHOLDS_PCT, Measured, lowest_cosines
from openrek.runtime.evaluation.rates import DRAWS, Cell, Grouping, Rate
from openrek.runtime.evaluation.sample import PeopleSample

MOST_NAMED = 20
PIPE_COLUMNS = 160
INTERVALS = (
    f"Intervals are of 95 %: the wider of the exact one, which takes pairs for independent, and of {DRAWS} draws of "
    "the people with replacement, as pairs that share a person are not independent. With few people even that is too "
    "narrow."
)
STRANGERS_ONLY = "Each photo was taken for another person: two photos of one count as a false match."


def show(evaluation: Evaluation) -> None:
    """Print the figures."""
    console, measured = _console(), evaluation.measured
    for text in _sample(evaluation):
        console.print(line(text))
    _names(console, "No face found in", evaluation.found.without_face, evaluation.chosen.folder)
    faults = [f"{_place(fault.path, evaluation.chosen.folder)}: {fault.why}" for fault in evaluation.found.unreadable]
    _list(console, "Cannot be read", faults)
    if measured.accuracy is not None:
        console.print()
        console.print(line(_accuracy(measured.accuracy)))
    console.print()
    console.print(_whole(measured))
    for grouping in measured.groupings:
        for table in _grouping(grouping):
            console.print()
            console.print(table)
    console.print()
    for text in _most_from(measured):
        console.print(line(text))
    folder = evaluation.chosen.folder
    pairs = [f"{pair.cosine:.4f}  {_place(pair.first, folder)}  {_place(pair.second, folder)}"
             for pair in measured.like]  # fmt: skip
    _list(console, "Most similar photos of different people, with their cosine", pairs, most=len(pairs))
    console.print(line(INTERVALS))


def _console() -> Console:
    """Return a console that has room for a row where no terminal sets the width."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=PIPE_COLUMNS)


def as_json_text(evaluation: Evaluation) -> str:
    """Return the figures as JSON."""
    return json.dumps(as_json(evaluation), indent=2)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures as values that JSON has."""
    chosen, found, measured = evaluation.chosen, evaluation.found, evaluation.measured
    sample = chosen.sample
    of_people = sample if isinstance(sample, PeopleSample) else None
    return {
        "face_model_version": measured.model.version,
        "photos": len(sample.paths),
        "photos_with_a_face": len(found.places),
        "people": measured.whole.people,
        "people_known": of_people is None or of_people.people_known,
        "photos_excluded": chosen.excluded,
        "photos_not_drawn": of_people.left_out if of_people else 0,
        "photos_without_label": of_people.ignored if of_people else 0,
        "pairs_left_out": None if of_people else measured.left_out,
        "without_face": [str(_place(path, chosen.folder)) for path in found.without_face],
        "unreadable": [
            {"file": str(_place(fault.path, chosen.folder)), "why": fault.why} for fault in found.unreadable
        ],
        "accuracy": None if measured.accuracy is None else _accuracy_json(measured.accuracy),
        "thresholds": _thresholds_json(measured.model),
        "rates": _cell_json(measured.whole),
        "most_false_matches_from": [
            None if most is None else {"people": [most.first, most.second], "false_matches": most.events}
            for most in measured.most_from
        ],
        "groupings": [_grouping_json(grouping) for grouping in measured.groupings],
        "det": _curve_json(measured),
        "most_similar_strangers": [
            {
                "first": str(_place(pair.first, chosen.folder)),
                "second": str(_place(pair.second, chosen.folder)),
                "cosine": pair.cosine,
                "similarity": measured.model.similarity_pct(pair.cosine),
            }
            for pair in measured.like
        ],
        "intervals": INTERVALS,
    }


def _thresholds_json(model: FaceModel) -> list[dict[str, float]]:
    pairs = zip(THRESHOLDS_PCT, lowest_cosines(model), strict=True)
    return [{"similarity": pct, "cosine": cosine} for pct, cosine in pairs]


def _sample(evaluation: Evaluation) -> Iterable[str]:
    chosen, found, measured = evaluation.chosen, evaluation.found, evaluation.measured
    sample = chosen.sample
    faces = f"{counted(len(found.places), 'photo')} with a face"
    yield f"Face model {measured.model.version}; {faces}, of {measured.whole.people} people."
    if chosen.excluded or chosen.unknown:
        unknown = f"; {counted(chosen.unknown, 'line')} named no photo" if chosen.unknown else ""
        yield f"{counted(chosen.excluded, 'photo')} excluded{unknown}."
    if not isinstance(sample, PeopleSample):
        if measured.left_out:
            yield f"{counted(measured.left_out, 'pair')} left out of all but the accuracy: a photo gave no face."
        return
    if sample.left_out:
        yield f"{counted(sample.left_out, 'photo')} beyond the bound not read."
    if sample.ignored:
        yield f"{counted(sample.ignored, 'photo')} without a person or a label ignored."
    if not sample.people_known:
        yield STRANGERS_ONLY


def _accuracy(found: Accuracy) -> str:
    right, low, high = found.right, 100 * found.right.low, 100 * found.right.high
    return (
        f"Accuracy {100 * found.mean:.2f} % +- {100 * found.standard_error:.2f} (standard error of "
        f"{len(found.thresholds)} folds, each threshold picked on the others): {right.events:,} of {right.pairs:,} "
        f"pairs right, {low:.2f} to {high:.2f}. Thresholds: cosine {min(found.thresholds):.3f} to "
        f"{max(found.thresholds):.3f}."
    )


def _whole(measured: Measured) -> Table:
    table = plain_table("Similarity", "cosine", "true matches", "false matches", "strangers")
    rows = zip(
        THRESHOLDS_PCT,
        lowest_cosines(measured.model),
        measured.whole.same,
        measured.whole.strangers,
        strict=True,
    )
    for pct, cosine, same, strangers in rows:
        add_row(table, f"{pct:.0f}", f"{cosine:.4f}", percent(same), rare(strangers), one_in(strangers))
    pairs = f"{measured.whole.same[0].pairs:,} pairs", f"{measured.whole.strangers[0].pairs:,} pairs"
    add_row(table, "", "", *pairs, "")
    return table


def _grouping(grouping: Grouping) -> Iterable[Table]:
    cells = [*grouping.groups, grouping.within, grouping.across]
    if any(cell.strangers[0].pairs for cell in cells):
        yield _cells(f"False matches by {grouping.name}, of", cells, [cell.strangers for cell in cells])
    if any(cell.same[0].pairs for cell in cells):
        yield _cells(f"True matches by {grouping.name}, of", cells, [cell.same for cell in cells], true=True)


def _cells(title: str, cells: Sequence[Cell], rates: Sequence[Sequence[Rate]], *, true: bool = False) -> Table:
    table = plain_table(title, "pairs", *(f"at {pct:.0f}" for pct in THRESHOLDS_PCT))
    for cell, row in zip(cells, rates, strict=True):
        add_row(table, cell.name, f"{row[0].pairs:,}", *(percent(rate) if true else rare(rate) for rate in row))
    return table


def _most_from(measured: Measured) -> Iterable[str]:
    for pct, most, rate in zip(THRESHOLDS_PCT, measured.most_from, measured.whole.strangers, strict=True):
        if most is not None and most.events > 1:
            yield (
                f"At {pct:.0f}, {most.events:,} of the {rate.events:,} false matches are between photos of "
                f"{most.first} and {most.second}."
            )


def _names(console: Console, title: str, paths: Sequence[Path], folder: Path) -> None:
    _list(console, title, [str(_place(path, folder)) for path in paths])


def _list(console: Console, title: str, lines: Sequence[str], most: int = MOST_NAMED) -> None:
    if lines:
        console.print(f"{title} ({len(lines)}):")
    for text in lines[:most]:
        console.print(line(f"  {text}"), soft_wrap=True)
    if len(lines) > most:
        console.print(f"  and {len(lines) - most} more; --json names all of them.")


def _place(photo: Path, folder: Path) -> Path:
    """Return the photo's path below the folder."""
    return photo.relative_to(folder) if photo.is_relative_to(folder) else photo


def _accuracy_json(found: Accuracy) -> dict[str, Any]:
    return {
        "mean": found.mean,
        "standard_error": found.standard_error,
        "folds": len(found.thresholds),
        "right": _rate_json(found.right),
        "thresholds_cosine": list(found.thresholds),
    }


def _grouping_json(grouping: Grouping) -> dict[str, Any]:
    return {
        "by": grouping.name,
        "groups": [{"group": cell.name, **_cell_json(cell)} for cell in grouping.groups],
        "within_one_group": _cell_json(grouping.within),
        "of_two_groups": _cell_json(grouping.across),
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    return {
        "photos": cell.photos,
        "people": cell.people,
        "at": [
            {"similarity": pct, "true_matches": _rate_json(same), "false_matches": _rate_json(strangers)}
            for pct, same, strangers in zip(THRESHOLDS_PCT, cell.same, cell.strangers, strict=True)
        ],
    }


def _rate_json(rate: Rate) -> dict[str, Any]:
    return {"events": rate.events, "pairs": rate.pairs, "share": rate.share, "low": rate.low, "high": rate.high}


def _curve_json(measured: Measured) -> list[dict[str, Any]] | None:
    """Return the curve at every tenth step, with the exact interval where fewer than FEW events are counted."""
    curve = measured.curve
    if curve is None:
        return None
    return [
        {
            "cosine": round(float(curve.cosines[at]), 6),
            "false_matches": _point_json(int(curve.false_matches[at]), curve.strangers),
            "missed_matches": _point_json(int(curve.misses[at]), curve.same),
        }
        for at in range(0, len(curve.cosines), 10)
    ]


def _point_json(events: int, pairs: int) -> dict[str, Any]:
    point: dict[str, Any] = {"events": events, "share": events / pairs}
    if min(events, pairs - events) < FEW:
        point["low"], point["high"] = interval(events, pairs)
    return point
