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
    "labels": Carried(("labels", "faces", "attributes")),
    "moderation": Carried(("moderation",)),
    "text": Carried(("text",)),
    "equipment": Carried(("equipment",), ("yunet",)),
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
        return list(dict.fromkeys(self._first_pack(name) for name in models))

    def default_packs(self) -> list[str]:
        return [name for name, pack in self.table["packs"].items() if pack.get("default")]

    def of_its_own(self, pack: str) -> list[str]:
        """Return the models of a pack that no pack before it has."""
        return [name for name in self.table["packs"][pack]["weights"] if self._first_pack(name) == pack]

    def others_of(self, pack: str) -> list[str]:
        """Return the packs before it that have the rest of its models, each once."""
        firsts = (self._first_pack(name) for name in self.table["packs"][pack]["weights"])
        return [first for first in dict.fromkeys(firsts) if first != pack]

    def what(self, pack: str) -> str:
        return str(self.table["packs"][pack]["what"])

    def licence(self, model: str) -> str:
        return str(self.table["weights"][model]["licence"])

    def file(self, model: str) -> str:
        return str(self.table["weights"][model]["file"])

    def layer_bytes(self, use: str) -> int:
        """Return the size of the layer, unzipped."""
        return sum(self.table["weights"][name]["built_bytes"] for name in self.of_use(use))

    def _first_pack(self, model: str) -> str:
        return next(str(name) for name, pack in self.table["packs"].items() if model in pack["weights"])
