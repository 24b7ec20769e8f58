"""Keys to try things on, and a partition filled."""

from openrek.store.items.port import Items, Key, Put

A, B, C = Key("p", "a"), Key("p", "b"), Key("p", "c")


def fill(items: Items, partition: str, sorts: list[str], **attributes: object) -> None:
    for start in range(0, len(sorts), 100):
        items.transact([Put(Key(partition, sort), attributes) for sort in sorts[start : start + 100]])
