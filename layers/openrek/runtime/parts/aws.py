"""The parts that AWS provides: DynamoDB, S3, and the deployment's other functions. Clients connect when first used."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from openrek.domain.ports import Buckets
from openrek.runtime.parts.lazy import Lazy
from openrek.runtime.settings import AwsSettings, SettingsError
from openrek.wire.door import Authenticate

if TYPE_CHECKING:
    from botocore.session import Session

    from openrek.runtime.parts.own_labels import OwnLabels
    from openrek.store.blobs.s3 import S3Blobs
    from openrek.store.items.dynamo import DynamoItems
    from openrek.store.items.port import Items

LOOK_EVERY_S: Final = 30.0
"""How long a label that was learnt or removed may wait to be seen: to list the bucket takes a request."""


class AwsParts:
    """The parts of a deployment, over one botocore session."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self.items: Lazy[Items] = Lazy(self._items)
        self.blobs: Lazy[S3Blobs] = Lazy(self._blobs)
        self.buckets: Lazy[Buckets] = Lazy(self._buckets)
        self.own_labels: Lazy[OwnLabels] = Lazy(self._own_labels)
        self._dynamo: Lazy[DynamoItems] = Lazy(self._dynamo_items)
        self._s3: Lazy[Any] = Lazy(self._s3_client)
        self._session: Lazy[Session] = Lazy(_botocore_session)

    def authenticate(self) -> Authenticate:
        """Return the step that verifies signatures.

        Raises SettingsError without access keys: a deployed function serves only callers that it can verify.
        """
        if self._settings.keys is None:
            raise SettingsError("OPENREK_KEYS is missing: the prefix of the access keys, like /openrek/main/keys/.")
        from openrek.runtime.keys.cached_keys import CachedKeys, authenticator
        from openrek.runtime.keys.ssm_keys import READ_TIMEOUT_S, SsmKeys, ssm_client

        client = ssm_client(self._session(), read_timeout_s=self._settings.timeout_s or READ_TIMEOUT_S)
        keys = CachedKeys(SsmKeys(self._settings.keys, client=client))
        return authenticator(keys, account=self._settings.account)

    def close(self) -> None:
        if self._dynamo.made:
            self._dynamo().close()

    def _items(self) -> "Items":
        """Return the table; if the deployment has an upkeep function, writes that leave a long log start it."""
        if self._settings.upkeep is None:
            return self._dynamo()
        from openrek.runtime.parts.lambda_calls import HAND_OVER_TIMEOUT_S, UpkeepCall, lambda_client
        from openrek.store.log.watch import LogWatch

        call = UpkeepCall(
            self._settings.upkeep, lambda: lambda_client(self._session(), read_timeout_s=HAND_OVER_TIMEOUT_S)
        )
        return LogWatch(self._dynamo(), call)

    def _dynamo_items(self) -> "DynamoItems":
        if find_spec("pynamodb") is None:
            raise SettingsError("OPENREK_TABLE needs packages that are not installed: pip install 'openrek[aws]'.")
        from openrek.store.items.dynamo import READ_TIMEOUT_S, DynamoItems

        timeout_s = self._settings.timeout_s or READ_TIMEOUT_S
        items = DynamoItems(self._settings.table, session=self._session(), read_timeout_s=timeout_s)
        _ = items.client  # made now: a function's start has more of the processor than its first request
        return items

    def _blobs(self) -> "S3Blobs":
        from openrek.store.blobs.s3 import S3Blobs

        return S3Blobs(self._settings.bucket, client=self._s3())

    def _buckets(self) -> Buckets:
        from openrek.runtime.buckets.s3 import S3Buckets

        return S3Buckets(self._settings.image_buckets, self._s3())

    def _own_labels(self) -> "OwnLabels":
        from botocore.exceptions import BotoCoreError, ClientError

        from openrek.runtime.parts.own_labels import OwnLabels

        return OwnLabels(self.blobs(), every_s=LOOK_EVERY_S, unreachable=(BotoCoreError, ClientError))

    def _s3_client(self) -> Any:
        from openrek.store.blobs.s3 import READ_TIMEOUT_S, s3_client

        return s3_client(self._session(), read_timeout_s=self._settings.timeout_s or READ_TIMEOUT_S)


def _botocore_session() -> "Session":
    """Return the one session of all clients: what is read to make the first is there for the others."""
    from botocore.session import get_session

    return get_session()
