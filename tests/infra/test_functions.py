"""The table of functions: complete, and possible on Lambda."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from infra.functions import OPERATIONS, ROUTER, UPKEEP
from infra.package import LAYERS, ROOT, THIRD_PARTY
from infra.weights import WEIGHTS, Models
from infra.wheels import requirements_of

EVERY = (*OPERATIONS, ROUTER, UPKEEP)
MOST_LAYERS = 5


def folders_of_handlers() -> set[str]:
    return {path.parent.name for path in ROOT.glob("lambdas/*/handler.py")}


def test_every_handler_has_its_row_and_every_row_its_handler() -> None:
    rows = [function.folder for function in EVERY]
    assert len(rows) == len(set(rows))
    assert folders_of_handlers() == set(rows)


def test_no_function_has_more_layers_than_lambda_allows() -> None:
    assert max(len(function.all_layers) for function in EVERY) <= MOST_LAYERS


def test_each_model_of_the_faces_is_carried_by_a_function() -> None:
    models = Models.of()
    carried = {name for function in EVERY if function.weights for name in models.of_use(function.weights)}
    assert carried >= set(models.table["packs"]["faces"]["weights"])


def test_the_layers_of_models_serve_every_use() -> None:
    """Every attribute needs the detector; DetectLabels finds faces; no layer holds a model twice."""
    models = Models.of()
    packs = {name: set(pack["weights"]) for name, pack in models.table["packs"].items()}
    held = {use: set(models.of_use(use)) for use in WEIGHTS}
    assert held == {
        "faces": packs["faces"],
        "attributes": packs["attributes"] | {"yunet"},
        "faces-attributes": packs["faces"] | packs["attributes"],
        "labels": packs["labels"] | packs["faces"] | packs["attributes"],
        "moderation": packs["moderation"],
        "text": packs["text"],
        "equipment": packs["equipment"] | {"yunet"},
    }
    assert all(len(models.of_use(use)) == len(held[use]) for use in WEIGHTS)
    for use, names in held.items():
        assert names <= {name for pack in models.packs_with(models.of_use(use)) for name in packs[pack]}


def test_light_functions_carry_neither_numpy_nor_onnxruntime() -> None:
    light = {function.name for function in EVERY if not {"numeric", "vision"} & set(function.all_layers)}
    assert light >= {"ListFaces", "ListCollections", "DescribeCollection", "CreateCollection", "DeleteFaces", "Router"}


def test_layers_are_made_of_the_versions_that_the_tests_run_with() -> None:
    pins = {pin for name in THIRD_PARTY for pin in requirements_of(Path(LAYERS, name, "requirements.txt"))}
    tested = {line.partition(" ;")[0] for line in requirements_of(ROOT / "requirements.txt")}
    assert pins - tested == set()


def test_what_is_pinned_satisfies_the_project_and_an_onnxruntime_that_aborts_on_lambda_does_not() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {each.name: each.specifier for each in map(Requirement, project["dependencies"])}
    pinned = dict(line.partition(" ;")[0].split("==") for line in requirements_of(ROOT / "requirements-runtime.txt"))
    assert {name for name, versions in asked.items() if pinned[name] not in versions} == set()
    assert "1.25.9" not in asked["onnxruntime"]
