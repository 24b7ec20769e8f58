"""What a picture shows that some people should not see, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModerationName:
    """A label of the taxonomy: its name, that of the label above it (empty at the top), and its level from 1 on."""

    name: str
    parent: str
    level: int


@dataclass(frozen=True, slots=True)
class ModerationLabel:
    """A label of a picture. `confidence` is 0..100, float32."""

    entry: ModerationName
    confidence: float
