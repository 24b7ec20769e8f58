"""The functions to deploy, their settings and their permissions: one row per function."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from infra.weights import weights_layer

OPERATION_TIMEOUT_S: Final = 27
"""The router, which API Gateway waits for, has to outlive what it calls."""
ROUTER_TIMEOUT_S: Final = 29
UPKEEP_TIMEOUT_S: Final = 900

SHARED: Final = ("code", "aws")
"""The layers of every function: openrek itself, and what it needs to talk to DynamoDB."""


class Grant(Enum):
    """A permission of a function. `grants.py` says it in IAM's words."""

    READ_ITEMS = auto()
    PUT_ITEMS = auto()
    DELETE_ITEMS = auto()
    CHECK_ITEMS = auto()
    """Let a transaction depend on an item that it does not write."""
    SEAL_TOKENS = auto()
    """Store the secret of page tokens, at its first use."""
    READ_BLOBS = auto()
    KEEP_BLOBS = auto()
    """Read, write, list and delete blobs."""
    READ_LABELS = auto()
    """Read the labels that the owner taught."""
    READ_IMAGES = auto()
    """Read the objects of the image buckets."""
    READ_KEYS = auto()
    """Read the access keys that callers sign with."""
    ASK_UPKEEP = auto()
    """Start the upkeep function and not wait for it."""
    ROUTE = auto()
    """Start the operations' functions."""


@dataclass(frozen=True, slots=True)
class Function:
    """`name` is the operation's API name; `layers` come on top of the shared ones; `weights` is a key of
    `weights.WEIGHTS`.
    """

    name: str
    memory_mb: int
    grants: tuple[Grant, ...]
    layers: tuple[str, ...] = ()
    weights: str | None = None
    timeout_s: int = OPERATION_TIMEOUT_S

    @property
    def folder(self) -> str:
        """Return the folder of its handler in `lambdas`: `SearchFacesByImage` -> `search_faces_by_image`."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.name).lstrip("_")

    @property
    def all_layers(self) -> tuple[str, ...]:
        return (*SHARED, *self.layers, *([weights_layer(self.weights)] if self.weights else []))


_LOOKS = (Grant.READ_KEYS, Grant.READ_ITEMS)
_PAGES = (*_LOOKS, Grant.SEAL_TOKENS)
_SEARCHES = (*_LOOKS, Grant.READ_BLOBS)
_CHANGES = (*_LOOKS, Grant.PUT_ITEMS, Grant.CHECK_ITEMS)
_REGROUPS = (*_LOOKS, Grant.PUT_ITEMS, Grant.ASK_UPKEEP)
_REMOVES = (*_REGROUPS, Grant.DELETE_ITEMS)
_WRITES = (*_CHANGES, Grant.DELETE_ITEMS, Grant.ASK_UPKEEP)
_LIGHT_MB, _SEARCH_MB, _VISION_MB = 512, 3008, 3008


def _light(name: str, grants: tuple[Grant, ...]) -> Function:
    return Function(name, _LIGHT_MB, grants)


def _searching(name: str) -> Function:
    return Function(name, _SEARCH_MB, _SEARCHES, ("numeric",))


def _seeing(name: str, grants: tuple[Grant, ...], weights: str = "faces") -> Function:
    return Function(name, _VISION_MB, (*grants, Grant.READ_IMAGES), ("numeric", "vision"), weights)


OPERATIONS: Final = (
    _light("AssociateFaces", _REGROUPS),
    _seeing("CompareFaces", (Grant.READ_KEYS,)),
    _light("CreateCollection", (*_LOOKS, Grant.PUT_ITEMS)),
    _light("CreateUser", _REGROUPS),
    _light("DeleteCollection", (*_LOOKS, Grant.DELETE_ITEMS)),
    _light("DeleteFaces", _REMOVES),
    _light("DeleteUser", _REMOVES),
    _light("DescribeCollection", _LOOKS),
    _seeing("DetectFaces", (Grant.READ_KEYS,), "attributes"),
    _seeing("DetectLabels", (Grant.READ_KEYS, Grant.READ_LABELS), "labels"),
    _seeing("DetectModerationLabels", (Grant.READ_KEYS,), "moderation"),
    _seeing("DetectProtectiveEquipment", (Grant.READ_KEYS,), "equipment"),
    _light("DisassociateFaces", _REGROUPS),
    _light("ErasePerson", _REMOVES),
    _light("GetCelebrityInfo", _LOOKS),
    _seeing("IndexFaces", _WRITES, "faces-attributes"),
    _light("ListCollections", _PAGES),
    _light("ListFaces", _PAGES),
    _light("ListTagsForResource", _LOOKS),
    _light("ListUsers", _PAGES),
    _light("PutCelebrityInfo", _REGROUPS),
    _seeing("RecognizeCelebrities", _SEARCHES, "faces-attributes"),
    _seeing("SearchAllFacesByImage", _SEARCHES, "faces-attributes"),
    _searching("SearchFaces"),
    _seeing("SearchFacesByImage", _SEARCHES),
    _searching("SearchUsers"),
    _seeing("SearchUsersByImage", _SEARCHES),
    _light("TagResource", _CHANGES),
    _light("UntagResource", _CHANGES),
)

OF_CELEBRITIES: Final = ("GetCelebrityInfo", "RecognizeCelebrities")
"""Functions whose collection is a setting."""

ROUTER: Final = Function("Router", 256, (Grant.ROUTE,), timeout_s=ROUTER_TIMEOUT_S)
UPKEEP: Final = Function(
    "Upkeep",
    _SEARCH_MB,
    (Grant.READ_ITEMS, Grant.PUT_ITEMS, Grant.DELETE_ITEMS, Grant.KEEP_BLOBS),
    ("numeric",),
    timeout_s=UPKEEP_TIMEOUT_S,
)
