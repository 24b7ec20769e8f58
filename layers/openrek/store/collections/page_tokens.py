"""NextTokens: the start of the next page, signed with a secret that all processes of one deployment share."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from typing import Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import InvalidPaginationToken
from openrek.store.items.port import ABSENT, Item, Items, Put
from openrek.store.items.retries import refusal_of, send
from openrek.store.log.keys import deployment_key

MAC_BYTES: Final = 16
SECRET_KEY: Final = deployment_key("page-token-secret")


class SealedPageTokens:
    """NextTokens that nobody can forge.

    Token = base64url(HMAC-SHA256(secret, place 0x00 cursor)[:16] + cursor): 194 characters at most for a cursor of 129,
    the longest there is (that of an over-long collection id).
    """

    def __init__(self, items: Items, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._items = items
        self._clock = clock
        self._lock = threading.Lock()
        self._secret: bytes | None = None

    def seal(self, place: str, cursor: str) -> str:
        return base64.urlsafe_b64encode(self._mac(place, cursor.encode()) + cursor.encode()).rstrip(b"=").decode()

    def open(self, place: str, token: str) -> str:
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
            mac, cursor = raw[:MAC_BYTES], raw[MAC_BYTES:]
            genuine = hmac.compare_digest(mac, self._mac(place, cursor))
            if genuine and token == self.seal(place, cursor.decode()):
                return cursor.decode()
        except (UnicodeError, binascii.Error):
            pass
        raise InvalidPaginationToken(reason="The NextToken is not one that this call, on this collection, gave.")

    def _mac(self, place: str, cursor: bytes) -> bytes:
        return hmac.digest(self._shared_secret(), place.encode() + b"\0" + cursor, hashlib.sha256)[:MAC_BYTES]

    def _shared_secret(self) -> bytes:
        with self._lock:
            if self._secret is None:
                found = self._items.get(SECRET_KEY) or self._first_secret()
                self._secret = found.attributes["secret"]
            return self._secret

    def _first_secret(self) -> Item:
        """Return the item with the deployment's secret, written by this process or by another that was faster."""
        sent = send(
            self._items, [Put(SECRET_KEY, {"secret": secrets.token_bytes(32)}, expect=ABSENT)], clock=self._clock
        )
        found = self._items.get(SECRET_KEY)
        if found is None:
            raise refusal_of(sent)
        return found
