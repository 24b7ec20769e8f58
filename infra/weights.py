"""Layers of model files, one for each use: a function may have five layers, so it gets all its models in one.

The layer of a use is made when a function of `functions.py` names it. What is in it, and how large that is, comes from
the manifest of models.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = Path(__file__).parents[1] / "layers" / "openrek" / "vision" / "models" / "manifest.toml"


@dataclass(frozen=True, slots=True)
class Carried:
    """What a layer holds: packs with all their models, and single models of others; both by the manifest's names."""

    packs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


WEIGHTS: Final = {
    "faces": Carried(("faces",)),
    "attributes": Carried(("attributes",), ("yunet",)),
    "faces-attributes": Carried(("faces", "attributes")),
    "labels": Carried(("labels", "faces")),
    "moderation": Carried(("moderation",)),
    "text": Carried(("text",)),
    "equipment": Carried(("equipment",)),
}


def weights_layer(use: str) -> str:
    return f"weights-{use}"


@dataclass(frozen=True, slots=True)
class Models:
    """The manifest, as far as packaging needs it."""

    table: dict[str, Any]

    @classmethod
    def of(cls, manifest: Path = MANIFEST) -> "Models":
        return cls(tomllib.loads(manifest.read_text("utf-8")))

    def of_use(self, use: str) -> list[str]:
        """Return the names of the models that the layer of a use holds, each once."""
        carried = WEIGHTS[use]
        names = [name for pack in carried.packs for name in self.table["packs"][pack]["weights"]]
        return list(dict.fromkeys([*names, *carried.models]))

    def packs_with(self, models: Iterable[str]) -> list[str]:
        """Return packs that hold the models: to build these is enough."""
        packs = self.table["packs"]
        first = {name: pack for pack in reversed(packs) for name in packs[pack]["weights"]}
        return list(dict.fromkeys(first[name] for name in models))

    def file(self, model: str) -> str:
        return str(self.table["weights"][model]["file"])

    def layer_bytes(self, use: str) -> int:
        """Return the size of the layer, unzipped."""
        return sum(self.table["weights"][name]["built_bytes"] for name in self.of_use(use))
