"""A throw-away operation, added to a copy of the repository in the steps of CONTRIBUTING's checklist."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("layers/", "lambdas/", "infra/", "events/", "tests/", "docs/", "CONTRIB", "README", "pyproject", "req")
NAME: Final = "DetectCustomLabels"
"""An operation that Rekognition has and openrek has not."""
MODULE: Final = "detect_custom_labels"
VERSION_ARN: Final = "arn:aws:rekognition:us-east-1:123456789012:project/p/version/v/1"

OPERATION = '''"""DetectCustomLabels."""

from openrek.domain.ports import Buckets, Reader
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.shapes import Request, Response


def detect_custom_labels(request: Request, *, buckets: Buckets, reader: Reader) -> Response:
    """Return one label for each face."""
    photo = reader.read(image_bytes(request["Image"], buckets))
    return {"CustomLabels": [{"Name": "Face", "Confidence": face.confidence} for face in photo.faces]}
'''
ROW = """_ROWS: Final = (
    Operation(
        "DetectCustomLabels",
        packs=("faces",),
        touches_collection=False,
        listed="CustomLabels",
        logged_as="labels",
        note="A label for each face.",
    ),
"""
HANDLER = """from openrek.operations.detect_custom_labels import detect_custom_labels
from openrek.runtime.functions.handler import serve

handler = serve(detect_custom_labels)
"""
OPERATION_TEST = f'''"""DetectCustomLabels, with plain ports."""

from tests.operations.parts.world import World


def test_each_face_has_a_label(tmp_path) -> None:
    found = World(tmp_path).do("{NAME}", ProjectVersionArn="{VERSION_ARN}", Image={{"Bytes": b"anna ben"}})
    assert [label["Name"] for label in found["CustomLabels"]] == ["Face", "Face"]
'''
CONVERSATION = f'''"""DetectCustomLabels over HTTP, and with its event through its handler."""

import json
from pathlib import Path

import openrek.operations.registry
from openrek.operations.registry import OPERATIONS
from openrek.runtime.functions.invocation_notes import Notes
from openrek.runtime.functions.telemetry import Telemetry
from openrek.runtime.functions.handler import serve
from openrek.runtime.settings import Settings
from openrek.wire.http import HttpReply

ROOT = Path(__file__).parents[2]
ROW = OPERATIONS["{NAME}"]


def test_boto3_finds_a_face(rekognition, photos):
    assert ROOT in Path(openrek.operations.registry.__file__).parents
    found = rekognition.detect_custom_labels(ProjectVersionArn="{VERSION_ARN}", Image={{"Bytes": photos["obama.jpg"]}})
    assert [label["Name"] for label in found["CustomLabels"]] == ["Face"]


def test_its_event_reaches_it(tmp_path, weights_folder, photos):
    bucket = tmp_path / "buckets" / "photos"
    bucket.mkdir(parents=True)
    (bucket / "one.jpg").write_bytes(photos["obama.jpg"])
    event = json.loads((ROOT / "events" / "{MODULE}.json").read_text("utf-8"))
    settings = Settings.of({{"OPENREK_DATA": str(tmp_path), "OPENREK_WEIGHTS": str(weights_folder)}})
    answer = serve(ROW.function(), settings)(event, None)
    assert len(json.loads(answer["body"])["CustomLabels"]) == 1


def test_its_labels_are_logged(capsys):
    reply = HttpReply(200, {{"x-amzn-RequestId": "r"}}, b"{{}}")
    Telemetry(ROW, cold=False)(Notes(listed=1), reply, None, 2.0)
    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (line["operation"], line["labels"]) == ("{NAME}", 1)
'''


def copy_to(folder: Path) -> None:
    """Copy what git has, or would have, of the rooms that the census looks at."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in listed:
        if name.startswith(COPIED) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` by its path in it, without what Python leaves behind."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def add_to(folder: Path) -> None:
    """Add the operation to the copy of the repository in `folder`."""
    new = {
        f"layers/openrek/operations/{MODULE}.py": OPERATION,
        f"lambdas/{MODULE}/handler.py": HANDLER,
        f"events/{MODULE}.json": _event(folder),
        f"tests/operations/test_{MODULE}.py": OPERATION_TEST,
        f"tests/conformance/test_{MODULE}.py": CONVERSATION,
    }
    for name, text in new.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    _replace(folder / "layers/openrek/operations/registry.py", {"_ROWS: Final = (\n": ROW, f"{NAME} ": ""})
    row = f'    _seeing("{NAME}", (Grant.READ_KEYS,)),\n'
    _replace(folder / "infra/functions.py", {"OPERATIONS: Final = (\n": f"OPERATIONS: Final = (\n{row}"})
    expected = f'OPERATIONS = {{\n    "{NAME}": (*FACES, KEY | SEE),\n'
    _replace(folder / "tests/infra/test_function_templates.py", {"OPERATIONS = {\n": expected})
    run(folder, "docs/generate_coverage.py")


def run(folder: Path, *arguments: str) -> str:
    """Run Python on the copy and return what it printed. Raises AssertionError with that if it fails."""
    environment = {"PYTHONPATH": f"{folder}/layers:{folder}", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _event(folder: Path) -> str:
    """Return the event of DetectFaces, turned into one of this operation."""
    text = (folder / "events/detect_faces.json").read_text("utf-8").replace("DetectFaces", NAME)
    event = json.loads(text)
    image = json.loads(event["body"])["Image"]
    event["body"] = json.dumps({"Image": image, "ProjectVersionArn": VERSION_ARN, "MaxResults": 3})
    return json.dumps(event, indent=2) + "\n"


def _replace(path: Path, pairs: Mapping[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in pairs.items():
        assert text.count(old) == 1, (path, old)
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
