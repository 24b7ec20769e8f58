"""Alarms and the one dashboard.

CloudWatch has no data for what did not happen: no point of nought throttled requests, none of nought runs. Where that
could hold an alarm fast, its expression fills the gaps (docs/decisions/0022).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.functions import OPERATIONS, Grant
from infra.settings import Deployment

METRICS_NAMESPACE: Final = "openrek"
SLOW_MS: Final = 10_000
PERIOD: Final = cdk.Duration.minutes(5)
UPKEEP_PERIOD: Final = cdk.Duration.hours(2)
ABOVE: Final = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
SILENT_IS_FINE: Final = cloudwatch.TreatMissingData.NOT_BREACHING
STAY_AS_IT_IS: Final = cloudwatch.TreatMissingData.IGNORE
SEARCHES: Final = [row.name for row in OPERATIONS if Grant.READ_BLOBS in row.grants]


@dataclass(frozen=True, slots=True)
class Span:
    """An alarm looks at the newest `periods` and rings when `breaching` of them are too high. More than one, so that a
    point that comes late still counts: the gap that it left was filled at first."""

    periods: int
    breaching: int


ONCE: Final = Span(1, 1)
ONCE_OF_LATE: Final = Span(3, 1)
FOUR_HOURS_OF_EIGHT: Final = Span(4, 2)


class Watch(Construct):
    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        *,
        api: apigateway.HttpApi,
        functions: Mapping[str, lambda_.Alias],
        upkeep: lambda_.Alias,
        schedule: events.Rule,
        table: str,
    ) -> None:
        super().__init__(scope, "Watch")
        self._topic = None
        if deployment.alarm_topic_arn:
            self._topic = sns.Topic.from_topic_arn(self, "Topic", deployment.alarm_topic_arn)
        failed = api.metric_server_error(period=PERIOD, statistic="Sum")
        latency = api.metric_latency(period=PERIOD, statistic="p95")
        store = dynamodb.Table.from_table_name(self, "Items", table)
        refused, ended = _throttled(store), _ended(functions)
        self._alarm("Failed", failed, "Requests failed with a 5xx.")
        self._alarm("Slow", latency, "One request in twenty takes longer than 10 s.", above=SLOW_MS)
        says = "DynamoDB refused requests; callers were asked to slow down."
        self._alarm("StoreThrottled", refused, says, span=ONCE_OF_LATE)
        says = "A search ran out of time or memory, or its function could not start; see the function's log."
        self._alarm("SearchEnded", ended, says, span=ONCE_OF_LATE)
        self._watch_upkeep(upkeep, schedule)
        self._dashboard(deployment, api, functions, store)

    def _watch_upkeep(self, upkeep: lambda_.Alias, schedule: events.Rule) -> None:
        """Watch for failures and for missing runs.

        A missing run is noticed by the runs before it, which are repeated into the gap. Before the first run there is
        none; a schedule that cannot start it is a failure.
        """
        unstarted = cloudwatch.Metric(
            namespace="AWS/Events", metric_name="FailedInvocations", dimensions_map={"RuleName": schedule.rule_name}
        )
        dropped = upkeep.lambda_.metric("AsyncEventsDropped")  # it waited in vain for a place among what runs
        failures = {"errors": upkeep.metric_errors(), "unstarted": unstarted, "dropped": dropped}
        failed = _sum({name: metric.with_(period=UPKEEP_PERIOD, statistic="Sum") for name, metric in failures.items()})
        says = "Compaction or erasure failed or could not be started; see the function's log."
        self._alarm("UpkeepFailed", failed, says)
        silent = cloudwatch.MathExpression(
            expression="FILL(runs, REPEAT) - FILL(runs, 0)",
            using_metrics={"runs": upkeep.metric_invocations(statistic="Sum")},
            period=UPKEEP_PERIOD,
        )
        says = "Upkeep has stopped running for 4 hours: deleted faces stay in the store."
        self._alarm("UpkeepSilent", silent, says, span=FOUR_HOURS_OF_EIGHT, missing=STAY_AS_IT_IS)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        says: str,
        *,
        above: float = 0,
        span: Span = ONCE,
        missing: cloudwatch.TreatMissingData = SILENT_IS_FINE,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=above,
            comparison_operator=ABOVE,
            evaluation_periods=span.periods,
            datapoints_to_alarm=span.breaching,
            treat_missing_data=missing,
            alarm_description=f"openrek: {says}",
        )
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))

    def _dashboard(
        self,
        deployment: Deployment,
        api: apigateway.HttpApi,
        functions: Mapping[str, lambda_.Alias],
        table: dynamodb.ITable,
    ) -> None:
        name = f"{deployment.deployment}-{cdk.Stack.of(self).region}"  # dashboards are those of all regions
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        requests = [api.metric_count(), api.metric_client_error(), api.metric_server_error()]
        latency = [api.metric_latency(statistic=statistic) for statistic in ("p50", "p95", "p99")]
        durations = [each.metric_duration(statistic="p95", label=name) for name, each in functions.items()]
        failures = [each.metric_errors(label=name) for name, each in functions.items()]
        units = [
            table.metric_consumed_read_capacity_units(),
            table.metric_consumed_write_capacity_units(),
            _throttled(table),
        ]
        own = cloudwatch.MathExpression(
            expression=f"SEARCH('Namespace=\"{METRICS_NAMESPACE}\"', 'Sum', 300)", label="", using_metrics={}
        )
        for left, right in (
            (("Requests", requests), ("Latency (ms)", latency)),
            (("Functions: duration, p95 (ms)", durations), ("Functions: errors", failures)),
            (("Table", units), ("openrek's own metrics", [own])),
        ):
            board.add_widgets(_graph(*left), _graph(*right))


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=12)


def _throttled(table: dynamodb.ITable) -> cloudwatch.MathExpression:
    operations = [
        dynamodb.Operation.DELETE_ITEM,
        dynamodb.Operation.GET_ITEM,
        dynamodb.Operation.PUT_ITEM,
        dynamodb.Operation.QUERY,
        dynamodb.Operation.TRANSACT_GET_ITEMS,
        dynamodb.Operation.TRANSACT_WRITE_ITEMS,
    ]
    each = table.metric_throttled_requests_for_operations(operations=operations, period=PERIOD)
    return _sum(each.using_metrics, "Throttled requests")


def _ended(functions: Mapping[str, lambda_.Alias]) -> cloudwatch.MathExpression:
    """Return the number of searches that Lambda ended.

    The handler turns every other failure into a response itself, so that Lambda counts no error.
    """
    metrics = {
        f"errors{number}": functions[name].metric_errors(period=PERIOD, statistic="Sum")
        for number, name in enumerate(SEARCHES)
        if name in functions
    }
    return _sum(metrics, "Searches that were ended")


def _sum(metrics: Mapping[str, cloudwatch.IMetric], label: str | None = None) -> cloudwatch.MathExpression:
    """Return the sum of metrics of one period."""
    filled = ", ".join(f"FILL({name}, 0)" for name in metrics)
    (period,) = {metric.to_metric_config().metric_stat.period.to_seconds() for metric in metrics.values()}
    return cloudwatch.MathExpression(
        expression=f"SUM([{filled}])", using_metrics=dict(metrics), period=cdk.Duration.seconds(period), label=label
    )
