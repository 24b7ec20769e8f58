"""`python -m benchmarks.moderation PATH ...`: how often DetectModerationLabels speaks of ordinary photos, and its time.

Pictures are all JPEGs and PNGs below the paths. A folder that has the name of a label of the taxonomy ("Weapons") holds
pictures that show it: they count for its recall, and for no false positive. `--half 0` or `1` takes every second
picture, so that thresholds can be chosen on one half and reported on the other. Intervals are Wilson's, 95 %.
"""

import argparse
import json
import math
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from openrek.domain.errors import Refusal
from openrek.operations.translation.moderation import NEW, taxonomy
from openrek.runtime.settings import Settings
from openrek.vision.models.picture_classes import PICTURES
from openrek.vision.models.sessions import ModelSessions
from openrek.vision.moderation import evidence
from openrek.vision.moderation.networks import NSFWJS, OPEN_NSFW
from openrek.vision.moderation.reader import ModerationReader

SUFFIXES = {".jpg", ".jpeg", ".png"}
SAID = (evidence.EXPLICIT, evidence.SUGGESTIVE, *evidence.PICTURED)
TOLD_PCT = 50.0
Z_95 = 1.959963985


@dataclass
class Counts:
    """Of one label: ordinary pictures and those that got it, pictures that show it and those that got it, and how sure
    the ordinary ones were.
    """

    ordinary: int = 0
    false: int = 0
    shown: int = 0
    found: int = 0
    near: list[float] = field(default_factory=list)


def interval(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    if not of:
        return 0.0, 1.0
    share, spread = hits / of, Z_95**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def pictures(paths: list[Path], half: int | None) -> Iterator[tuple[Path, str | None]]:
    """Yield pictures, each with the label that a folder above it names, if any."""
    found = sorted(path for root in paths for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    for number, path in enumerate(found):
        if half is None or number % 2 == half:
            yield path, next((part for part in path.parts if part in SAID), None)


def bare_s(sessions: ModelSessions) -> float:
    """Return the CPU time of the inferences of one picture on tensors that are ready, in seconds."""
    square = np.zeros((1, 224, 224, 3), np.float32)
    views = np.zeros((2, 3, 224, 224), np.float32)
    begun = time.process_time()
    for name in (OPEN_NSFW, NSFWJS):
        session = sessions.session(name)
        session.run(None, {session.get_inputs()[0].name: square})
    sessions.session(PICTURES).run(None, {"x": views})
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--json", type=Path, help="write what was said of each picture")
    asked = parser.parse_args()
    sessions = ModelSessions(Settings.of(os.environ).weights)
    reader = ModerationReader(sessions)
    counts = {label: Counts() for label in SAID}
    said: dict[str, dict[str, float]] = {}
    whole, bare, unread = [], [], 0
    for path, shown in pictures(asked.paths, asked.half):
        content = path.read_bytes()
        begun = time.process_time()
        try:
            found = reader.moderate(content)
        except Refusal:
            unread += 1
            continue
        whole.append(time.process_time() - begun)
        if len(whole) % 10 == 0:
            bare.append(bare_s(sessions))
        said[str(path)] = found
        for label, count in counts.items():
            told = found.get(label, 0.0) >= TOLD_PCT
            if label == shown:
                count.shown, count.found = count.shown + 1, count.found + told
            elif shown is None:
                count.ordinary, count.false = count.ordinary + 1, count.false + told
                count.near.append(found.get(label, 0.0))
    _report(counts, whole, bare, unread)
    if asked.json:
        asked.json.write_text(json.dumps(said, indent=1), "utf-8")


def _report(counts: dict[str, Counts], whole: list[float], bare: list[float], unread: int) -> None:
    chains = taxonomy(NEW).chains
    print(f"{len(whole)} pictures, {unread} could not be read; labels told at {TOLD_PCT:g}")
    for label, count in counts.items():
        low, high = interval(count.false, count.ordinary)
        print(f"{' < '.join(entry.name for entry in chains[label])}")
        print(
            f"    false: {count.false} of {count.ordinary}, {1000 * count.false / max(1, count.ordinary):.1f} in 1,000 "
            f"({1000 * low:.1f} to {1000 * high:.1f}); surest: {', '.join(f'{sure:.0f}' for sure in surest(count))}"
        )
        if count.shown:
            low, high = interval(count.found, count.shown)
            print(
                f"    recall: {count.found} of {count.shown}, {count.found / count.shown:.2f} ({low:.2f} to {high:.2f})"
            )
    if bare:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ratio = np.mean(whole) / np.mean(bare)
        print(f"{1000 * np.median(whole):.0f} CPU-ms a picture (median), {ratio:.2f} times its inferences")
        print(f"peak memory {peak_mb:.0f} MB")


def surest(count: Counts) -> list[float]:
    return sorted(count.near, reverse=True)[:5]


if __name__ == "__main__":
    main()
