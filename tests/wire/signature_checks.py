"""A key, the verification of requests signed with it, and how they are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from openrek.domain import errors
from openrek.domain.access_keys import AccessKey
from openrek.wire.http import HttpRequest
from openrek.wire.sigv4 import SigV4
from tests.support.signing import KeysInMemory, changed, clock, new_key

KEY = new_key()
MISMATCH = errors.InvalidSignature.text


def verifier(request: HttpRequest, *keys: AccessKey, later_s: float = 0.0, **options: Any) -> SigV4:
    return SigV4(KeysInMemory(*(keys or (KEY,))), clock=clock(request, later_s), **options)


def refusal(call: Callable[[], object]) -> errors.Refusal:
    with pytest.raises(errors.Refusal) as raised:
        call()
    return raised.value


def refused(request: HttpRequest, *keys: AccessKey, at: HttpRequest | None = None, **options: Any) -> errors.Refusal:
    step = verifier(at or request, *keys, **options)
    return refusal(lambda: step(request))


def claiming(request: HttpRequest, old: str, new: str) -> HttpRequest:
    authorization = request.headers["authorization"]
    assert old in authorization
    return changed(request, authorization=authorization.replace(old, new))
