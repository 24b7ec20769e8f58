"""The alarms: what they look at, and when they ring, by a small model of what CloudWatch documents."""

from collections.abc import Sequence
from typing import Any

import pytest

from infra.functions import OPERATIONS
from tests.infra.templates import Json, Synthesised, text

SHORT, LONG = 300, 7200
"""Periods, in seconds."""


class Series(tuple[float | None, ...]):
    """A metric's values, oldest first; None where CloudWatch has no data. What is reckoned with no data is no data."""

    def __sub__(self, other: "Series") -> "Series":
        pairs = zip(self, other, strict=True)
        return Series(None if mine is None or theirs is None else mine - theirs for mine, theirs in pairs)

    def filled(self, filling: float | str) -> "Series":
        """With "REPEAT" a gap gets the last value before it, and stays one where there is none."""
        values: list[float | None] = []
        for value in self:
            before = values[-1] if values else None
            values.append(value if value is not None else before if filling == "REPEAT" else float(filling))
        return Series(values)


def total(series: Sequence[Series]) -> Series:
    return Series(sum(value for value in values if value is not None) for values in zip(*series, strict=True))


class Alarm:
    def __init__(self, deployment: Synthesised, name: str) -> None:
        (found,) = (
            resource["Properties"]
            for logical_id, resource in deployment.api["Resources"].items()
            if resource["Type"] == "AWS::CloudWatch::Alarm" and logical_id.startswith(f"Watch{name}")
        )
        self.properties: Json = found
        self.metrics: dict[str, Json] = {
            each["Id"]: each["MetricStat"] for each in found["Metrics"] if "MetricStat" in each
        }
        (self.expression,) = (each["Expression"] for each in found["Metrics"] if "Expression" in each)

    def places(self) -> set[tuple[str, str, str]]:
        """(metric, where it is from, of what), of each metric."""
        metrics = [each["Metric"] for each in self.metrics.values()]
        return {(each["MetricName"], each["Namespace"], text(each["Dimensions"][0]["Value"])) for each in metrics}

    def state(self, before: str, **history: Sequence[float | None]) -> str:
        """After the newest periods. What is not named has no data; alarms on DynamoDB ignore what is missing."""
        periods = self.properties["EvaluationPeriods"]
        names = {name: Series((*[None] * periods, *history.get(name, ()))[-periods:]) for name in self.metrics}
        tools = {"FILL": Series.filled, "REPEAT": "REPEAT", "SUM": total}
        values = eval(self.expression, tools, names)  # noqa: S307 - our own template
        if all(value is None for value in values):
            ignored = self.properties["TreatMissingData"] == "ignore" or "AWS/DynamoDB" in str(self.metrics)
            assert ignored or self.properties["TreatMissingData"] == "notBreaching"
            return before if ignored else "OK"
        breaching = sum(value is not None and value > self.properties["Threshold"] for value in values)
        return "ALARM" if breaching >= self.properties["DatapointsToAlarm"] else "OK"


def test_alarms_reach_the_topic(turned_round: Synthesised) -> None:
    alarms = [each["Properties"] for each in turned_round.every("AWS::CloudWatch::Alarm")]
    assert len(alarms) == 6
    topic = "arn:aws:sns:eu-west-1:123456789012:alarms"
    assert {action for each in alarms for action in each["AlarmActions"]} == {topic}
    assert {each["ComparisonOperator"] for each in alarms} == {"GreaterThanThreshold"}


def test_a_dashboard_is_named_after_its_region_too(usual: Synthesised) -> None:
    """An account has one of a name in all regions together: the stack of a second region could not be made."""
    board = usual.only("AWS::CloudWatch::Dashboard")["Properties"]
    assert text(board["DashboardName"]) == "openrek-<AWS::Region>"


def test_without_a_topic_alarms_tell_nobody(usual: Synthesised) -> None:
    assert not any("AlarmActions" in each["Properties"] for each in usual.every("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("operation", ["transactwriteitems", "putitem", "query"])
def test_one_throttled_operation_rings_and_an_idle_table_is_quiet(usual: Synthesised, operation: str) -> None:
    """A point that comes late counts: another one was taken for it first."""
    alarm = Alarm(usual, "StoreThrottled")
    assert alarm.state("INSUFFICIENT_DATA") == "OK"
    assert alarm.state("OK", **{operation: [7]}) == "ALARM"
    assert alarm.state("OK", **{operation: [7, None]}) == "ALARM"
    assert alarm.state("ALARM", **{operation: [7, None, None, None]}) == "OK"


def test_every_request_that_the_store_sends_can_be_throttled(usual: Synthesised) -> None:
    alarm = Alarm(usual, "StoreThrottled")
    operations = {each["Metric"]["Dimensions"][0]["Value"] for each in alarm.metrics.values()}
    assert operations == {"DeleteItem", "GetItem", "PutItem", "Query", "TransactGetItems", "TransactWriteItems"}
    assert {(each["Stat"], each["Period"]) for each in alarm.metrics.values()} == {("Sum", SHORT)}


def test_a_search_that_lambda_ended_rings(usual: Synthesised) -> None:
    alarm = Alarm(usual, "SearchEnded")
    searches = {function.name for function in OPERATIONS if function.name.startswith("Search")}
    searches |= {"RecognizeCelebrities"}
    assert {(metric, space) for metric, space, _ in alarm.places()} == {("Errors", "AWS/Lambda")}
    assert {name_of(usual, place) for _, _, place in alarm.places()} == {f"openrek-{name}" for name in searches}
    assert len(alarm.metrics) <= 10  # of one alarm
    for metric in alarm.metrics:
        assert alarm.state("OK", **{metric: [1]}) == "ALARM"
        assert alarm.state("ALARM", **{metric: [1, 0, None, None]}) == "OK"
    assert alarm.state("INSUFFICIENT_DATA") == "OK"


def name_of(deployment: Synthesised, reference: str) -> Any:
    """The name of the function that `<logical id>` stands for."""
    return deployment.api["Resources"][reference.strip("<>")]["Properties"]["FunctionName"]


def test_upkeep_that_fails_or_cannot_be_started_rings(usual: Synthesised) -> None:
    alarm = Alarm(usual, "UpkeepFailed")
    assert {(metric, space) for metric, space, _ in alarm.places()} == {
        ("Errors", "AWS/Lambda"),
        ("AsyncEventsDropped", "AWS/Lambda"),
        ("FailedInvocations", "AWS/Events"),
    }
    for metric in alarm.metrics:
        assert alarm.state("OK", **{metric: [1]}) == "ALARM"
        assert alarm.state("ALARM", **{metric: [1, None]}) == "OK"


def test_upkeep_is_missed_when_it_falls_silent_and_not_before_its_first_run(usual: Synthesised) -> None:
    alarm = Alarm(usual, "UpkeepSilent")
    assert {each["Period"] for each in alarm.metrics.values()} == {LONG}
    assert alarm.state("INSUFFICIENT_DATA") == "INSUFFICIENT_DATA"
    for runs in ([1], [1, 2], [2, 2, 30, 2], [2, None], [2, 2, None, 1]):
        assert alarm.state("INSUFFICIENT_DATA", runs=runs) == "OK"

    for hours, state in ((2, "OK"), (4, "ALARM"), (6, "ALARM"), (8, "ALARM"), (48, "ALARM")):
        silence = [None] * (hours * 3600 // LONG)
        assert alarm.state("OK" if hours <= 4 else "ALARM", runs=[2, 2, 2, 2, *silence]) == state
    assert alarm.state("ALARM", runs=[2, *[None] * 12, 2]) == "OK"
