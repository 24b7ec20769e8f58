"""One name everywhere: each row of the registry has its module, handler, event and tests, and nothing else has."""

import importlib
import json
import re
from pathlib import Path

import pytest

import infra.functions
import infra.weights
from openrek.operations.registry import OPERATIONS, Operation, row_of
from openrek.runtime.parts.adapters import Adapters, needs
from openrek.runtime.settings import Settings
from openrek.vision.models import zoo
from openrek.wire.model import service_model
from openrek.wire.validate import validated
from tests.support import stub_operation

ROOT = Path(__file__).parents[1]
MODULES = {row.module for row in OPERATIONS.values()}
EXTRA_FUNCTIONS = {"router", "upkeep"}
HANDLER = """from openrek.operations.{name} import {name}
from openrek.runtime.functions.handler import serve

handler = serve({name})
"""
MOST_FILES = 10
TESTS = (
    "tests/test_census.py",
    "tests/infra/test_functions.py",
    "tests/operations/translation/test_coverage.py",
    "tests/operations/test_detect_custom_labels.py",
    "tests/conformance/test_detect_custom_labels.py",
    "tests/conformance/test_bad_image_members.py",
    "tests/runtime/functions/test_invocation_notes.py",
    "tests/runtime/server/test_operation_lanes.py",
    "tests/wire/test_permission.py",
)
"""What the throw-away operation is shown with: rows, coverage, HTTP, event, log, lane and permissions."""


def test_every_operation_module_is_offered() -> None:
    modules = {path.stem for path in ROOT.glob("layers/openrek/operations/[a-z]*.py")}
    assert {name for name in modules if hasattr(importlib.import_module(f"openrek.operations.{name}"), name)} == MODULES


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)
def test_a_row_finds_its_function_and_is_found_by_it(row: Operation) -> None:
    assert row_of(row.function()) is row


def test_every_operation_has_a_handler_of_three_statements() -> None:
    handlers = {path.parent.name: path.read_text("utf-8") for path in ROOT.glob("lambdas/*/handler.py")}
    assert {name: handlers.pop(name).count("\n") for name in EXTRA_FUNCTIONS} == {"router": 4, "upkeep": 3}
    assert handlers == {name: HANDLER.format(name=name) for name in MODULES}


def test_every_operation_has_a_deployed_function() -> None:
    assert sorted(function.name for function in infra.functions.OPERATIONS) == sorted(OPERATIONS)


def test_every_operation_has_an_event() -> None:
    assert {path.stem for path in ROOT.glob("events/*.json")} == MODULES | EXTRA_FUNCTIONS


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)
def test_an_event_is_a_request_of_its_operation(row: Operation) -> None:
    event = json.loads((ROOT / "events" / f"{row.module}.json").read_text("utf-8"))
    _, unknown = validated(service_model(), row.name, json.loads(event["body"]))
    assert (event["path"], unknown) == (f"/{row.name}", [])


def test_every_operation_has_a_test_module() -> None:
    tested = {path.stem.removeprefix("test_") for path in ROOT.glob("tests/operations/test_*.py")}
    assert tested >= MODULES


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_names_packs_if_models_run_behind_one_of_its_ports(row: Operation) -> None:
    adapters = Adapters(Settings.of({}))
    (function,) = (each for each in infra.functions.OPERATIONS if each.name == row.name)
    assert row.infers is any(adapters.infers(name) for name in needs(row.function()))
    assert row.infers is (function.weights is not None) is ("vision" in function.layers)
    assert {*row.packs, *row.packs_on_request} <= zoo.manifest().packs.keys()


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)
def test_a_function_carries_what_some_requests_need(row: Operation) -> None:
    (function,) = (each for each in infra.functions.OPERATIONS if each.name == row.name)
    carried = infra.weights.Models.of().of_use(function.weights) if function.weights else []
    assert set(zoo.manifest().rows(row.packs_on_request)) <= set(carried)
    assert bool(row.packs_on_request) is ("packs" in needs(row.function()))


def checklist() -> list[str]:
    """Return the paths of CONTRIBUTING's list, one for each step, with <name> where the operation's name stands."""
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Add an operation")[2].partition("\n## ")[0]
    steps = re.findall(r"^\d+\. (.*)$", section, re.MULTILINE)
    return [re.match(r"`([^`]+)`", step)[1] for step in steps]  # type: ignore[index]


@pytest.mark.timeout(900)
def test_a_throw_away_operation_costs_no_more_files_than_the_checklist_has(tmp_path: Path) -> None:
    """Check it in a copy of the repository; the files that count are those that differ."""
    listed = {path.replace("<name>", stub_operation.MODULE) for path in checklist()}
    stub_operation.copy_to(tmp_path)
    before = stub_operation.contents(tmp_path)
    stub_operation.add_to(tmp_path)
    after = stub_operation.contents(tmp_path)

    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == listed - {"tests/infra/test_grants.py"}, "that one only if it touches a collection"
    assert len(changed) < len(listed) <= MOST_FILES
    assert f"| {stub_operation.NAME} | yes | A label for each face. |" in after["docs/COVERAGE.md"].decode()
    stub_operation.run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not throw_away", *TESTS)
