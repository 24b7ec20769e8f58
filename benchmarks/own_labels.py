"""`python -m benchmarks.own_labels FEATURES`: how well labels do that an owner teaches.

FEATURES is the `.npz` of `training.label_heads`. Each folder of Caltech-101 with 60 pictures or more is taught from 30
of them, against the background that openrek has, and judged by its others and by all that are neither its own nor
of the background. The pictures of ImageNet that the file has are another set that nothing was learnt from.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from openrek.vision.labels.learning import BACKGROUND, SAID_FROM, learn
from openrek.vision.models.learnt_parts import decode

TAUGHT_FROM = 30
LEAST = 60
NONE = np.empty((0, 1280))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("features", type=Path)
    table = np.load(parser.parse_args().features, allow_pickle=False)
    features = table["f"].astype(np.float64)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    source, folder = table["source"], table["label"]
    names = np.array([f"{of}/{name}" for of, name in zip(source, table["name"], strict=True)])
    behind = np.isin(names, decode(BACKGROUND.read_bytes()).names)
    taught = [name for name, count in Counter(folder[source == "caltech101"]).items() if count >= LEAST]
    taught = [name for name in taught if not name.startswith("BACKGROUND")]
    rows: list[tuple[float, float, float, float, float]] = []
    told: list[tuple[float, float, bool]] = []
    for name in taught:
        own = (source == "caltech101") & (folder == name)
        places = np.random.default_rng(1).permutation(np.flatnonzero(own & ~behind))
        head = learn(features[places[:TAUGHT_FROM]], NONE)
        rest = ~own & ~behind & (source != "imagenet-sample")
        right, wrong, other = (
            1 / (1 + np.exp(-(features[each] @ head.weights + head.bias)))
            for each in (places[TAUGHT_FROM:], rest, source == "imagenet-sample")
        )
        told += [(chance, 0.1 / len(right), True) for chance in right]
        told += [(chance, 0.9 / len(wrong), False) for chance in wrong]
        found, alarms, strange = ((each >= SAID_FROM).mean() for each in (right, wrong, other))
        rows.append((head.measured.recall, found, alarms, strange, head.measured.false_alarms / head.measured.others))
        print(f"{name:18} recall {found:.2f} (promised {head.measured.recall:.2f}), false alarms {alarms:.4f}")
    promised, found, alarms, strange, expected = np.mean(rows, axis=0)
    print(f"\n{len(taught)} labels, {TAUGHT_FROM} pictures each: recall {found:.3f} (promised {promised:.3f})")
    print(f"false alarms {alarms:.4f} of Caltech-101 and COCO (promised {expected:.4f}), {strange:.4f} of ImageNet")
    print("\nsaid at, right if one photo in ten shows it, number")
    for low in range(50, 100, 10):
        each = [(weight, is_right) for chance, weight, is_right in told if low <= 100 * chance < low + 10]
        share = sum(weight for weight, is_right in each if is_right) / max(sum(weight for weight, _ in each), 1e-12)
        print(f"  {low} to {low + 10}: {100 * share:.0f} %, {len(each)}")


if __name__ == "__main__":
    main()
