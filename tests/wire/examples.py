"""Requests made from the service model: the smallest valid one that has a given member, and any valid one."""

import base64
from typing import Any

from hypothesis import strategies as st

from openrek.wire.model import Model, Shape, service_model
from openrek.wire.patterns import matches

MODEL = service_model()

CANDIDATES = (
    "abc",
    "12345",
    "true",
    "1.0.0",
    "6c1e2a9e-7c6f-4f6e-9d7e-0a1b2c3d4e5f",
    "www.example.com",
    "arn:aws:iam::123456789012:role/name",
    "arn:aws:sns:us-east-1:123456789012:topic",
    "arn:aws:kinesis:us-east-1:123456789012:stream/a",
    "arn:aws:kinesisvideo:us-east-1:123456789012:stream/a/1",
    "arn:aws:rekognition:us-east-1:123456789012:project/p/1",
    "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/train/1",
    "arn:aws:rekognition:us-east-1:123456789012:project/p/version/v/1",
    "arn:aws:rekognition:us-east-1:123456789012:collection/c",
)
"""Between them they satisfy every pattern of the model."""


def text(shape: Shape) -> str:
    if shape.enum:
        return shape.enum[0]
    low, high = shape.minimum or 0, shape.maximum or 10**6
    fits = (each for each in CANDIDATES if low <= len(each) <= high and matches(shape.pattern or ".*", each))
    return next(fits)


def smallest(model: Model, name: str) -> Any:
    """Return the value as JSON: blobs as base64."""
    shape = model.shapes[name]
    if shape.kind == "structure":
        return {member: smallest(model, shape.members[member]) for member in shape.required}
    if shape.kind == "list":
        return [smallest(model, shape.member)] * int(shape.minimum or 0)
    if shape.kind == "map":
        return {}
    if shape.kind == "string":
        return text(shape)
    if shape.kind == "blob":
        return base64.b64encode(b"x" * int(shape.minimum or 0)).decode()
    return False if shape.kind == "boolean" else int(shape.minimum or 0)


def valid(name: str) -> st.SearchStrategy[Any]:
    """Return a strategy for any valid value of a shape, in the types that boto3 takes: blobs as bytes."""
    shape = MODEL.shapes[name]
    low = shape.minimum if shape.minimum is not None else 0
    if shape.kind == "structure":
        required = {member: valid(shape.members[member]) for member in shape.required}
        optional = {member: valid(part) for member, part in shape.members.items() if member not in shape.required}
        return st.fixed_dictionaries(required, optional=optional)
    if shape.kind == "list":
        most = min(int(low) + 2, shape.maximum if shape.maximum is not None else 3)
        return st.lists(valid(shape.member), min_size=int(low), max_size=int(most))
    if shape.kind == "map":
        return st.dictionaries(valid(shape.key), valid(shape.value), max_size=3)
    if shape.kind == "string":
        return texts(shape)
    if shape.kind == "blob":
        return st.binary(min_size=int(low), max_size=32)
    if shape.kind == "boolean":
        return st.booleans()
    high = shape.maximum if shape.maximum is not None else 2**20
    if shape.kind in ("integer", "long"):
        return st.integers(int(low), int(high))
    return st.floats(low, high, width=32)


def texts(shape: Shape) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    if shape.pattern is None:
        return st.text(
            st.characters(codec="utf-8"), min_size=int(shape.minimum or 0), max_size=int(min(shape.maximum or 50, 50))
        )
    example = text(shape)
    most = shape.maximum or 2048
    longer = st.text(st.sampled_from("abz019_-.: "), max_size=20).map(lambda end: example + end)
    return st.just(example) | longer.filter(lambda each: len(each) <= most and matches(shape.pattern or "", each))
