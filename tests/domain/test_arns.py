"""ARNs of collections: what is made is understood again, and nothing else is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_arn, collection_of_arn
from openrek.domain.errors import InvalidParameter, Refusal, ResourceNotFound

HERE = Caller(region="eu-west-1", account="123456789012")
ids = st.text("abcXYZ019_.-", min_size=1, max_size=255)
callers = st.builds(
    Caller,
    region=st.from_regex(r"[a-z]{2}(-[a-z]{4,9}){1,2}-[1-9]", fullmatch=True),
    account=st.text("0123456789", min_size=12, max_size=12),
)


def arn_of(collection_id: str, caller: Caller) -> str:
    return collection_arn(collection_id, region=caller.region, account=caller.account)


@given(collection_id=ids, caller=callers, other=callers)
def test_an_arn_names_its_collection_to_its_own_caller_only(collection_id: str, caller: Caller, other: Caller) -> None:
    arn = arn_of(collection_id, caller)
    assert collection_of_arn(arn, caller) == collection_id
    assert collection_of_arn(arn.removeprefix("arn:"), caller) == collection_id
    if other != caller:
        with pytest.raises(ResourceNotFound):
            collection_of_arn(arn, other)


@given(text=st.text() | st.lists(st.sampled_from([*"arn:/", "aws", "collection/", "x", "rekognition"])).map("".join))
def test_whatever_is_understood_was_an_arn_of_the_caller(text: str) -> None:
    try:
        found = collection_of_arn(text, HERE)
    except Refusal:
        return
    assert text.removeprefix("arn:") == arn_of(found, HERE).removeprefix("arn:")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:rekognition:eu-west-1:123456789012:collection/",
        "arn:aws:rekognition:eu-west-1:123456789012:collection/a b",
        "arn:aws:rekognition:eu-west-1:123456789012:collection/a/b",
        "arn:aws:rekognition:eu-west-1:123456789012:collection/staff\n",
        "arn:aws:rekognition:eu-west-1:123456789012:collection/" + "a" * 256,
        "arn:aws:rekognition:eu-west-1:12345:collection/staff",
        "arn:aws:s3:eu-west-1:123456789012:collection/staff",
        "arn:arn:aws:rekognition:eu-west-1:123456789012:collection/staff",
        "staff",
    ],
)
def test_what_is_no_arn_of_rekognition_is_an_invalid_parameter(arn: str) -> None:
    with pytest.raises(InvalidParameter):
        collection_of_arn(arn, HERE)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:rekognition:us-east-1:123456789012:collection/staff",
        "arn:aws:rekognition:eu-west-1:210987654321:collection/staff",
        "arn:aws-cn:rekognition:eu-west-1:123456789012:collection/staff",
        "arn:aws:rekognition:eu-west-1:123456789012:streamprocessor/staff",
        "arn:aws:rekognition:eu-west-1:123456789012:project/p/version/v/1",
    ],
)
def test_a_resource_that_is_not_here_is_not_found(arn: str) -> None:
    with pytest.raises(ResourceNotFound, match=f"^The resource arn: {arn} does not exist$"):
        collection_of_arn(arn, HERE)
