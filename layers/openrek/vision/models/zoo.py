"""The model files: their manifest, and loading them with their hashes checked.

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
    """A row of the manifest: the source of a model file, and its hashes before and after the build."""

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
class ModelManifest:
    """The manifest of the model files; `build_requirements` are pinned packages that only the build needs."""

    weights: dict[str, Weights]
    build_requirements: tuple[str, ...]


def manifest(path: Path = MANIFEST) -> ModelManifest:
    """Read the manifest. Raises WeightsError when it is missing or unreadable."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WeightsError(f"The manifest of the model files cannot be read: {error}.") from error
    rows = {name: Weights(**row) for name, row in table["weights"].items()}
    return ModelManifest(weights=rows, build_requirements=tuple(table["build"]["requirements"]))


def load(folder: Path, name: str) -> bytes:
    """Return the bytes of the built model `name`, exactly those whose hash was checked. Raises WeightsError."""
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
    """Check that every model file of the manifest is in `folder` with the right hash. Raises WeightsError."""
    for name in manifest().weights:
        load(folder, name)
