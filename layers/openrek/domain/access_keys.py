"""Access keys: what openrek issues and AWS SDKs sign with.

An id looks like AWS's own (16 to 128 capital letters and digits), so that every SDK takes it. It is random: nobody
guesses one, and an id of another form is unknown without being looked up. A key that is revoked is gone from its store.
"""

import re
import secrets
from dataclasses import dataclass, field

from openrek.domain.permissions import Permissions

KEY_ID = re.compile(r"OREK[A-Z2-7]{16}")
SECRET = re.compile(r"[A-Za-z0-9_-]{40}")
NOTE_CHARACTERS = 100
LAST_S = 253_402_300_800
"""The year 10000: what comes later has no date."""
ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key. Times are epoch seconds; without `expires_s` it is valid until it is revoked. `repr` hides the
    secret."""

    key_id: str
    secret: str = field(repr=False)
    permissions: Permissions
    created_s: float
    expires_s: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Check the form of each field. Raises ValueError, whose text never holds the secret."""
        if not KEY_ID.fullmatch(self.key_id):
            raise ValueError("The id of an access key is OREK and 16 of A-Z, 2-7.")
        if not SECRET.fullmatch(self.secret):
            raise ValueError(f"The secret of access key {self.key_id} has not the right form.")
        if not all(0 <= each < LAST_S for each in (self.created_s, self.expires_s or 0.0)):  # not a number is neither
            raise ValueError(f"Access key {self.key_id} has a time that is none, or lies before 1970 or after 9999.")
        if len(self.note) > NOTE_CHARACTERS or not self.note.isprintable():
            raise ValueError(f"A note is one line of at most {NOTE_CHARACTERS} characters.")

    def expired(self, now_s: float) -> bool:
        return self.expires_s is not None and now_s >= self.expires_s


def new_access_key(
    permissions: Permissions, *, now_s: float, expires_s: float | None = None, note: str = ""
) -> AccessKey:
    """Return a key that nobody has had before: 80 random bits of id, 240 of secret.

    Raises ValueError for a bad note.
    """
    key_id = "OREK" + "".join(secrets.choice(ID_ALPHABET) for _ in range(16))
    return AccessKey(key_id, secrets.token_urlsafe(30), permissions, now_s, expires_s, note)
