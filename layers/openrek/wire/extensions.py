"""The operations that openrek adds to Rekognition's, described as the service model describes its own.

`extensions.json` holds `operations` and `shapes` in botocore's format and may use the model's shapes. A stock SDK that
reads the same model files learns these operations from `sdk_extras`.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

EXTENSIONS_FILE = Path(__file__).with_name("extensions.json")
EXTRAS_FILE: Final = Path("rekognition", "2016-06-27", "service-2.sdk-extras.json")
"""Below any folder where botocore looks for models: `~/.aws/models`, or one that AWS_DATA_PATH names."""


@lru_cache(maxsize=1)
def extensions() -> Mapping[str, Any]:
    """Return the contents of `extensions.json`."""
    loaded: dict[str, Any] = json.loads(EXTENSIONS_FILE.read_text("utf-8"))
    return loaded


def extended(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service description with openrek's operations added; where a name is taken, the service's own stays."""
    return {**service, **{part: {**added, **service[part]} for part, added in extensions().items()}}


def sdk_extras() -> str:
    """Return the JSON that botocore merges into its own model of the service."""
    return json.dumps({"version": 1.0, "merge": extensions()}, indent=1) + "\n"
