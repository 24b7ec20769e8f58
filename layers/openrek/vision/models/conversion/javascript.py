"""Reads data out of JavaScript modules as bundlers write them: one literal, or one base64 text, after `exports=`.

Nothing is run. The literals are those that a minifier makes of JSON: names without quotes, `!0` and `!1` for the
booleans, numbers without a leading zero.
"""

import base64
import binascii
import json
import re

from openrek.vision.models.conversion.failure import ConversionError

_EXPORT = re.compile(r"exports\s*=\s*(?=[{\"'])")
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<mark>[{}\[\]:,])
    |(?P<text>"(?:[^"\\\n]|\\.)*")
    |(?P<boolean>![01]|true\b|false\b)
    |(?P<null>null\b)
    |(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<name>[A-Za-z_$][\w$]*)""",
    re.VERBOSE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_WORDS = {"!0": "true", "!1": "false"}


def exported_object(module: str) -> dict[str, object]:
    """Return the object literal that the module exports. Raises ConversionError."""
    start = _exported(module, "{")
    try:
        found = json.loads(_as_json(module, start))
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"The object that the JavaScript module exports cannot be read: {error}.") from error
    return dict(found)


def exported_bytes(module: str) -> bytes:
    """Return the bytes that the module exports as a base64 text. Raises ConversionError."""
    start = _exported(module, '"') + 1
    text = _BASE64.match(module, start)
    if text is None or module[text.end() : text.end() + 1] != '"':
        raise ConversionError("The text that the JavaScript module exports is not base64.")
    try:
        return base64.b64decode(text[0], validate=True)
    except binascii.Error as error:
        raise ConversionError(f"The text that the JavaScript module exports is not base64: {error}.") from error


def _exported(module: str, opening: str) -> int:
    """Return the offset of the one literal that follows `exports=`."""
    starts = [found.end() for found in _EXPORT.finditer(module) if module.startswith(opening, found.end())]
    if len(starts) != 1:
        raise ConversionError(f"The JavaScript module exports {len(starts)} literals that begin with {opening}.")
    return starts[0]


def _as_json(module: str, start: int) -> str:
    """Translate the literal from `start` to its closing bracket into JSON, token by token."""
    words: list[str] = []
    depth, at = 0, start
    while depth or not words:
        token = _TOKEN.match(module, at)
        if token is None:
            raise ConversionError(f"The JavaScript literal has {module[at : at + 10]!r}, which is not data.")
        at = token.end()
        words.append(_json_word(token.lastgroup or "", token[0]))
        depth += (token[0] in {"{", "["}) - (token[0] in {"}", "]"})
    return "".join(words)


def _json_word(kind: str, text: str) -> str:
    if kind == "name":
        return json.dumps(text)
    if kind == "number":
        return re.sub(r"\.(?=$|[eE])", ".0", re.sub(r"^(-?)\.", r"\g<1>0.", text))
    return _WORDS.get(text, text)
