"""Request tokens: the same operation and input have the same hash, whatever the order of the members."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.users import RequestToken
from openrek.operations.translation.idempotency import request_token

values = st.text(max_size=5) | st.floats(0, 100, width=32) | st.lists(st.text(max_size=3), max_size=3)
requests = st.dictionaries(st.sampled_from(["CollectionId", "UserId", "FaceIds", "UserMatchThreshold"]), values)


def token(operation: str, request: dict[str, Any], value: str = "one") -> RequestToken:
    made = request_token(operation, {**request, "ClientRequestToken": value})
    assert made is not None
    return made


@given(request=requests, other=requests)
def test_two_inputs_share_a_hash_only_if_they_are_the_same(request: dict[str, Any], other: dict[str, Any]) -> None:
    assert (token("CreateUser", request) == token("CreateUser", other)) == (request == other)
    assert token("CreateUser", request) == token("CreateUser", dict(reversed(request.items())))


@given(request=requests)
def test_the_operation_counts_and_the_token_itself_does_not(request: dict[str, Any]) -> None:
    assert token("CreateUser", request).input_sha256 != token("DeleteUser", request).input_sha256
    assert token("CreateUser", request, "two") == RequestToken("two", token("CreateUser", request).input_sha256)


def test_a_request_without_a_token_has_none() -> None:
    assert request_token("CreateUser", {"CollectionId": "staff", "UserId": "ann"}) is None
