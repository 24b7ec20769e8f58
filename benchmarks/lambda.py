"""Cold and warm times of the packaged functions, beside functions written as tutorials do it (benchmarks/naive_lambda).

    python -m benchmarks.lambda [--rounds 5] [--warm 20]

Cold: from the start of the process to its first response, under awslambdaric and a stand-in for Lambda's Runtime API,
with DynamoDB and S3 of moto. Lambda adds the fetching of the code, which is not part of this. Both ways take turns; the
table gives medians. The events are those of `events/`, signed; openrek verifies that, the baseline does not.
"""

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from infra.functions import OPERATIONS, Function
from infra.package import package
from infra.targets import TARGETS
from openrek.domain.access_keys import AccessKey
from openrek.runtime.keys.ssm_keys import SsmKeys
from tests.support import photos
from tests.support.aws import ENVIRON, REGION, LocalAws, local_aws
from tests.support.events import FOLDER, event_of
from tests.support.lambda_service import LambdaService
from tests.support.runtime_api import FunctionProcess, runtime_folder
from tests.support.signing import new_key

ROOT = Path(__file__).parents[1]
NAIVE = ROOT / "benchmarks" / "naive_lambda"
BROUGHT = (
    "aws_lambda_powertools",
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
)
OWN = ("aws",)
"""Layers that the baseline does without: it uses the AWS SDK that Lambda brings."""
TARGET_RATIO = {"ListFaces": 0.6, "SearchFacesByImage": 0.8}
OBJECTS = {"one.jpg": "obama.jpg", "two.jpg": "obama2.jpg"}
WRITES_FIRST = ("CreateCollection", "IndexFaces")
DELETES = "DeleteCollection"
KEYS = "/openrek/benchmark/keys"


@dataclass(frozen=True, slots=True)
class Times:
    """Times in seconds; `response` is the body of the last response."""

    cold_s: list[float]
    warm_s: list[float]
    response: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="cold starts of each function")
    parser.add_argument("--warm", type=int, default=20, help="warm requests to each function")
    asked = parser.parse_args()
    with deployment() as (service, key):
        bucket = service.environ["OPENREK_IMAGE_BUCKETS"]

        def sent(row: Function) -> bytes:
            return json.dumps(event_of(row.folder, key, bucket)).encode()

        for row in OPERATIONS:
            if row.name in WRITES_FIRST:
                assert service.invoke(row.name, sent(row)).json["statusCode"] == 200, row.name
        print(f"{'operation':22}{'cold ms':>9}{'warm ms':>9}{'naive cold':>12}{'naive warm':>12}{'cold ratio':>12}")
        for row in sorted(OPERATIONS, key=lambda row: row.name == DELETES):
            if (FOLDER / f"{row.folder}.json").is_file():
                report(service, row, partial(sent, row), asked.rounds, asked.warm)


def report(service: LambdaService, row: Function, sent: Callable[[], bytes], rounds: int, warm: int) -> None:
    starts = [lambda: service.start(row)]
    if (NAIVE / row.folder).is_dir():
        starts.append(lambda: naive(service, row))
    found = measured(starts, sent, rounds, warm if row.name != DELETES else 1)
    cells = [f"{1000 * statistics.median(each):9.0f}" for each in (found[0].cold_s, found[0].warm_s)]
    line = f"{row.name:22}{''.join(cells)}"
    if len(found) > 1:
        require_same(found[0].response, found[1].response)
        ratio = statistics.median(found[0].cold_s) / statistics.median(found[1].cold_s)
        target = TARGET_RATIO[row.name]
        cells = [f"{1000 * statistics.median(each):12.0f}" for each in (found[1].cold_s, found[1].warm_s)]
        line += f"{''.join(cells)}{ratio:12.2f}  (target: under {target}) {'met' if ratio < target else 'MISSED'}"
    print(line, flush=True)


def measured(
    starts: list[Callable[[], FunctionProcess]], sent: Callable[[], bytes], rounds: int, warm: int
) -> list[Times]:
    """Measure each way of starting; `sent` makes an event that is signed now."""
    found = [Times([], [], {}) for _ in starts]
    for turn in range(rounds):
        for place, start in enumerate(starts):
            event = sent()
            began_s = time.perf_counter()
            process = start()
            said = process.invoke(event)
            found[place].cold_s.append(time.perf_counter() - began_s)
            assert said.error is None, said.payload
            assert said.json["statusCode"] < 500, said.payload
            found[place].response.update(json.loads(said.json["body"]))
            for _ in range(warm if turn == rounds - 1 else 0):
                event = sent()
                began_s = time.perf_counter()
                process.invoke(event)
                found[place].warm_s.append(time.perf_counter() - began_s)
            process.stop()
    return found


def naive(service: LambdaService, row: Function) -> FunctionProcess:
    """Start the baseline: the layers it needs, Powertools with pydantic, and the AWS SDK that Lambda brings."""
    shared = [service.package / "layers" / layer for layer in row.all_layers if layer not in OWN]
    return service.start(row, folder=NAIVE / row.folder, layers=[*shared, brought_layer(service.runtime.parent)])


def brought_layer(home: Path) -> Path:
    layer = home / "brought"
    if not layer.is_dir():
        (layer / "python").mkdir(parents=True)
        for name in BROUGHT:
            spec = importlib.util.find_spec(name)
            assert spec is not None, name
            assert spec.origin is not None, name
            origin = Path(spec.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            (layer / "python" / source.name).symlink_to(source)
    return layer


def require_same(own: dict[str, Any], other: dict[str, Any]) -> None:
    """Raise unless the two ways gave the same response, but for the last digits of a similarity."""
    assert json.dumps(rounded(own), sort_keys=True) == json.dumps(rounded(other), sort_keys=True), (own, other)


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


@contextmanager
def deployment() -> Iterator[tuple[LambdaService, AccessKey]]:
    """Yield an empty store, and a key that may call everything."""
    home = package(TARGETS["host"])
    with tempfile.TemporaryDirectory() as folder, local_aws() as aws:
        place = Path(folder)
        with runtime_folder(place / "runtime", home / "runtime") as runtime:
            key = new_key()
            SsmKeys(KEYS, client=boto3.client("ssm", endpoint_url=aws.url)).add(key)
            service = LambdaService(home, runtime, place, environment(aws))
            try:
                yield service, key
            finally:
                service.close()


def environment(aws: LocalAws) -> dict[str, str]:
    bucket, files = aws.new_bucket(), photos.load()
    for name, file in OBJECTS.items():
        aws.s3().put_object(Bucket=bucket, Key=name, Body=files[file])
    return {
        **ENVIRON,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": aws.url,
        "OPENREK_TABLE": aws.new_table(),
        "OPENREK_BUCKET": aws.new_bucket(),
        "OPENREK_IMAGE_BUCKETS": bucket,
        "OPENREK_KEYS": KEYS,
        "POWERTOOLS_SERVICE_NAME": "openrek",
    }


if __name__ == "__main__":
    main()
