"""The model files: what the manifest says of them, and loading them with their hash checked.

The hashes are trusted because the manifest travels beside the code (`manifest.toml` beside this module), never in the
weights folder that it vouches for.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).with_name("manifest.toml")


class WeightsError(Exception):
    """The model files cannot be used; the text is one sentence for the person who starts openrek."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One row of the manifest: where a model file comes from and what it must be."""

    file: str
    what: str
    package: str
    version: str
    member: str
    source_sha256: str
    built_sha256: str
    recipe: str
    licence: str
    upstream: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`build_requirements` are pins of what the build needs and the runtime does not."""

    weights: dict[str, Weights]
    build_requirements: tuple[str, ...]


def manifest(path: Path = MANIFEST) -> Manifest:
    """Raises WeightsError when the manifest is not where the code expects it."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WeightsError(f"The manifest of the model files cannot be read: {error}.") from error
    rows = {name: Weights(**row) for name, row in table["weights"].items()}
    return Manifest(weights=rows, build_requirements=tuple(table["build"]["requirements"]))


def load(folder: Path, name: str) -> bytes:
    """The bytes of the built model `name`, which are exactly the bytes that were checked. Raises WeightsError."""
    row = manifest().weights[name]
    path = folder / row.file
    try:
        graph = path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"The model file {path} is missing; run `openrek weights` to build it.") from None
    except OSError as error:
        raise WeightsError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(graph).hexdigest() != row.built_sha256:
        raise WeightsError(
            f"The model file {path} does not have the sha256 that the manifest gives; "
            "run `openrek weights` to build it again."
        )
    return graph


def check(folder: Path) -> None:
    """Raises WeightsError unless every model file of the manifest is in `folder` with the right hash."""
    for name in manifest().weights:
        load(folder, name)
