"""Names of operations: `search_faces_by_image` here is `SearchFacesByImage` on the wire."""

from collections.abc import Callable


def api_name(operation: Callable[..., object]) -> str:
    """Return the operation's name on the wire, from its function's name."""
    return "".join(word.capitalize() for word in operation.__name__.split("_"))
