"""Pictures that are bytes which name what they show: `b"gun pills"`."""

from dataclasses import dataclass
from typing import Final

SEEN: Final = {
    "gun": {"Weapons": 55.0},
    "pills": {"Pills": 80.0},
    "maybe": {"Alcoholic Beverages": 45.0, "Gambling": 2.0},
}


@dataclass
class NamingModerator:
    """`reads` counts."""

    reads: int = 0

    def moderate(self, image: bytes) -> dict[str, float]:
        self.reads += 1
        words = image.decode().split()
        return {name: sure for word in words for name, sure in SEEN.get(word, {}).items()}
