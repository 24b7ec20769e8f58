"""One line of log and one set of metrics for each invocation, through Powertools. Loaded in AWS only.

Names, counts and times: never contents of a request or a response, and no signature. The metrics' namespace is
`openrek`; their dimensions are `service` (POWERTOOLS_SERVICE_NAME, one per deployment), `operation`, and for errors
`code`. Only Logger and Metrics are used: the other parts of Powertools cost several hundred milliseconds of a start.
"""

import json
from typing import Any, Final

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

from openrek.operations.registry import Operation
from openrek.runtime.functions.invocation_notes import Notes
from openrek.wire.http import HttpReply

NAME: Final = "openrek"


class Telemetry:
    """The log and the metrics of one operation's function."""

    def __init__(self, operation: Operation, *, cold: bool) -> None:
        """Start the log and the metrics; `cold` says that a request waits for the start that is under way."""
        self._operation = operation
        self._cold = cold
        self._log = Logger(service=NAME, level="INFO", use_rfc3339=True)  # also for what the package's modules log
        self._metrics = Metrics(namespace=NAME)

    def __call__(self, notes: Notes, reply: HttpReply, context: Any, ms: float) -> None:
        """Write the line and the metrics of an invocation that took `ms` milliseconds."""
        cold, self._cold = self._cold, False
        code = _code(reply)
        facts = {
            "request_id": reply.headers["x-amzn-RequestId"],
            "function_request_id": getattr(context, "aws_request_id", None),
            "operation": self._operation.name,
            "collection": notes.collection,
            "status": reply.status,
            "code": code,
            "ms": round(ms, 1),
            self._operation.logged_as: notes.listed,
            "rows_scanned": notes.rows_scanned or None,
            "cold_start": cold,
        }
        write = self._log.error if reply.status >= 500 else self._log.info
        write("answered", extra={name: fact for name, fact in facts.items() if fact is not None})
        self._count(notes, ms, cold=cold)
        if code:
            self._count_error(code)

    def _count(self, notes: Notes, ms: float, *, cold: bool) -> None:
        self._metrics.add_dimension("operation", self._operation.name)
        self._metrics.add_metric("Latency", MetricUnit.Milliseconds, ms)
        for name, count in (
            (self._operation.metric, notes.listed),
            ("RowsScanned", notes.rows_scanned),
            ("ColdStarts", int(cold)),
        ):
            if name and count:
                self._metrics.add_metric(name, MetricUnit.Count, count)
        self._metrics.flush_metrics()

    def _count_error(self, code: str) -> None:
        with single_metric("Errors", MetricUnit.Count, 1, namespace=NAME) as metric:
            if self._metrics.service:
                metric.add_dimension("service", self._metrics.service)
            metric.add_dimension("operation", self._operation.name)
            metric.add_dimension("code", code)


def _code(reply: HttpReply) -> str | None:
    """Return the error's code, or None; there are as many codes as `wire.reply` has."""
    if reply.status < 400:
        return None
    code: str = json.loads(reply.body)["__type"]
    return code
