"""Generator of docs/COVERAGE.md from the service model, the operations and their notes; `--check` only compares."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from openrek.domain.users import MOST_FACES_OF_USER
from openrek.operations.registry import NOT_OFFERED, OPERATIONS
from openrek.operations.translation.matching import MOST_FACES_IN_PHOTO
from openrek.runtime.buckets.object_size import MAX_OBJECT_BYTES
from openrek.store.faces.faces import MAX_FACES
from openrek.store.users.users import MAX_USERS
from openrek.vision.images.decode import MOST_INTERLACED_PX, MOST_PNG_BYTES, MOST_PX, SMALLEST_SIDE_PX
from openrek.wire.extensions import extensions
from openrek.wire.limits import MIB, max_body_bytes
from openrek.wire.model import Shape, service_model

PAGE = Path(__file__).with_name("COVERAGE.md")
REFUSED = "`ValidationException`"
LimitRow = tuple[str, str, str]
"""What is limited, the limit, and the refusal beyond it."""


def _mib(operation: str) -> str:
    return f"{max_body_bytes(service_model(), operation) / MIB:g}"


EVERYWHERE = f"""
## Every operation

- `POST /` with `X-Amz-Target: RekognitionService.<Operation>`, or `POST /<Operation>`; the content type is
  `application/x-amz-json-1.1` (1.0 is taken too, any other is refused).
- A body with an image may have {_mib("DetectFaces")} MiB, that of CompareFaces {_mib("CompareFaces")} MiB; a larger one
  is an `ImageTooLargeException`. One without may have {_mib("ListFaces")} MiB; else it is a `SerializationException`.
- Requests are checked against the service model: types (`SerializationException`), then required members, lengths,
  ranges, patterns and enums (`ValidationException` in AWS's words, at most ten of them; quoted values are cut after
  1024 characters).
- As on AWS, `null` is the same as absent, a fraction given for an integer is cut off, and a member that the model does
  not know is ignored; the header `x-openrek-reason` then names it.
- A search by a photo of a young child says so in `x-openrek-reason`: the matches are less sure.
- Every refusal carries one plain sentence in `x-openrek-reason` and an `x-amzn-RequestId`, as every answer to an
  operation has. Not so what never becomes a request: bytes that are not HTTP/1.1 (400), and connections beyond the
  limit (503).
- A malformed body has a text in its `SerializationException`, where AWS sends none.
- An image is either `Bytes` or an `S3Object` with both `Bucket` and `Name`; anything else is an
  `InvalidParameterException`. A NextToken has at most 255 characters, and is good for the operation, the collection and
  the filter that it came from.
- ARNs have the region that the request was signed for.
"""


def _member(operation: str, *path: str) -> Shape:
    """Return a member of an operation's request, by its path; an empty name is the element of a list or the value of a
    map.
    """
    model = service_model()
    shape = model.shapes[model.operations[operation]]
    for name in path:
        shape = model.shapes[shape.members[name] if name else shape.member or shape.value]
    return shape


def _most(operation: str, *path: str) -> str:
    return f"{_member(operation, *path).maximum:,}"


def _photo_limits() -> tuple[LimitRow, ...]:
    """Return the rows of requests and their photos, from the constants that the code checks and the service model."""
    return (
        ("inline image", f"{_member('DetectFaces', 'Image', 'Bytes').maximum / MIB:g} MiB", REFUSED),
        ("`S3Object`", f"{MAX_OBJECT_BYTES / MIB:g} MiB", "`ImageTooLargeException`"),
        (
            "request body",
            "{} MiB with an image, {} with two (CompareFaces), {} without".format(
                *map(_mib, ("DetectFaces", "CompareFaces", "ListFaces"))
            ),
            "`ImageTooLargeException`; without an image `SerializationException`",
        ),
        ("a photo", f"{MOST_PX // 1_000_000} megapixels; its sides as long as may be", "`ImageTooLargeException`"),
        ("shorter side of a photo, at least", f"{SMALLEST_SIDE_PX} px", "`InvalidParameterException`"),
        (
            "a PNG; an interlaced one",
            f"{MOST_PNG_BYTES // 1_000_000} MB unpacked; {MOST_INTERLACED_PX // 1_000_000} megapixels",
            "`ImageTooLargeException`",
        ),
        ("faces of a photo", f"{MOST_FACES_IN_PHOTO}", "the smallest are left out"),
    )


def _collection_limits() -> tuple[LimitRow, ...]:
    """Return the rows of collections, what they hold and what is asked of them, from the same."""
    most, refused, quota = _most, REFUSED, "`ServiceQuotaExceededException`"
    tag = _member("TagResource", "Tags")
    key, value = (f"{service_model().shapes[name].maximum}" for name in (tag.key, tag.value))
    return (
        ("faces of a collection", f"{MAX_FACES:,}", quota),
        ("users of a collection", f"{MAX_USERS:,}", quota),
        ("faces of a user", f"{MOST_FACES_OF_USER}", "left out of AssociateFaces, without Reasons"),
        ("tags of a collection", most("TagResource", "Tags"), quota),
        ("key and value of a tag", f"{key} and {value} characters", refused),
        ("CollectionId and ExternalImageId", f"{most('CreateCollection', 'CollectionId')} characters", refused),
        ("UserId", f"{most('CreateUser', 'UserId')} characters", refused),
        ("ClientRequestToken", f"{most('CreateUser', 'ClientRequestToken')} characters; kept for 24 hours", refused),
        ("matches of a search for faces", most("SearchFaces", "MaxFaces"), refused),
        ("matches of a search for users", most("SearchUsers", "MaxUsers"), refused),
        ("matches a face of SearchAllFacesByImage", most("SearchAllFacesByImage", "MaxFaces"), refused),
        ("page of faces or collections", most("ListFaces", "MaxResults"), refused),
        ("page of users", most("ListUsers", "MaxResults"), refused),
        ("FaceIds of DeleteFaces or a ListFaces filter", most("DeleteFaces", "FaceIds"), refused),
        ("FaceIds of AssociateFaces or DisassociateFaces", most("AssociateFaces", "FaceIds"), refused),
    )


def limits() -> str:
    """Return the limits as Markdown."""
    lines = [
        "",
        "## Limits",
        "",
        "There is none on the number of collections. [ARCHITECTURE.md](ARCHITECTURE.md) has the bounds of the local",
        "server, and of Lambda, which takes smaller requests.",
        "",
        "| what | most | beyond it |",
        "|---|---|---|",
        *(f"| {what} | {limit} | {beyond} |" for what, limit, beyond in (*_photo_limits(), *_collection_limits())),
    ]
    return "\n".join(lines) + "\n"


def page(
    operations: Iterable[str],
    offered: Iterable[str],
    notes: Mapping[str, str],
    missing: Mapping[str, str],
    added: Iterable[str] = (),
) -> str:
    """Return the page as Markdown; `added` are openrek's own operations.

    Raises KeyError for an operation that is neither offered nor explained.
    """
    names = sorted(operations)
    there = set(offered)
    lines = [
        "# Coverage",
        "",
        "Made from the code by `python docs/generate_coverage.py`; do not edit.",
        "",
        f"Of the {len(names)} operations in Rekognition's service model, {len(there & set(names))} are offered.",
        "Any other is answered with `UnknownOperationException` and the reason.",
        "",
        "| operation | offered | notes |",
        "|---|---|---|",
        *(f"| {name} | {'yes' if name in there else 'no'} | {_note(name, there, notes, missing)} |" for name in names),
        "",
        "## Beyond Rekognition",
        "",
        "Operations of openrek's own, on the same wire and checked in the same way. [EXTENSIONS.md](EXTENSIONS.md)",
        "says how boto3 and the AWS CLI call them.",
        "",
        "| operation | notes |",
        "|---|---|",
        *(f"| {name} | {notes[name]} |" for name in sorted(added)),
    ]
    return "\n".join(lines) + "\n" + EVERYWHERE + limits()


def _note(name: str, offered: set[str], notes: Mapping[str, str], missing: Mapping[str, str]) -> str:
    return notes[name] if name in offered else missing[name]


def current() -> str:
    missing = {name: why for why, names in NOT_OFFERED.items() for name in names}
    added = extensions()["operations"]
    notes = {name: row.note for name, row in OPERATIONS.items()}
    return page(service_model().operations.keys() - added.keys(), OPERATIONS, notes, missing, added)


def main(arguments: list[str]) -> int:
    text = current()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    print("docs/COVERAGE.md is not what the code says: run python docs/generate_coverage.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
