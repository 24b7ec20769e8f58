"""Keys in the Parameter Store, as moto has it, over real HTTP."""

import logging
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from openrek.domain.access_keys import AccessKey, new_access_key
from openrek.domain.errors import InternalServerError, Throttling
from openrek.domain.permissions import Permissions
from openrek.runtime.keys.cached_keys import CachedKeys
from openrek.runtime.keys.key_json import BadKey
from openrek.runtime.keys.ssm_keys import SsmKeys
from openrek.runtime.settings import SettingsError
from tests.support.aws import LocalAws, answered, local_aws, swallowed, unsaid
from tests.support.signing import new_key

PREFIX = "/openrek/main/keys"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with local_aws() as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"/openrek/{abs(hash(request.node.name))}/keys"


def error(code: str) -> bytes:
    return f'{{"__type": "{code}", "message": "no"}}'.encode()


def test_what_was_added_is_found_and_gone_when_removed(aws: LocalAws, prefix: str) -> None:
    keys = SsmKeys(prefix, client=aws.ssm())
    permissions = Permissions(("Search*",), ("staff-*",))
    first = new_access_key(permissions, now_s=2.0, expires_s=9e9, note="the door")
    others = [new_access_key(permissions, now_s=3.0 + number) for number in range(12)]
    assert (keys.find(first.key_id), keys.listed()) == (None, [])
    for key in (*others, first):
        keys.add(key)
    assert keys.find(first.key_id) == first
    assert keys.listed() == [first, *others]
    assert keys.remove(first.key_id) is True
    assert keys.remove(first.key_id) is False
    assert keys.find(first.key_id) is None


def test_ids_are_listed_without_reading_a_secret(aws: LocalAws, prefix: str) -> None:
    keys = SsmKeys(prefix + "/", client=aws.ssm())
    assert keys.ids() == frozenset()
    issued = [new_key() for _ in range(25)]
    for key in issued:
        keys.add(key)
    assert keys.ids() == {key.key_id for key in issued}
    blind = SsmKeys(prefix, client=_Undecrypted(aws.ssm()))
    assert blind.ids() == keys.ids()


def test_a_list_that_ssm_does_not_give_is_told_like_a_key(
    aws: LocalAws, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = SsmKeys(prefix, client=aws.ssm())
    aws.meddle("GetParametersByPath", answered(400, error("AccessDeniedException")))
    with caplog.at_level(logging.ERROR), pytest.raises(InternalServerError):
        keys.ids()
    assert caplog.messages == [f"the access keys below {prefix} cannot be read: SSM answered AccessDeniedException"]
    aws.meddle("GetParametersByPath", *[answered(400, error("ThrottlingException"))] * 3)
    with pytest.raises(Throttling):
        keys.ids()


def test_a_key_that_was_never_seen_is_found_while_strangers_try_ever_new_ids(aws: LocalAws, prefix: str) -> None:
    keys, key = SsmKeys(prefix, client=aws.ssm()), new_key()
    keys.add(key)
    cached = CachedKeys(keys)
    for _ in range(150):
        assert cached.find(new_key().key_id) is None
    assert cached.find(key.key_id) == key


def test_the_secret_is_encrypted_at_rest(aws: LocalAws, prefix: str) -> None:
    key = new_key()
    SsmKeys(prefix + "/", client=aws.ssm()).add(key)
    stored = aws.ssm().get_parameter(Name=f"{prefix}/{key.key_id}", WithDecryption=False)["Parameter"]
    assert stored["Type"] == "SecureString"
    with pytest.raises(BadKey):
        SsmKeys(prefix, client=_Undecrypted(aws.ssm())).listed()


class _Undecrypted:
    """SSM for a caller that may not decrypt."""

    def __init__(self, ssm: object) -> None:
        self._ssm = ssm

    def get_paginator(self, name: str) -> object:
        paginator = self._ssm.get_paginator(name)  # type: ignore[attr-defined]

        class Plain:
            def paginate(self, **arguments: object) -> object:
                return paginator.paginate(**{**arguments, "WithDecryption": False})

        return Plain()


def test_a_key_is_never_written_over(aws: LocalAws, prefix: str) -> None:
    key = new_key()
    keys = SsmKeys(prefix, client=aws.ssm())
    keys.add(key)
    with pytest.raises(ClientError, match="ParameterAlreadyExists"):
        keys.add(AccessKey(key.key_id, new_key().secret, key.permissions, 0.0))
    assert keys.find(key.key_id) == key


def test_a_lost_answer_is_not_taken_for_a_failure(aws: LocalAws, prefix: str) -> None:
    key = new_key()
    keys = SsmKeys(prefix, client=aws.ssm())
    aws.meddle("PutParameter", unsaid)
    keys.add(key)
    assert keys.listed() == [key]


@pytest.mark.parametrize("name", ["", "../OREKAAAAAAAAAAAAAAAA", "AKIAIOSFODNN7EXAMPLE", "OREKAAAAAAAAAAAAAAAA/x"])
def test_only_the_id_of_a_key_becomes_a_name(aws: LocalAws, name: str) -> None:
    with pytest.raises(ValueError, match="not the id"):
        SsmKeys(PREFIX, client=aws.ssm()).find(name)


@pytest.mark.parametrize("bad", ["", "/", "openrek/keys", "/a b", "//a", "/a" * 15, "/a/../b\n"])
def test_a_wrong_prefix_is_one_sentence(aws: LocalAws, bad: str) -> None:
    with pytest.raises(SettingsError, match="is no prefix of SSM parameters"):
        SsmKeys(bad, client=aws.ssm())


def test_when_ssm_gives_no_answer_nobody_is_let_in_and_the_log_says_why(
    aws: LocalAws, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys, key = SsmKeys(prefix, client=aws.ssm()), new_key()
    keys.add(key)
    aws.meddle("GetParameter", answered(400, error("AccessDeniedException")))
    with caplog.at_level(logging.ERROR), pytest.raises(InternalServerError):
        keys.find(key.key_id)
    assert caplog.messages == [f"the access keys below {prefix} cannot be read: SSM answered AccessDeniedException"]
    aws.meddle("GetParameter", *[swallowed] * 3)
    with pytest.raises(InternalServerError):
        keys.find(key.key_id)
    aws.meddle("GetParameter", *[answered(400, error("ThrottlingException"))] * 3)
    with pytest.raises(Throttling):
        keys.find(key.key_id)
    assert keys.find(key.key_id) == key


def test_a_parameter_of_somebody_else_is_no_key(aws: LocalAws, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    key = new_key()
    aws.ssm().put_parameter(Name=f"{prefix}/{key.key_id}", Value="a password", Type="SecureString")
    with caplog.at_level(logging.ERROR), pytest.raises(InternalServerError):
        SsmKeys(prefix, client=aws.ssm()).find(key.key_id)
    assert key.key_id in caplog.text
    assert "a password" not in caplog.text


def test_a_key_that_no_parameter_can_hold_is_refused(aws: LocalAws, prefix: str) -> None:
    patterns = tuple(f"{'a' * 250}{number}" for number in range(10))
    most = new_key(Permissions(("A" * 64,) * 10, patterns))
    with pytest.raises(SettingsError, match="too many or too long patterns"):
        SsmKeys(prefix, client=aws.ssm()).add(
            AccessKey(most.key_id, most.secret, most.permissions, 0.0, note="\U0001f600" * 100)
        )
