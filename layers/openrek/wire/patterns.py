r"""The service model's patterns are Java's: a whole value must match, and classes are ASCII unless they say \p{...}.

Python differs in three ways that matter here: `.` stops at a newline only, `\d` knows every script, and there is no
`\p{...}`. The first is rewritten, the second is a flag. For the third, each character of the value is replaced by an
ASCII one of the same category before it is matched.
"""

import re
import unicodedata
from functools import lru_cache

ANY_CHARACTER = "[^\n\r\u0085\u2028\u2029]"
CATEGORIES = {r"\p{L}": "A-Za-z", r"\p{Z}": " ", r"\p{N}": "0-9"}
STAND_INS = {"L": "a", "Z": " ", "N": "0"}
TOKEN = re.compile(r"\\p\{[A-Z]\}|\\.|[\[\].]", re.DOTALL)


def matches(pattern: str, value: str) -> bool:
    """Return True if the whole of `value` matches the Java pattern."""
    compiled, by_category = _compiled(pattern)
    return compiled.fullmatch(_stand_ins(value) if by_category else value) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str], bool]:
    inside = False

    def translated(found: re.Match[str]) -> str:
        nonlocal inside
        piece = found[0]
        if piece in CATEGORIES:
            return CATEGORIES[piece] if inside else f"[{CATEGORIES[piece]}]"
        if piece == "[":
            inside = True
        elif piece == "]":
            inside = False
        elif piece == "." and not inside:
            return ANY_CHARACTER
        return piece

    return re.compile(TOKEN.sub(translated, pattern), re.ASCII), r"\p{" in pattern


def _stand_ins(value: str) -> str:
    return "".join(
        character if character.isascii() else STAND_INS.get(unicodedata.category(character)[0], "\0")
        for character in value
    )
