"""Calls from one function of the deployment to another: botocore's client for them, and the call that starts upkeep."""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from openrek.domain.clock import SYSTEM_CLOCK, Clock

CONNECT_TIMEOUT_S: Final = 2.0
HAND_OVER_TIMEOUT_S: Final = 3.0
AGAIN_AFTER_S: Final = 30.0
"""A log grows by some writes while it is being compacted: not each of them starts upkeep again."""

log = logging.getLogger(__name__)


def lambda_client(session: Session, *, read_timeout_s: float, region: str | None = None) -> Any:
    """Return a client that sends each call once: a second attempt could carry out a write twice."""
    return session.create_client(
        "lambda",
        region_name=region,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": 1, "mode": "standard"},
        ),
    )


class UpkeepCall:
    """The call that asks the upkeep function to compact a collection, without waiting for it.

    It is made inside a write that is done already, so it raises nothing: if it fails, a later write asks again, or the
    function's own schedule finds the collection.
    """

    def __init__(
        self,
        function: str,
        client: Callable[[], Any],
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Make no client yet: `client` makes one for Lambda at the first call."""
        self._function = function
        self._make = client
        self._clock = clock
        self._client: Any = None
        self._asked_s: dict[str, float] = {}

    def __call__(self, collection_id: str) -> None:
        """Start the upkeep function for the collection, unless it was started within the last AGAIN_AFTER_S."""
        now_s = self._clock.now_s()
        self._asked_s = {asked: at_s for asked, at_s in self._asked_s.items() if now_s - at_s < AGAIN_AFTER_S}
        if collection_id in self._asked_s:
            return
        self._asked_s[collection_id] = now_s
        try:
            if self._client is None:
                self._client = self._make()
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"collection": collection_id}).encode(),
            )
        except (BotoCoreError, ClientError) as error:
            log.warning("upkeep of %s could not be asked for: %s", collection_id, type(error).__name__)
