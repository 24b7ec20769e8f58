"""Output of `openrek labels list`."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from openrek.runtime.cli.terminal_text import add_row
from openrek.runtime.parts.own_labels import Kept
from openrek.vision.labels.own_labels import OwnLabel


def table(kept: Sequence[Kept]) -> Table:
    """Return one line per label; a damaged one has the name of its file, and why."""
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    found.add_column("Label", overflow="fold")
    for heading in ("Precision", "Recall", "Pictures"):
        found.add_column(heading, justify="right")
    found.add_column("Learnt on")
    found.add_column("Category", overflow="fold")
    found.add_column("Parents", style="dim", overflow="fold")
    for each in kept:
        if each.label is None:
            add_row(found, each.blob, "", "", "", "", each.damage, "")
        else:
            add_row(found, *_cells(each.label))
    return found


def _cells(label: OwnLabel) -> tuple[str, ...]:
    measured, entry = label.measured, label.entry
    precision = "-" if measured.precision is None else f"{measured.precision:.2f}"
    return (
        label.name,
        precision,
        f"{measured.recall:.2f}",
        str(measured.pictures),
        label.learnt_on,
        entry.category,
        ", ".join(entry.ancestors),
    )


def as_json(kept: Sequence[Kept]) -> dict[str, Any]:
    """Return the labels, and the files that are damaged, as JSON has them."""
    return {
        "Labels": [_as_json(each.label) for each in kept if each.label is not None],
        "Damaged": [{"File": each.blob, "Reason": each.damage} for each in kept if each.label is None],
    }


def _as_json(label: OwnLabel) -> dict[str, Any]:
    measured = label.measured
    return {
        "Name": label.name,
        "Category": label.entry.category,
        "Parents": list(label.entry.ancestors),
        "LearntOn": label.learnt_on,
        "Pictures": measured.pictures,
        "Others": measured.others,
        "Found": measured.found,
        "FalseAlarms": measured.false_alarms,
        "Precision": measured.precision,
        "Recall": measured.recall,
    }
