"""Alarms and the one dashboard."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.settings import Deployment

METRICS_NAMESPACE: Final = "openrek"
SLOW_MS: Final = 10_000
PERIOD: Final = cdk.Duration.minutes(5)
UPKEEP_PERIOD: Final = cdk.Duration.hours(2)
ABOVE: Final = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW: Final = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
SILENT_IS_FINE: Final = cloudwatch.TreatMissingData.NOT_BREACHING


class Watch(Construct):
    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        *,
        api: apigateway.HttpApi,
        functions: Mapping[str, lambda_.Alias],
        upkeep: lambda_.Alias,
        table: str,
    ) -> None:
        super().__init__(scope, "Watch")
        self._topic = None
        if deployment.alarm_topic_arn:
            self._topic = sns.Topic.from_topic_arn(self, "Topic", deployment.alarm_topic_arn)
        failed = api.metric_server_error(period=PERIOD, statistic="Sum")
        latency = api.metric_latency(period=PERIOD, statistic="p95")
        store = dynamodb.Table.from_table_name(self, "Items", table)
        refused = _throttled(store)
        self._alarm("Failed", failed, 0, ABOVE, "Requests failed with a 5xx.")
        self._alarm("Slow", latency, SLOW_MS, ABOVE, "One request in twenty takes longer than 10 s.")
        self._alarm("StoreThrottled", refused, 0, ABOVE, "DynamoDB refused requests; callers were asked to slow down.")
        self._watch_upkeep(upkeep)
        self._dashboard(deployment, api, functions, store)

    def _watch_upkeep(self, upkeep: lambda_.Alias) -> None:
        errors = upkeep.metric_errors(period=UPKEEP_PERIOD, statistic="Sum")
        runs = upkeep.metric_invocations(period=UPKEEP_PERIOD, statistic="Sum")
        self._alarm("UpkeepFailed", errors, 0, ABOVE, "Compaction or erasure failed; see the function's log.")
        self._alarm(
            "UpkeepSilent",
            runs,
            1,
            BELOW,
            "Upkeep did not run for 4 hours: deleted faces stay in the store.",
            missing=cloudwatch.TreatMissingData.BREACHING,
            periods=2,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator,
        says: str,
        *,
        missing: cloudwatch.TreatMissingData = SILENT_IS_FINE,
        periods: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
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
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=deployment.deployment)
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


def _throttled(table: dynamodb.ITable) -> cloudwatch.IMetric:
    operations = [
        dynamodb.Operation.GET_ITEM,
        dynamodb.Operation.QUERY,
        dynamodb.Operation.TRANSACT_GET_ITEMS,
        dynamodb.Operation.TRANSACT_WRITE_ITEMS,
    ]
    return table.metric_throttled_requests_for_operations(operations=operations, period=PERIOD)
