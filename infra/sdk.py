"""botocore in the layer `aws`: with what openrek calls, and without the rest.

Lambda brings botocore too, but of a version that nobody here chose, and with 25 MB of descriptions: a client is made in
half the time where those of 400 other services, and the texts of the manual in each, need not be read.
"""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("dynamodb", "lambda", "s3", "ssm", "sts")


def trim_sdk(packages: Path) -> None:
    """Remove descriptions of other services, and texts for people, from botocore below `packages`."""
    data = packages / "botocore" / "data"
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in SERVICES:
            shutil.rmtree(folder)
    for file in data.rglob("examples-*.json*"):
        file.unlink()
    for packed in data.rglob("service-*.json.gz"):
        _write(packed.with_suffix(""), _without_texts(json.loads(gzip.decompress(packed.read_bytes()))))
        packed.unlink()
    endpoints = data / "endpoints.json"
    table = json.loads(endpoints.read_bytes())
    for partition in table["partitions"]:
        partition["services"] = {name: at for name, at in partition["services"].items() if name in SERVICES}
    _write(endpoints, table)


def _without_texts(described: Any) -> Any:
    """Return the description with empty texts: botocore looks for some of them.

    A shape may have a member of this name.
    """
    if isinstance(described, list):
        return [_without_texts(inner) for inner in described]
    if not isinstance(described, dict):
        return described
    return {
        name: "" if name == "documentation" and isinstance(inner, str) else _without_texts(inner)
        for name, inner in described.items()
    }


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, separators=(",", ":")), "utf-8")
