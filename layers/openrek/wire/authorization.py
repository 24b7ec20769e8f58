"""Parser of the header `Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.

Texts are AWS's, in AWS's order, as the authors of dynalite and kinesalite measured them. Every part is bounded before
work is spent on it.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from openrek.domain.errors import IncompleteSignature, MissingAuthenticationToken
from openrek.wire.canonical import ALGORITHM, TERMINATOR

HEADER_CHARACTERS = 8192
SIGNED_HEADERS = 64
REGION = r"[a-z]{2,8}(?:-[a-z]{2,20}){1,3}-[0-9]{1,2}"
HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}")
QUOTED_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Authorization:
    """The client's claim, not yet proved. `signed_headers` are sorted, lower-case and each there once."""

    key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def parse_authorization(header: str, *, dated: bool) -> Authorization:
    """Parse the header; `dated` says that x-amz-date was sent.

    Raises MissingAuthenticationToken or IncompleteSignature.
    """
    if len(header) > HEADER_CHARACTERS:
        raise IncompleteSignature(
            "Authorization header is too long", reason=f"At most {HEADER_CHARACTERS} characters are read."
        )
    algorithm, _, rest = header.strip().partition(" ")
    if not algorithm.startswith("AWS4-"):
        raise MissingAuthenticationToken(reason=f"The Authorization header is not {ALGORITHM}.")
    parts = _parts(rest, header)
    _require_parts(parts, dated, header)
    if algorithm != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{algorithm[:QUOTED_CHARACTERS]}'.")
    elements = parts["Credential"].split("/")
    if len(elements) != 5:
        raise IncompleteSignature(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{parts['Credential'][:QUOTED_CHARACTERS]}'"
        )
    key_id, date, region, service, terminator = elements
    names = _names(parts["SignedHeaders"])
    return Authorization(key_id, date, region, service, terminator, names, parts["Signature"])


def _parts(text: str, header: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in filter(None, map(str.strip, text.split(","))):
        name, equals, value = piece.partition("=")
        if not equals:
            raise IncompleteSignature(
                "Invalid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{_hashed(header)}'."
            )
        if name in parts:
            raise IncompleteSignature(f"Authorization header has more than one '{name[:QUOTED_CHARACTERS]}' parameter.")
        parts[name] = value
    return parts


def _require_parts(parts: dict[str, str], dated: bool, header: str) -> None:
    lacking = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if not dated:
        lacking.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if lacking:
        hashed = f"(Hashed with SHA-256 and encoded with Base64) Authorization={_hashed(header)}"
        raise IncompleteSignature(" ".join((*lacking, hashed)), reason=" ".join(lacking))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    if len(names) > SIGNED_HEADERS:
        raise IncompleteSignature(
            "Authorization header has too many 'SignedHeaders'", reason=f"At most {SIGNED_HEADERS} may be signed."
        )
    if list(names) != sorted(set(names)) or not all(map(HEADER_NAME.fullmatch, names)):
        raise IncompleteSignature(
            "Authorization header has malformed 'SignedHeaders'",
            reason="SignedHeaders must be lower-case header names, sorted, each there once, with ; between them.",
        )
    return names


def _hashed(header: str) -> str:
    """Return the header's hash as AWS shows it, so that whoever sees the error does not see the header."""
    return base64.b64encode(hashlib.sha256(header.encode(errors="replace")).digest()).decode()
