"""A world that calls operations with plain ports; every result is checked against the service model's output shape."""

import math
from typing import Any

from botocore.model import Shape

from openrek.domain.caller import Caller
from openrek.operations.registry import OPERATIONS
from openrek.runtime.parts.adapters import needs
from tests.operations.fakes.collections import DictCollections, DictTags, PlainTokens
from tests.operations.fakes.faces import ListedFaces
from tests.operations.fakes.photos import DictBuckets, NamingReader
from tests.operations.fakes.pictures import NamingPictures
from tests.operations.fakes.users import ListedErasure, ListedUsers
from tests.support.extended import SERVICE


class World:
    """`do("SearchFaces", CollectionId=...)` calls the operation with these ports."""

    def __init__(self) -> None:
        self.collections = DictCollections()
        self.faces = self.search = ListedFaces()
        self.users = ListedUsers(self.faces)
        self.erasure = ListedErasure(self.faces)
        self.tags = DictTags(self.collections)
        self.reader = NamingReader()
        self.pictures = NamingPictures(self.reader)
        self.buckets = DictBuckets()
        self.tokens = PlainTokens()
        self.caller = Caller(region="eu-west-1", account="123456789012")

    def do(self, name: str, **request: Any) -> dict[str, Any]:
        operation = OPERATIONS[name].function()
        response = operation(request, **{need: getattr(self, need) for need in needs(operation)})
        assert_fits(SERVICE.operation_model(name).output_shape, response, name)
        return response

    def index(self, words: str, collection: str = "staff", **more: Any) -> list[str]:
        """The FaceIds of the people in a photo."""
        done = self.do("IndexFaces", CollectionId=collection, Image={"Bytes": words.encode()}, **more)
        return [record["Face"]["FaceId"] for record in done["FaceRecords"]]


def assert_fits(shape: Shape, value: Any, path: str) -> None:
    """All that is sent is in the service model, with the right type; nothing is null."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        assert value.keys() <= shape.members.keys(), (path, value.keys() - shape.members.keys())
        for name, part in value.items():
            assert_fits(shape.members[name], part, f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), path
        for item in value:
            assert_fits(shape.member, item, f"{path}[]")
    elif shape.type_name == "map":
        assert isinstance(value, dict), path
        for key, item in value.items():
            assert_fits(shape.key, key, f"{path}.keys")
            assert_fits(shape.value, item, f"{path}.{key}")
    elif shape.type_name == "string":
        assert isinstance(value, str), path
        assert not shape.enum or value in shape.enum, (path, value)
    elif shape.type_name in ("integer", "long"):
        assert type(value) is int, path
    else:
        assert shape.type_name in ("float", "timestamp"), (path, shape.type_name)
        assert isinstance(value, float), path
        assert math.isfinite(value), path
