"""The compiled service model: complete, the same after a round trip, and read without importing botocore."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import botocore

from openrek.wire.extensions import extended
from openrek.wire.model import COMPILED_FILE, compile_model, dump_model, load_model, service_model
from openrek.wire.patterns import _compiled

SERVICE = json.loads(
    gzip.decompress((Path(botocore.__file__).parent / "data/rekognition/2016-06-27/service-2.json.gz").read_bytes())
)


def test_the_model_holds_every_operation_and_only_shapes_of_requests() -> None:
    model = service_model()
    assert len(SERVICE["operations"]) == 75
    ours = {"ErasePerson", "PutCelebrityInfo", "SearchAllFacesByImage"}
    assert model.operations.keys() == {*SERVICE["operations"], *ours}
    assert model.shapes["CollectionId"].maximum == 255
    assert model.shapes["Image"].members == {"Bytes": "ImageBlob", "S3Object": "S3Object"}
    assert model.shapes["AuditImagesLimit"].minimum == 0
    assert "FaceDetail" not in model.shapes


def test_the_compiled_table_is_small_and_survives_a_round_trip() -> None:
    model = compile_model(extended(SERVICE))
    dumped = dump_model(model)
    assert load_model(dumped) == model == service_model()
    assert len(dumped) < 50_000


def test_the_compiled_table_is_never_in_the_source_tree() -> None:
    assert not COMPILED_FILE.exists()


def test_every_pattern_of_the_model_compiles_without_warnings() -> None:
    patterns = {shape.pattern for shape in service_model().shapes.values() if shape.pattern}
    assert len(patterns) >= 20
    for pattern in patterns:
        _compiled(pattern)


def test_the_door_opens_without_importing_botocore() -> None:
    script = (
        "import sys; from openrek.wire.door import Door; Door({}); "
        "print(*{'botocore', 'boto3', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
