"""The health check: the process shows that it can work by doing a little of it."""

from dataclasses import dataclass
from importlib.metadata import version

import apsw

from openrek.domain.errors import StoreUnavailable
from openrek.runtime.parts.adapters import Adapters
from openrek.store.items.port import DamagedItem
from openrek.store.items.sqlite_opening import UnusableStore
from openrek.store.search.row_scan import fastest_scan, numpy_scan


@dataclass(frozen=True, slots=True)
class Health:
    """`store`, `search` and `models` say in a few words how each is; `ok` when all can be used."""

    ok: bool
    store: str
    search: str
    models: str
    version: str


def examine(adapters: Adapters) -> Health:
    """Read from the store and look for the loaded models. Blocks."""
    store_ok, store = _store(adapters)
    models_ok, models = _models(adapters)
    return Health(store_ok and models_ok, store, _search(), models, version("openrek"))


def timed_out(timeout_s: float) -> Health:
    """Return the health when `examine` takes too long."""
    return Health(False, f"no answer within {timeout_s:g} s", "unknown", "unknown", version("openrek"))


def _store(adapters: Adapters) -> tuple[bool, str]:
    try:
        adapters.collections().page(None, 1)
        adapters.embedded().require_writable()
    except StoreUnavailable as failure:
        return False, f"cannot be written: {failure.reason}"
    except (UnusableStore, apsw.Error, OSError) as error:
        return False, f"cannot be read: {error}"
    except DamagedItem as damaged:
        return False, f"cannot be read: {damaged.reason}"
    return True, "reachable"


def _search() -> str:
    if fastest_scan() is numpy_scan:
        return "slow in large collections (`openrek kernel` builds what is missing)"
    return "fast"


def _models(adapters: Adapters) -> tuple[bool, str]:
    if not adapters.reader.made:
        return False, "not loaded"
    model = adapters.reader().model
    loaded = f"loaded ({model.name}, face model version {model.version})"
    return True, "; ".join([loaded, *(f"{pack} {state.value}" for pack, state in adapters.packs.unready().items())])
