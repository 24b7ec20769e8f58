"""Access keys as SecureStrings of the SSM Parameter Store, one each, below a prefix. Knows botocore.

A function that verifies signatures needs ssm:GetParameter below the prefix, ssm:GetParametersByPath on it, and
kms:Decrypt on the parameters' KMS key if that is not the account's own `alias/aws/ssm`. The command line needs
ssm:PutParameter and ssm:DeleteParameter besides.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session, get_session

from openrek.domain.access_keys import KEY_ID, AccessKey
from openrek.domain.errors import InternalServerError, Throttling
from openrek.runtime.keys.key_json import BadKey, of_text, to_text
from openrek.runtime.settings import SettingsError

PREFIX: Final = re.compile(r"(?:/[a-zA-Z0-9_.-]{1,100}){1,14}")
MISSING: Final = "ParameterNotFound"
EXISTS: Final = "ParameterAlreadyExists"
READ_TIMEOUT_S: Final = 3.0
THROTTLED: Final = ("ThrottlingException", "TooManyUpdates")
MOST_BYTES: Final = 4096
"""What a parameter of the standard tier holds."""

log = logging.getLogger(__name__)


class SsmKeys:
    """The keys below a prefix. Not cached: wrap it in CachedKeys where requests are served."""

    def __init__(self, prefix: str, *, client: Any = None, kms_key: str | None = None) -> None:
        """Encrypt new keys with `kms_key`, or else AWS's own.

        Raises SettingsError for a prefix that no parameter can have.
        """
        self._prefix = prefix.rstrip("/")
        if not PREFIX.fullmatch(self._prefix):
            raise SettingsError(f"{prefix!r} is no prefix of SSM parameters: give one like /openrek/main/keys.")
        self._ssm = client or ssm_client(get_session())
        self._encryption = {"KeyId": kms_key} if kms_key else {}

    def find(self, key_id: str) -> AccessKey | None:
        """Return the key, or None.

        Raises Throttling, or InternalServerError when SSM gives no response that can be trusted; the log says why.
        """
        with self._translating_errors():
            return self._get(key_id)

    def ids(self) -> frozenset[str]:
        """Return the ids of all keys; nothing is decrypted. Raises the same as `find`."""
        with self._translating_errors():
            return frozenset(name for name, _ in self._all(decrypted=False))

    def listed(self) -> Sequence[AccessKey]:
        """Return all keys, oldest first. Raises BadKey, ClientError or BotoCoreError."""
        keys = (of_text(name, text) for name, text in self._all(decrypted=True))
        return sorted(keys, key=lambda key: (key.created_s, key.key_id))

    def add(self, key: AccessKey) -> None:
        """Add the key. Raises SettingsError, ClientError or BotoCoreError."""
        text = to_text(key)
        if len(text.encode()) > MOST_BYTES:
            raise SettingsError("This key has too many or too long patterns for an SSM parameter.")
        try:
            self._ssm.put_parameter(
                Name=self._name(key.key_id), Value=text, Type="SecureString", Overwrite=False, **self._encryption
            )
        except ClientError as error:
            # An answer that was lost is asked for again, and then the parameter is there already.
            if error.response["Error"]["Code"] != EXISTS or self._get(key.key_id) != key:
                raise

    def remove(self, key_id: str) -> bool:
        """Remove the key; return False if there is none. Raises ClientError or BotoCoreError."""
        try:
            self._ssm.delete_parameter(Name=self._name(key_id))
        except ClientError as error:
            if error.response["Error"]["Code"] != MISSING:
                raise
            return False
        return True

    def _get(self, key_id: str) -> AccessKey | None:
        try:
            response = self._ssm.get_parameter(Name=self._name(key_id), WithDecryption=True)
        except ClientError as error:
            if error.response["Error"]["Code"] != MISSING:
                raise
            return None
        return of_text(key_id, response["Parameter"]["Value"])

    def _all(self, *, decrypted: bool) -> Iterator[tuple[str, str]]:
        """Yield the id and the text of each key, ten a call."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=self._prefix, WithDecryption=decrypted)
        for page in pages:
            for parameter in page["Parameters"]:
                yield parameter["Name"].rpartition("/")[2], parameter["Value"]

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """Turn errors inside the block into Throttling or InternalServerError; write their reason to the log only."""
        try:
            yield
            return
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in THROTTLED:
                raise Throttling from None
            reason = f"SSM answered {code}"
        except (BotoCoreError, BadKey) as error:
            reason = str(error) if isinstance(error, BadKey) else type(error).__name__
        log.error("the access keys below %s cannot be read: %s", self._prefix, reason)
        raise InternalServerError(reason="The access keys cannot be read; the server's log says why.")

    def _name(self, key_id: str) -> str:
        """Return the parameter's name.

        Raises ValueError unless the id has a key's form: it could name another parameter.
        """
        if not KEY_ID.fullmatch(key_id):
            raise ValueError("not the id of an access key")
        return f"{self._prefix}/{key_id}"


def ssm_client(session: Session, *, read_timeout_s: float = READ_TIMEOUT_S) -> Any:
    """Return a client that connects when it is first used."""
    config = Config(
        connect_timeout=1, read_timeout=read_timeout_s, retries={"mode": "standard", "total_max_attempts": 3}
    )
    return session.create_client("ssm", config=config)
