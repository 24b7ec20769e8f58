"""The cost of openrek on AWS: `python -m benchmarks.cost` prints Markdown.

Requests and DynamoDB's units are counted in this run, against a stand-in for DynamoDB and S3. Prices, and the times for
which a function runs, are inputs: change benchmarks/prices.py for another region or another day.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.prices import (
    BACKUP_GB_MONTH_USD,
    FUNCTION_GB,
    FUNCTION_S,
    GATEWAY_REQUEST_USD,
    ITEM_OVERHEAD_BYTES,
    LAMBDA_GB_SECOND_USD,
    LAMBDA_REQUEST_USD,
    OTHER_GB,
    OTHER_S,
    PARTITION_WRITE_UNITS_PER_S,
    PRICES,
    READ_S,
    READ_UNIT_USD,
    REKOGNITION_FACE_MONTH_USD,
    REKOGNITION_USD_PER_1000,
    ROUTER_GB,
    S3_GB_MONTH_USD,
    S3_REQUEST_USD,
    TABLE_GB_MONTH_USD,
    TRANSACTION_S,
    WRITE_UNIT_USD,
)
from openrek.domain.faces import DetectedFace, Embedding
from openrek.domain.models import SFACE, FaceModel
from openrek.store.blobs.s3 import PART_BYTES, S3Blobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.search.search import StoredSearch
from openrek.store.upkeep.compaction import FOLD_ENTRIES, SEGMENT_BYTES
from openrek.store.upkeep.upkeep import Upkeep
from tests.operations.parts.photos import detected
from tests.operations.parts.world import World
from tests.store.synthetic import Embedder, new_collection, picture, slots, unit
from tests.support.aws import LocalAws, local_aws
from tests.support.aws_meter import Meter, Usage

MILLION = 1_000_000
GB = 1e9
FEW, MANY = 20, 60
"""Numbers of commits: the difference shows what grows with them."""


class OneFace:
    """A reader without a model: every image shows one face, which follows from its bytes."""

    model: FaceModel = SFACE

    def read(self, image: bytes) -> "OneFace":
        photo = OneFace()
        photo._image = image
        return photo

    _image = b""

    @property
    def faces(self) -> Sequence[DetectedFace]:
        return (detected(0),)

    def embed(self, face: DetectedFace) -> Embedding:  # noqa: ARG002
        return unit(self._image)


class Deployment:
    """All operations over a store of its own on the stand-in, and a meter."""

    def __init__(self, aws: LocalAws) -> None:
        client = aws.s3()
        self.meter = Meter()
        self._items, self._blobs = aws.items(), S3Blobs(aws.new_bucket(), client=client)
        self.meter.watch(self._items.client)
        self.meter.watch(client)
        self.upkeep = Upkeep(self._items, self._blobs)
        self._folder = tempfile.TemporaryDirectory()  # of the local store, which only users and tags would use
        self._world = World(Path(self._folder.name))
        self._world.collections = StoredCollections(self._items)
        self._world.faces = StoredFaces(self._items)  # type: ignore[assignment]
        self._world.reader = OneFace()  # type: ignore[assignment]
        self.restart()

    def restart(self) -> None:
        """Forget all that is in memory, as in a function that was just started."""
        self._world.search = StoredSearch(self._items, self._blobs, threads=1)  # type: ignore[assignment]

    def usage(self, name: str, **request: Any) -> tuple[Usage, dict[str, Any]]:
        with self.meter.measured() as usage:
            response = self._world.do(name, CollectionId="people", **request)
        return usage, response

    def index(self, count: int, start: int = 0) -> None:
        for number in range(start, start + count):
            self.usage("IndexFaces", Image=image(number))

    def purged(self) -> Usage:
        with self.meter.measured() as usage:
            self.upkeep.purge()
        return usage


@dataclass(frozen=True)
class Bill:
    """The costs of one call, or of a number of calls that need not be whole."""

    write_units: float
    read_units: float
    requests: Mapping[str, float] = field(default_factory=dict)

    @property
    def usd(self) -> float:
        s3 = sum(S3_REQUEST_USD.get(name, 0.0) * count for name, count in self.requests.items())
        return self.write_units * WRITE_UNIT_USD + self.read_units * READ_UNIT_USD + s3

    @property
    def s3_requests(self) -> float:
        return sum(self.requests.get(name, 0) for name in S3_REQUEST_USD)

    @property
    def dynamo_requests(self) -> float:
        return sum(self.requests.values()) - self.s3_requests - self.requests.get("DeleteObject", 0)


def image(number: int) -> dict[str, bytes]:
    return {"Bytes": b"image %d" % number}


def bill_of(usage: Usage) -> Bill:
    return Bill(usage.write_units, usage.read_units, usage.requests)


@dataclass(frozen=True)
class Growth:
    """The work and the storage that N commits leave, as a fixed part and a part for each."""

    upkeep: Bill
    """Of 1,000 commits of one face each, compacted together."""

    item_bytes: float
    blob_bytes: float
    """Of one stored face."""


def measured_growth(aws: LocalAws) -> Growth:
    usages, sizes = [], []
    for count in (FEW, MANY):
        deployment = Deployment(aws)
        deployment.usage("CreateCollection")
        deployment.index(count)
        usages.append(deployment.purged())
        meter = deployment.meter
        items = sum(meter.item_bytes.values()) + ITEM_OVERHEAD_BYTES * len(meter.item_bytes)
        sizes.append((items, sum(meter.blob_bytes.values())))

    def at(few: float, many: float, count: int) -> float:
        return few + (many - few) / (MANY - FEW) * (count - FEW)

    few, many = usages
    upkeep = Bill(
        at(few.write_units, many.write_units, FOLD_ENTRIES),
        at(few.read_units, many.read_units, FOLD_ENTRIES),
        {name: at(few.requests[name], many.requests[name], FOLD_ENTRIES) for name in few.requests | many.requests},
    )
    (few_items, few_blobs), (many_items, many_blobs) = sizes
    return Growth(upkeep, (many_items - few_items) / (MANY - FEW), (many_blobs - few_blobs) / (MANY - FEW))


def measured_calls(aws: LocalAws, growth: Growth) -> dict[str, Bill]:
    deployment = Deployment(aws)
    calls: dict[str, Bill] = {"CreateCollection": bill_of(deployment.usage("CreateCollection")[0])}
    indexed, response = deployment.usage("IndexFaces", Image=image(0))
    calls["IndexFaces, 1 face"] = bill_of(indexed)
    deployment.index(19, start=1)
    deployment.purged()
    deployment.restart()
    cold = bill_of(deployment.usage("SearchFacesByImage", Image=image(0))[0])
    calls["SearchFacesByImage, warm"] = bill_of(deployment.usage("SearchFacesByImage", Image=image(0))[0])
    extra = million_gets(growth) - 1  # the one segment of this small collection is counted
    calls["SearchFacesByImage, cold, a million faces"] = Bill(
        cold.write_units, cold.read_units, Counter(cold.requests) + Counter({"GetObject": extra})
    )
    calls["ListFaces, a page of 20"] = bill_of(deployment.usage("ListFaces")[0])
    face_id = response["FaceRecords"][0]["Face"]["FaceId"]
    calls["DeleteFaces, 1 face"] = bill_of(deployment.usage("DeleteFaces", FaceIds=[face_id])[0])
    return calls


def million_gets(growth: Growth) -> int:
    """Return the number of ranged reads that open a million faces in full segments."""
    return ceil(growth.blob_bytes * MILLION / SEGMENT_BYTES) * ceil(SEGMENT_BYTES / PART_BYTES)


def function_usd(call: str) -> float:
    """Return the costs of gateway, router and function for one call, in USD."""
    name = call.partition(",")[0]
    seconds = FUNCTION_S.get(f"{name}, cold" if "cold" in call else name, OTHER_S)
    gb_s = seconds * (FUNCTION_GB.get(name, OTHER_GB) + ROUTER_GB)
    return gb_s * LAMBDA_GB_SECOND_USD + 2 * LAMBDA_REQUEST_USD + GATEWAY_REQUEST_USD


def print_calls(calls: Mapping[str, Bill], growth: Growth) -> None:
    print("| 1,000 calls | DynamoDB requests | write units | read units | S3 requests | store $ | Lambda, gateway $ |"
          " openrek $ | Rekognition $ |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    rows = {**calls, "Compaction of 1,000 commits": growth.upkeep}
    for call, bill in rows.items():
        times, functions = (1, 0.0) if bill is growth.upkeep else (1000, 1000 * function_usd(call))
        store = times * bill.usd
        theirs = REKOGNITION_USD_PER_1000.get(call.partition(",")[0], 0.0)
        counts = (bill.dynamo_requests, bill.write_units, bill.read_units, bill.s3_requests)
        cells = [f"{times * count:,.0f}" for count in counts]
        cells += [f"{usd:.4f}" for usd in (store, functions, store + functions)]
        print(f"| {call} | {' | '.join(cells)} | {theirs:.2f} |")


def print_storage(growth: Growth) -> None:
    items_gb, blobs_gb = growth.item_bytes * MILLION / GB, growth.blob_bytes * MILLION / GB
    table, backup, s3 = (
        items_gb * TABLE_GB_MONTH_USD,
        items_gb * BACKUP_GB_MONTH_USD,
        blobs_gb * S3_GB_MONTH_USD,
    )
    print(f"\nA million stored faces, a month: items {items_gb:.2f} GB ${table:.3f}, their backup ${backup:.3f}, "
          f"segments {blobs_gb:.2f} GB ${s3:.3f}: ${table + backup + s3:.2f} together. "
          f"Rekognition: ${REKOGNITION_FACE_MONTH_USD * MILLION:.2f}.")  # fmt: skip


def print_ceiling(aws: LocalAws) -> None:
    print("\n| faces in one commit | units on the head | units on the log | commits/s | faces/s |")
    print("|--:|--:|--:|--:|--:|")
    for count in (1, 10, 90):
        head, log = partition_units(aws, count)
        commits = PARTITION_WRITE_UNITS_PER_S / max(head, log)
        print(f"| {count} | {head} | {log} | {commits:,.0f} | {commits * count:,.0f} |")
    chain_s = 2 * READ_S + TRANSACTION_S
    print(
        f"\nThat is what DynamoDB takes from one collection: {PARTITION_WRITE_UNITS_PER_S:,} write units a second and "
        f"partition. Commits of a collection follow one another, though: with {READ_S * 1000:.0f} ms for each of two "
        f"reads and {TRANSACTION_S * 1000:.0f} ms for the transaction, expect about {1 / chain_s:.0f} a second."
    )


def partition_units(aws: LocalAws, faces: int) -> tuple[int, int]:
    """Return the write units of one commit of so many faces: on the head's partition, on the log's."""
    items, meter = aws.items(), Meter()
    meter.watch(items.client)
    people = new_collection(items)
    with meter.measured() as usage:
        StoredFaces(items).index(people, picture(0), slots(faces), Embedder(picture(0)))
    by_kind = {name.rpartition("/")[2]: units for name, units in usage.units_by_partition.items()}
    return by_kind["people"], by_kind["log"]


def main() -> None:
    with local_aws() as aws:
        growth = measured_growth(aws)
        print(f"Prices: {PRICES}. Lambda times and DynamoDB's answer times are assumptions (benchmarks/prices.py).\n")
        print_calls(measured_calls(aws, growth), growth)
        print_storage(growth)
        print_ceiling(aws)


if __name__ == "__main__":
    main()
