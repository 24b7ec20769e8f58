"""Emotions that a face seems to express, and where its eyes look.

Six emotions are heads. For FEAR and CONFUSED there were too few faces to learn from: they are rules over the movements
of brows, eyes and mouth, bounded by MOST_BY_RULE, so that no rule comes before a head that is sure.
"""

import math
from collections.abc import Mapping
from typing import Final

from openrek.domain.attributes import Emotion, EyeDirection
from openrek.domain.faces import float32
from openrek.vision.faces.attributes.heads import Heads
from openrek.vision.faces.attributes.signals import Signals

BY_HEAD: Final = ("HAPPY", "SAD", "ANGRY", "SURPRISED", "DISGUSTED", "CALM")
MOST_BY_RULE: Final = 0.5
LARGEST_GAZE_DEGREES: Final = 35.0
"""How far the eyes are turned when a movement of theirs is 1: a guess, as there were no photos with a known gaze."""


def emotions(heads: Heads, signals: Signals) -> tuple[Emotion, ...]:
    """Return the eight emotions, the surest first."""
    moves = signals.movements
    chances = {kind: heads.chance(kind, signals) for kind in BY_HEAD}
    chances["FEAR"] = MOST_BY_RULE * fear(moves)
    chances["CONFUSED"] = MOST_BY_RULE * confusion(moves)
    ordered = sorted(chances.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Emotion(kind, float32(100 * chance)) for kind, chance in ordered)


def fear(moves: Mapping[str, float]) -> float:
    """Return how much a face looks afraid, 0..1: wide eyes, inner brows up and a mouth drawn wide, and no smile."""
    mouth = max(_mean(moves, "mouthStretch"), moves["jawOpen"], _mean(moves, "mouthLowerDown"))
    wide, brows = _mean(moves, "eyeWide"), moves["browInnerUp"]
    return float((wide * brows * mouth) ** (1 / 3) * (1 - _smile(moves)))


def confusion(moves: Mapping[str, float]) -> float:
    """Return how much a face looks confused, 0..1: one brow higher than the other, or both knit and raised at once, and
    no smile."""
    uneven = abs(moves["browOuterUpLeft"] - moves["browOuterUpRight"])
    knit = math.sqrt(_mean(moves, "browDown") * moves["browInnerUp"])
    return float(min(1.0, max(uneven, knit)) * (1 - _smile(moves)))


def eye_direction(signals: Signals) -> EyeDirection:
    """Return where the eyes look, seen from the head: yaw > 0 to the image's right, pitch > 0 up.

    The confidence is how surely there is a face and how open its eyes are.
    """
    moves = signals.movements
    right = (moves["eyeLookOutLeft"] - moves["eyeLookInLeft"] + moves["eyeLookInRight"] - moves["eyeLookOutRight"]) / 2
    up = _mean(moves, "eyeLookUp") - _mean(moves, "eyeLookDown")
    seen = signals.mesh.presence * (1 - _mean(moves, "eyeBlink"))
    return EyeDirection(
        yaw=float32(LARGEST_GAZE_DEGREES * right),
        pitch=float32(LARGEST_GAZE_DEGREES * up),
        confidence=float32(100 * max(0.0, min(1.0, seen))),
    )


def _smile(moves: Mapping[str, float]) -> float:
    return min(1.0, _mean(moves, "mouthSmile"))


def _mean(moves: Mapping[str, float], name: str) -> float:
    """Return the mean of a movement on both sides."""
    return (moves[f"{name}Left"] + moves[f"{name}Right"]) / 2
