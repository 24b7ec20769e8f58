"""The service model's constraints on one value, and the constraints that a value breaks, in AWS's words."""

from collections.abc import Iterator
from typing import Any

from openrek.wire.model import Shape
from openrek.wire.patterns import matches

MEASURED_KINDS = frozenset({"string", "blob", "list", "map"})


def demands(shape: Shape) -> Iterator[str]:
    """Yield the endings of all error texts that a value of this shape can get."""
    measure = "length" if shape.kind in MEASURED_KINDS else "value"
    if shape.maximum is not None:
        yield f"Member must have {measure} less than or equal to {shape.maximum}"
    if shape.minimum is not None:
        yield f"Member must have {measure} greater than or equal to {shape.minimum}"
    if shape.pattern is not None:
        yield f"Member must satisfy regular expression pattern: {shape.pattern}"
    if shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def broken(shape: Shape, value: Any) -> Iterator[str]:
    """Yield the ending of the error text for each constraint that `value` breaks.

    Lengths are in code points, bytes or elements.
    """
    size = len(value) if shape.kind in MEASURED_KINDS else value
    measure = "length" if shape.kind in MEASURED_KINDS else "value"
    too_large = shape.maximum is not None and size > shape.maximum
    if too_large:
        yield f"Member must have {measure} less than or equal to {shape.maximum}"
    if shape.minimum is not None and size < shape.minimum:
        yield f"Member must have {measure} greater than or equal to {shape.minimum}"
    # A value that is too long is not matched: the time that a pattern takes stays bounded.
    if shape.pattern is not None and not too_large and not matches(shape.pattern, value):
        yield f"Member must satisfy regular expression pattern: {shape.pattern}"
    if shape.enum and value not in shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def length_broken(shape: Shape, value: Any) -> bool:
    """Return True if `value` is longer than its shape allows."""
    return shape.maximum is not None and len(value) > shape.maximum
