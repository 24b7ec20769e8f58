"""The start of a function: the parts that it makes before its first request, and what a snapshot must not freeze.

Clients are made here and connect when they are first used, so a snapshot (SnapStart) holds no connection. Secrets and
ids come from the operating system, which a restored machine seeds anew; only `random`, which spreads retries and orders
sweeps, needs a new seed.
"""

import random
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec

from openrek.operations.registry import Operation
from openrek.runtime.parts.adapters import Adapters

SNAPSHOTS = "snapshot_restore_py"
"""Part of Lambda's runtime; there is none where a function runs elsewhere."""


def start(row: Operation, ports: Iterable[str], adapters: Adapters) -> None:
    """Make the parts behind the operation's `ports`; its packs of models load in a thread, and the first photo waits.

    Raises SettingsError. An error of the models is raised to the first caller that needs them.
    """
    inferring = [name for name in ports if adapters.infers(name)]
    loading = _loading(row.packs, inferring, adapters) if row.infers else None
    for name in ports:
        if adapters.knows(name) and not adapters.infers(name):
            adapters.part(name)
    seed_copies()
    if loading and find_spec(SNAPSHOTS):
        from snapshot_restore_py import register_before_snapshot

        register_before_snapshot(loading.result)


def seed_copies() -> None:
    """Make every restored copy of a snapshot seed `random` anew."""
    if find_spec(SNAPSHOTS):
        from snapshot_restore_py import register_after_restore

        register_after_restore(random.seed)


def _loading(packs: Iterable[str], ports: Iterable[str], adapters: Adapters) -> Future[None]:
    def load() -> None:
        adapters.load_models(packs, present=True)
        for name in ports:
            adapters.part(name)

    pool = ThreadPoolExecutor(1, "openrek-models")
    loading = pool.submit(load)
    pool.shutdown(wait=False)
    return loading
