"""The start of functions: loaded modules, errors of a wrong environment, and snapshots."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from openrek.domain.access_keys import AccessKey
from tests.support.events import event_of
from tests.support.lambda_service import ROWS, LambdaService
from tests.support.runtime_api import FunctionProcess, base_python

LOADED = """
import json, sys
sys.path[:0] = sys.argv[1:]
import handler
wanted = ("boto3", "numpy", "onnxruntime", "PIL", "apsw", "pydantic", "starlette", "click", "rich")
powertools = ("aws_lambda_powertools.event_handler", "aws_lambda_powertools.utilities.parser")
print(json.dumps([name for name in (*wanted, *powertools) if name in sys.modules]))
"""


def loaded(functions: LambdaService, name: str) -> list[str]:
    """Return the heavy modules that the function has loaded when it waits for its first event."""
    row = ROWS[name]
    folders = [functions.package / "functions" / row.folder]
    folders += [functions.package / "layers" / layer / "python" for layer in row.all_layers]
    done = subprocess.run(
        [base_python(), "-S", "-B", "-c", LOADED, *map(str, folders), str(functions.runtime)],
        env=functions.environment(row),
        check=True,
        capture_output=True,
        text=True,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ListFaces", set()),
        ("Router", set()),
        ("DeleteFaces", set()),
        ("Upkeep", {"numpy"}),
        ("SearchFaces", {"numpy"}),
    ],
)
def test_a_function_loads_what_it_needs(functions: LambdaService, name: str, expected: set[str]) -> None:
    assert set(loaded(functions, name)) <= expected


def said(process: FunctionProcess, event: dict[str, Any]) -> dict[str, Any]:
    response = process.invoke(json.dumps(event).encode())
    assert response.error is None, response.payload
    found: dict[str, Any] = json.loads(response.json["body"])
    return {"status": response.json["statusCode"], **found}


@pytest.mark.parametrize(
    ("name", "missing", "sentence"),
    [
        ("ListFaces", "OPENREK_BUCKET", "OPENREK_TABLE and OPENREK_BUCKET need each other: one of them is missing."),
        ("ListFaces", "OPENREK_KEYS", "OPENREK_KEYS is missing: the prefix of the access keys"),
        ("Router", "OPENREK_FUNCTIONS", "OPENREK_FUNCTIONS is missing: the functions' names"),
        ("Upkeep", "OPENREK_TABLE", "OPENREK_TABLE and OPENREK_BUCKET need each other"),
    ],
)
def test_a_wrong_environment_is_one_clear_sentence(
    functions: LambdaService, name: str, missing: str, sentence: str
) -> None:
    process = functions.start(ROWS[name], without=missing)
    failure = process.failure_to_start()
    process.stop()
    assert failure.error == "SettingsError"
    assert failure.json["errorMessage"].startswith(sentence)


def test_a_function_without_its_models_says_so_and_stays(
    functions: LambdaService, key: AccessKey, image_bucket: str, tmp_path: Path
) -> None:
    process = functions.start(ROWS["DetectFaces"], OPENREK_WEIGHTS=str(tmp_path))
    response = said(process, event_of("detect_faces", key, image_bucket))
    process.stop()
    assert (response["status"], response["__type"]) == (500, "InternalServerError")
    assert "WeightsError" in functions.log("DetectFaces")


def test_a_function_works_when_it_is_restored_from_a_snapshot(
    functions: LambdaService, key: AccessKey, image_bucket: str, tmp_path: Path
) -> None:
    """Check that its models are loaded before the snapshot is taken, and that no connection is open in it."""
    weights = tmp_path / "weights"
    shutil.copytree(functions.environment(ROWS["DetectFaces"])["OPENREK_WEIGHTS"], weights)
    process = functions.start(
        ROWS["DetectFaces"], AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", OPENREK_WEIGHTS=str(weights)
    )
    process.await_snapshot()
    shutil.rmtree(weights)
    connections = process.connections()
    response = said(process, event_of("detect_faces", key, image_bucket))
    process.stop()
    assert connections == 0
    assert len(response["FaceDetails"]) == 1
