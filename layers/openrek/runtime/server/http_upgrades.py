"""Offers to go on in another protocol are ignored, as HTTP allows (RFC 9110, 7.8): the request is answered as it is.

curl (`--http2`) and Java's HttpClient offer HTTP/2 so, with a body behind it. httptools takes whatever follows the head
of such a request for the other protocol. So the head is put before it once more, without the offer.
"""

from array import array
from typing import Protocol

import httptools


class Offered(Protocol):
    """The connection, as it knows the request that httptools has just read."""

    url: bytes
    headers: list[tuple[bytes, bytes]]


class UpgradelessParser(httptools.HttpRequestParser):
    """httptools' parser. A connection that sees `offers_upgrade` does nothing: the same request comes again."""

    def __init__(self, connection: Offered) -> None:
        self._connection = connection
        self._begin()

    @property
    def offers_upgrade(self) -> bool:
        """Return True while callbacks run for a request that offers an upgrade.

        CONNECT is no offer: nothing remains of it without the upgrade.
        """
        return self.should_upgrade() and self.get_method() != b"CONNECT"

    def feed_data(self, data: "bytes | bytearray | memoryview | array[int]") -> None:
        rest = memoryview(data)
        while True:
            try:
                super().feed_data(rest)
                return
            except httptools.HttpParserUpgrade as offer:
                if not self.offers_upgrade:
                    raise
                head, rest = self._head(), rest[offer.args[0] :]
                self._begin()
                super().feed_data(head)

    def _begin(self) -> None:
        """Forget what was read, and that it may have been the connection's last request."""
        super().__init__(self._connection)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def _head(self) -> bytes:
        line = b"%b %b HTTP/%b" % (self.get_method(), self._connection.url, self.get_http_version().encode())
        kept = (b"%b: %b" % header for header in self._connection.headers if header[0] != b"upgrade")
        return b"\r\n".join((line, *kept, b"", b""))
