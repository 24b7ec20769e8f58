"""Items on one DynamoDB table: hash key `partition`, range key `sort`, both strings; one DynamoDB item per item.

The SDK never sends a write twice: the caller of `transact` decides about that. Reads are retried here, for a bounded
time. Knows pynamodb, and nothing of what the items mean.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from botocore.client import BaseClient
from botocore.session import Session
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import InternalServerError, Throttling
from openrek.store.items.dynamo_errors import failure_of
from openrek.store.items.dynamo_values import Typed, condition, item_of, schema, typed_attributes, within
from openrek.store.items.port import (
    Check,
    Contended,
    Delete,
    Item,
    ItemPage,
    Key,
    OutcomeUnknown,
    Put,
    Write,
    check_limits,
    check_snapshot_keys,
    checked_snapshot,
)
from openrek.store.items.retries import jittered_s

CONNECT_TIMEOUT_S: Final = 1.0
READ_TIMEOUT_S: Final = 3.0
MAX_CONNECTIONS: Final = 64
READ_ATTEMPTS: Final = 12
READ_PATIENCE_S: Final = 5.0


class DynamoItems:
    def __init__(
        self,
        table_name: str,
        *,
        region: str | None = None,
        host: str | None = None,
        session: Session | None = None,
        read_timeout_s: float = READ_TIMEOUT_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Connect to nothing yet.

        `host`: the endpoint's URL, by default AWS's; `session`: one to share with other clients, which then start
        faster; `read_timeout_s`: the longest wait for a response.
        """
        self._table_name = table_name
        self._region = region
        self._host = host
        self._session = session
        self._read_timeout_s = read_timeout_s
        self._clock = clock
        self._connecting = threading.Lock()
        self._connected: Connection | None = None

    @property
    def client(self) -> BaseClient:
        """Return the botocore client, made now if it is not yet: its events show the requests."""
        return self._connection.client

    def get(self, key: Key) -> Item | None:
        connection = self._connection
        found = self._read_with_retries(
            lambda: connection.get_item(self._table_name, key.partition, key.sort, consistent_read=True)
        )
        return item_of(found["Item"]) if "Item" in found else None

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        check_snapshot_keys(keys)
        if len(keys) <= 1:
            return [self.get(key) for key in keys]  # half the price of a snapshot
        connection = self._connection
        wanted = [connection.get_operation_kwargs(self._table_name, key.partition, key.sort) for key in keys]
        found = self._read_with_retries(lambda: connection.transact_get_items(wanted))["Responses"]
        return checked_snapshot([item_of(response["Item"]) if response.get("Item") else None for response in found])

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        """Read one row more than `limit`, to know whether there is one.

        Where a page ends for its size, the next row is asked for: DynamoDB itself cannot tell.
        """
        if through is not None and through <= after:
            return ItemPage((), more=False)

        def ask(limit: int, start: Typed | None = None) -> Mapping[str, Any]:
            return self._read_with_retries(
                lambda: self._connection.query(
                    self._table_name,
                    partition,
                    range_key_condition=within(after, through),
                    consistent_read=True,
                    exclusive_start_key=start,
                    limit=limit,
                )
            )

        page = ask(limit + 1)
        rows = tuple(item_of(item) for item in page["Items"])
        if len(rows) > limit:
            return ItemPage(rows[:limit], more=True)
        last = page.get("LastEvaluatedKey")
        return ItemPage(rows, more=bool(last and ask(1, last)["Items"]))

    def transact(self, operations: Sequence[Write], *, token: str | None = None) -> None:
        """Send checks, deletions and puts in that order; positions of failures are the caller's.

        A put or a deletion that is alone is sent without a transaction, which would cost twice as much, and for which
        AWS does not document that a role can be bound to some keys. It takes no `token`.
        """
        check_limits(operations)
        checks, deletions, puts = (self._of_kind(kind, operations) for kind in (Check, Delete, Put))
        sent = [*checks, *deletions, *puts]
        if not sent:
            return
        try:
            if len(sent) == 1 and not checks:
                response = self._write(operations[sent[0]])
            else:
                response = self._connection.transact_write_items(
                    list(checks.values()), list(deletions.values()), list(puts.values()), [], client_request_token=token
                )
        except PynamoDBException as error:
            raise failure_of(error, sent) from error
        if not _complete(response):
            raise OutcomeUnknown("the response is not one of DynamoDB")

    def close(self) -> None:
        with self._connecting:
            if self._connected is not None:
                self._connected.client.close()
            self._connected = None

    @property
    def _connection(self) -> Connection:
        """Return the one connection of all threads, made under a lock: botocore cannot make clients in several threads
        at once.
        """
        with self._connecting:
            if self._connected is None:
                made = _InSession(
                    self._session,
                    self._region,
                    self._host,
                    connect_timeout_seconds=CONNECT_TIMEOUT_S,
                    read_timeout_seconds=self._read_timeout_s,
                    retry_configuration={"total_max_attempts": 1, "mode": "standard"},
                    max_pool_connections=MAX_CONNECTIONS,
                )
                made.add_meta_table(schema(self._table_name))
                _ = made.client
                self._connected = made
            return self._connected

    def _write(self, alone: Write) -> Mapping[str, Any]:
        """Send one put or deletion; return the response."""
        place, only_if = (self._table_name, alone.key.partition, alone.key.sort), condition(alone.expect)
        if isinstance(alone, Put):
            return self._connection.put_item(*place, typed_attributes(alone.attributes), only_if)
        return self._connection.delete_item(*place, only_if)

    def _of_kind(self, kind: type[Write], operations: Sequence[Write]) -> dict[int, Typed]:
        """Return the requests for the operations of one kind, by their position. A check of nothing needs none."""
        return {
            position: self._connection.get_operation_kwargs(
                self._table_name,
                operation.key.partition,
                operation.key.sort,
                key="Item" if isinstance(operation, Put) else "Key",
                attributes=typed_attributes(operation.attributes) if isinstance(operation, Put) else None,
                condition=condition(operation.expect),
            )
            for position, operation in enumerate(operations)
            if isinstance(operation, kind) and not (isinstance(operation, Check) and operation.expect is None)
        }

    def _read_with_retries(self, ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the response of a read, retried while the store is busy or silent.

        Raises Throttling or InternalServerError when it stays so, LimitExceeded for a read that exceeds a limit.
        """
        give_up_s = self._clock.steady_s() + READ_PATIENCE_S
        failure: Exception | None = None
        for attempt in range(READ_ATTEMPTS):
            try:
                response = ask()
                if _complete(response):
                    return response
                failure = OutcomeUnknown("the response is not one of DynamoDB")
            except PynamoDBException as error:
                failure = failure_of(error)
                if not isinstance(failure, Contended | OutcomeUnknown):
                    raise failure from error
            if self._clock.steady_s() > give_up_s:
                break
            self._clock.sleep(jittered_s(attempt))
        if isinstance(failure, Contended):
            raise Throttling(reason="The store is too busy to be read.") from failure
        raise InternalServerError(reason="The store does not answer.") from failure


class _InSession(Connection):
    """pynamodb's connection over a given botocore session."""

    def __init__(self, given: Session | None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._given = given

    @property
    def session(self) -> Session:
        return self._given or super().session


def _complete(response: Mapping[str, Any]) -> bool:
    """Return False for a response that DynamoDB did not write.

    pynamodb always asks for the consumed capacity. botocore takes any text with status 200 for an empty response, which
    would read as "no such item", or as "written".
    """
    return "ConsumedCapacity" in response
