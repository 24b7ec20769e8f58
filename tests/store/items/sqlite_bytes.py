"""The bytes that the embedded store keeps."""

from openrek.store.items.port import Key
from openrek.store.items.sqlite import SqliteItems


def with_bit(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bodies(items: SqliteItems) -> dict[Key, bytes]:
    rows = items._connection().execute("SELECT partition, sort, body FROM items")
    return {Key(partition, sort): body for partition, sort, body in rows}
