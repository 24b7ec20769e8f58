"""The arithmetic of AWS Signature Version 4: the canonical request, the string to sign and the signature.

No rules, no errors.

Source: AWS IAM user guide, "Create a signed AWS API request"; paths are normalised and percent-encoded once more, as
every service but S3 does. Times are `20150830T123600Z`, dates `20150830`.
"""

import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"


def canonical_request(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], payload_sha256: str
) -> str:
    """Return the canonical request.

    `path` and `query` are as on the request line; `headers` are the signed ones, sorted, with lower-case names.
    """
    signed = [(name, " ".join(value.split())) for name, value in headers]
    lines = "".join(f"{name}:{value}\n" for name, value in signed)
    names = ";".join(name for name, _ in signed)
    return "\n".join((method, canonical_path(path), canonical_query(query), lines, names, payload_sha256))


def canonical_path(path: str) -> str:
    """Remove `.`, `..` and empty segments, then encode: `/a%20b` becomes `/a%2520b`."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~", errors="replace")


def canonical_query(query: str) -> str:
    """Return the parameters encoded once and sorted."""
    pairs = (piece.partition("=") for piece in query.split("&") if piece)
    return "&".join(f"{name}={value}" for name, value in sorted((_encoded(n), _encoded(v)) for n, _, v in pairs))


def string_to_sign(time: str, scope: str, canonical: str) -> str:
    """Return the string to sign; `scope` is `date/region/service/aws4_request`."""
    return "\n".join((ALGORITHM, time, scope, sha256(canonical.encode(errors="replace"))))


def signature(secret: str, date: str, region: str, service: str, text: str) -> str:
    """Return the signature of a string to sign: 64 lower-case hex digits."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = _mac(key, part)
    return _mac(key, text).hex()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _encoded(part: str) -> str:
    return quote(unquote(part), safe="~", errors="replace")
