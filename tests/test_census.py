"""One name everywhere: each offered operation has its module, Lambda handler, event and tests, and nothing else has."""

import importlib
from pathlib import Path

from openrek.runtime.parts.names import api_name
from openrek.runtime.parts.offered import OFFERED

ROOT = Path(__file__).parents[1]
OFFERED_NAMES = {operation.__name__ for operation in OFFERED.values()}
EXTRA_FUNCTIONS = {"router", "upkeep"}
HANDLER = """from openrek.operations.{name} import {name}
from openrek.runtime.functions.handler import serve

handler = serve({name})
"""


def test_every_operation_module_is_offered() -> None:
    modules = {path.stem for path in ROOT.glob("layers/openrek/operations/[a-z]*.py")}
    operations = {name for name in modules if hasattr(importlib.import_module(f"openrek.operations.{name}"), name)}
    assert operations == OFFERED_NAMES


def test_names_on_the_wire_follow_the_names_of_the_functions() -> None:
    assert {name: api_name(operation) for name, operation in OFFERED.items()} == {name: name for name in OFFERED}


def test_every_operation_has_a_handler_of_three_statements() -> None:
    handlers = {path.parent.name: path.read_text("utf-8") for path in ROOT.glob("lambdas/*/handler.py")}
    assert {name: handlers.pop(name).count("\n") for name in EXTRA_FUNCTIONS} == {"router": 4, "upkeep": 3}
    assert handlers == {name: HANDLER.format(name=name) for name in OFFERED_NAMES}


def test_every_operation_has_an_event() -> None:
    assert {path.stem for path in ROOT.glob("events/*.json")} == OFFERED_NAMES | EXTRA_FUNCTIONS


def test_every_operation_has_a_test_module() -> None:
    tested = {path.stem.removeprefix("test_") for path in ROOT.glob("tests/operations/test_*.py")}
    assert tested >= OFFERED_NAMES
