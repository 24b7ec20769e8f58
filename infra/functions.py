"""Which functions are deployed, what each one gets, and what it may do: one row per function."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

OPERATION_TIMEOUT_S: Final = 27
"""API Gateway waits 29 s. The router stands between them and has to outlive what it calls."""
ROUTER_TIMEOUT_S: Final = 29
UPKEEP_TIMEOUT_S: Final = 900

SHARED: Final = ("code", "aws")
"""The layers of every function: openrek itself, and what it needs to talk to DynamoDB."""
SEARCH: Final = ("numeric",)
VISION: Final = ("numeric", "vision")

WEIGHTS: Final = {"detector": ("yunet",), "faces": ("sface", "yunet")}
"""Layers of model files by their names in the manifest. A function has one of these at most: it may have five layers."""


class Grant(Enum):
    """What a function may do besides reading the items and the access keys. `grants.py` says it in IAM's words."""

    SEAL_TOKENS = auto()
    """Store the secret of page tokens, at its first use."""
    WRITE_ITEMS = auto()
    DELETE_ITEMS = auto()
    CHECK_ITEMS = auto()
    READ_BLOBS = auto()
    KEEP_BLOBS = auto()
    """Read, write, list and delete blobs."""
    READ_IMAGES = auto()
    """Read the objects of the image buckets."""
    ASK_UPKEEP = auto()
    """Start the upkeep function and not wait for it."""
    ROUTE = auto()
    """Start the operations' functions."""


@dataclass(frozen=True, slots=True)
class Function:
    """`name` is the operation's API name; `layers` come on top of the shared ones; `weights` is a key of WEIGHTS."""

    name: str
    memory_mb: int
    grants: tuple[Grant, ...]
    layers: tuple[str, ...] = ()
    weights: str | None = None
    timeout_s: int = OPERATION_TIMEOUT_S

    @property
    def folder(self) -> str:
        """`SearchFacesByImage` -> `search_faces_by_image`, the folder of its handler in `lambdas`."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.name).lstrip("_")

    @property
    def all_layers(self) -> tuple[str, ...]:
        return (*SHARED, *self.layers, *([weights_layer(self.weights)] if self.weights else []))


def weights_layer(name: str) -> str:
    return f"weights-{name}"


_WRITES = (Grant.WRITE_ITEMS, Grant.CHECK_ITEMS, Grant.DELETE_ITEMS, Grant.ASK_UPKEEP)
_PAGES = (Grant.SEAL_TOKENS,)
_SEARCHES = (Grant.READ_BLOBS,)
_LIGHT_MB, _SEARCH_MB, _VISION_MB = 512, 3008, 3008

OPERATIONS: Final = (
    Function("AssociateFaces", _LIGHT_MB, _WRITES),
    Function("CompareFaces", _VISION_MB, (Grant.READ_IMAGES,), VISION, "faces"),
    Function("CreateCollection", _LIGHT_MB, (Grant.WRITE_ITEMS, Grant.CHECK_ITEMS)),
    Function("CreateUser", _LIGHT_MB, _WRITES),
    Function(
        "DeleteCollection", _LIGHT_MB, (Grant.WRITE_ITEMS, Grant.DELETE_ITEMS, Grant.CHECK_ITEMS, Grant.ASK_UPKEEP)
    ),
    Function("DeleteFaces", _LIGHT_MB, _WRITES),
    Function("DeleteUser", _LIGHT_MB, _WRITES),
    Function("DescribeCollection", _LIGHT_MB, ()),
    Function("DetectFaces", _VISION_MB, (Grant.READ_IMAGES,), VISION, "detector"),
    Function("DisassociateFaces", _LIGHT_MB, _WRITES),
    Function("ErasePerson", _LIGHT_MB, _WRITES),
    Function("IndexFaces", _VISION_MB, (*_WRITES, Grant.READ_IMAGES), VISION, "faces"),
    Function("ListCollections", _LIGHT_MB, _PAGES),
    Function("ListFaces", _LIGHT_MB, _PAGES),
    Function("ListTagsForResource", _LIGHT_MB, ()),
    Function("ListUsers", _LIGHT_MB, _PAGES),
    Function("SearchAllFacesByImage", _VISION_MB, (*_SEARCHES, Grant.READ_IMAGES), VISION, "faces"),
    Function("SearchFaces", _SEARCH_MB, _SEARCHES, SEARCH),
    Function("SearchFacesByImage", _VISION_MB, (*_SEARCHES, Grant.READ_IMAGES), VISION, "faces"),
    Function("SearchUsers", _SEARCH_MB, _SEARCHES, SEARCH),
    Function("SearchUsersByImage", _VISION_MB, (*_SEARCHES, Grant.READ_IMAGES), VISION, "faces"),
    Function("TagResource", _LIGHT_MB, _WRITES),
    Function("UntagResource", _LIGHT_MB, _WRITES),
)

ROUTER: Final = Function("Router", 256, (Grant.ROUTE,), timeout_s=ROUTER_TIMEOUT_S)
UPKEEP: Final = Function(
    "Upkeep",
    3008,
    (Grant.WRITE_ITEMS, Grant.DELETE_ITEMS, Grant.CHECK_ITEMS, Grant.KEEP_BLOBS),
    SEARCH,
    timeout_s=UPKEEP_TIMEOUT_S,
)
