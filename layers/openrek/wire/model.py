"""The service model as a compact table: the request of each operation, and the constraints on its members.

Compiled from the model that botocore carries as data; nothing of it is typed here, nor is botocore imported. A
deployment may put the compiled table beside this file, so that a cold start need not read the whole model.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openrek.wire.extensions import extended

SERVICE_FILE = Path("data", "rekognition", "2016-06-27", "service-2.json.gz")
COMPILED_FILE = Path(__file__).with_name("service-model.json")


@dataclass(frozen=True, slots=True)
class Shape:
    """A type of the model. `kind` is its name there; `members`, `member`, `key` and `value` name other shapes."""

    kind: str
    members: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    member: str = ""
    key: str = ""
    value: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """The compiled model. `operations` maps each operation to the shape of its request; `shapes` holds every shape that
    requests are made of.
    """

    operations: Mapping[str, str]
    shapes: Mapping[str, Shape]


def compile_model(service: Mapping[str, Any]) -> Model:
    """Compile a service description in botocore's format; shapes that no request uses are dropped."""
    operations = {name: operation["input"]["shape"] for name, operation in service["operations"].items()}
    shapes: dict[str, Shape] = {}
    wanted = sorted(set(operations.values()))
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = _shape(service["shapes"][name])
            wanted.extend(_parts(shapes[name]))
    return Model(operations, dict(sorted(shapes.items())))


def dump_model(model: Model) -> str:
    """Return the model as JSON for `load_model`, without empty fields."""
    blank = asdict(Shape(""))
    shapes = {
        name: {key: value for key, value in asdict(shape).items() if value != blank[key]}
        for name, shape in model.shapes.items()
    }
    return json.dumps({"operations": dict(model.operations), "shapes": shapes}, separators=(",", ":"))


def load_model(text: str) -> Model:
    """Return the model that `dump_model` wrote."""
    table = json.loads(text)
    shapes = {name: _restored(shape) for name, shape in table["shapes"].items()}
    return Model(table["operations"], shapes)


@lru_cache(maxsize=1)
def service_model() -> Model:
    """Return the compiled table if there is one, else compile the model of the installed botocore; openrek's extensions
    are in both.
    """
    if COMPILED_FILE.is_file():
        return load_model(COMPILED_FILE.read_text("utf-8"))
    return compile_model(extended(json.loads(gzip.decompress(_service_path().read_bytes()))))


def _service_path() -> Path:
    spec = find_spec("botocore")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / SERVICE_FILE
        if path.is_file():
            return path
    raise FileNotFoundError(f"botocore with {SERVICE_FILE} is not installed and there is no {COMPILED_FILE}")


def _shape(described: Mapping[str, Any]) -> Shape:
    return Shape(
        kind=described["type"],
        members={name: member["shape"] for name, member in described.get("members", {}).items()},
        required=tuple(described.get("required", ())),
        member=described.get("member", {}).get("shape", ""),
        key=described.get("key", {}).get("shape", ""),
        value=described.get("value", {}).get("shape", ""),
        minimum=described.get("min"),
        maximum=described.get("max"),
        pattern=described.get("pattern"),
        enum=tuple(described.get("enum", ())),
        sensitive=described.get("sensitive", False),
    )


def _restored(dumped: dict[str, Any]) -> Shape:
    members: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in dumped.items()}
    return Shape(**members)


def _parts(shape: Shape) -> list[str]:
    return [name for name in (*shape.members.values(), shape.member, shape.key, shape.value) if name]
