"""The REST API: its routes, what it says by itself, its limits."""

import json
import re
from typing import Any

import pytest

from infra.functions import OPERATIONS
from infra.gateway_errors import RESPONSES
from infra.mapping import request_template
from infra.settings import Deployment
from openrek.domain.errors import Refusal
from openrek.wire.reply import FAULTS, refuse
from tests.infra.templates import Json, Synthesised, text

NAMES = [function.name for function in OPERATIONS]


def routes(deployment: Synthesised) -> dict[str, Json]:
    """Path -> the properties of its POST method. There are no other methods."""
    parts = {
        key: each["Properties"]["PathPart"]
        for key, each in deployment.api["Resources"].items()
        if each["Type"] == "AWS::ApiGateway::Resource"
    }
    found = {}
    for method in deployment.every("AWS::ApiGateway::Method"):
        assert method["Properties"]["HttpMethod"] == "POST"
        place = method["Properties"]["ResourceId"]
        found["/" + parts.get(place.get("Ref"), "")] = method["Properties"]
    return found


def function_behind(deployment: Synthesised, method: Json) -> str:
    uri = text(method["Integration"]["Uri"])
    found = re.fullmatch(
        r"arn:<AWS::Partition>:apigateway:<AWS::Region>:lambda:path/2015-03-31/functions/<(\w+)>/invocations", uri
    )
    assert found is not None, uri
    alias = deployment.api["Resources"][found[1]]["Properties"]
    function = deployment.api["Resources"][alias["FunctionName"]["Ref"]]["Properties"]
    name: str = function["FunctionName"]
    return name


def test_each_operation_has_a_path_that_leads_straight_to_its_function(usual: Synthesised) -> None:
    found = {path: function_behind(usual, method) for path, method in routes(usual).items()}
    assert found == {"/": "openrek-Router", **{f"/{name}": f"openrek-{name}" for name in NAMES}}
    assert {method["Integration"]["Type"] for method in routes(usual).values()} == {"AWS_PROXY"}


def test_bodies_stay_as_they_are(usual: Synthesised) -> None:
    assert "BinaryMediaTypes" not in usual.only("AWS::ApiGateway::RestApi")["Properties"]


def test_the_api_is_regional_and_watched(usual: Synthesised) -> None:
    api = usual.only("AWS::ApiGateway::RestApi")["Properties"]
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    stage = usual.only("AWS::ApiGateway::Stage")["Properties"]
    assert stage["StageName"] == "v1"
    (settings,) = stage["MethodSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (50, 100)
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("ERROR", False)
    assert settings["MetricsEnabled"] is False
    assert {"requestId", "status", "ip"} <= json.loads(stage["AccessLogSetting"]["Format"]).keys()


def test_the_gateway_may_call_only_what_it_routes_to(usual: Synthesised) -> None:
    for each in usual.every("AWS::Lambda::Permission", Principal="apigateway.amazonaws.com"):
        source = text(each["Properties"]["SourceArn"])
        assert re.search(r"/POST/\w*$", source), source
    assert len(usual.every("AWS::Lambda::Permission", Principal="apigateway.amazonaws.com")) == len(NAMES) + 1


def test_with_a_mapping_the_gateway_picks_the_function(turned_round: Synthesised) -> None:
    method = routes(turned_round)["/"]
    integration = method["Integration"]
    assert integration["Type"] == "AWS"
    assert text(integration["Uri"]).endswith(
        ":lambda:path/2015-03-31/functions/arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>"
        ":function:{function}/invocations"
    )
    assert integration["RequestParameters"] == {"integration.request.path.function": "'openrek-ListCollections:live'"}
    assert integration["PassthroughBehavior"] == "NEVER"
    template = request_template(Deployment(), NAMES)
    assert set(integration["RequestTemplates"]) == {
        "application/x-amz-json-1.1",
        "application/x-amz-json-1.0",
        "application/json",
    }
    assert set(integration["RequestTemplates"].values()) == {template}
    table = json.loads(re.search(r"#set\(\$functions = (\{.*\})\)", template)[1])  # type: ignore[index]
    assert table == {f"RekognitionService.{name}": f"openrek-{name}:live" for name in NAMES}


def test_the_role_of_the_mapping_may_start_the_operations_and_nothing_else(turned_round: Synthesised) -> None:
    role_id = routes(turned_round)["/"]["Integration"]["Credentials"]["Fn::GetAtt"][0]
    (policy,) = turned_round.api["Resources"][role_id]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    prefix = "arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:openrek-"
    assert {text(each) for each in statement["Resource"]} == {f"{prefix}{name}:live" for name in NAMES}


def test_a_function_that_fails_behind_the_mapping_is_an_internal_error(turned_round: Synthesised) -> None:
    responses = {
        each.get("SelectionPattern"): each for each in routes(turned_round)["/"]["Integration"]["IntegrationResponses"]
    }
    assert set(responses) == {None, r"(\n|.)+"}
    failure = responses[r"(\n|.)+"]
    assert failure["StatusCode"] == "500"
    assert json.loads(failure["ResponseTemplates"]["application/json"])["__type"] == "InternalServerError"


SAID_TOO: dict[str, type[Refusal]] = {
    fault.code: kind for kind, fault in FAULTS.items() if fault.code != "ResourceInUseException"
}


@pytest.mark.parametrize("name", RESPONSES)
def test_the_gateway_says_what_a_function_would_say(usual: Synthesised, name: str) -> None:
    said = usual.only("AWS::ApiGateway::GatewayResponse", ResponseType=name)["Properties"]
    body: dict[str, Any] = json.loads(said["ResponseTemplates"]["application/json"])
    like = refuse(SAID_TOO[body["__type"]](), "$context.requestId")
    expected = json.loads(like.body)
    key = "Message" if "Message" in expected else "message"
    if body["__type"] == "AccessDeniedException":
        expected[key] = "Access denied"
    assert (said["StatusCode"], body) == (str(like.status), expected)
    headers = said["ResponseParameters"]
    assert headers["gatewayresponse.header.Content-Type"] == "'application/x-amz-json-1.1'"
    assert re.fullmatch(r"'[^']+'", headers["gatewayresponse.header.x-openrek-reason"])


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ("ACCESS_DENIED", "AccessDeniedException"),
        ("REQUEST_TOO_LARGE", "ImageTooLargeException"),
        ("THROTTLED", "ThrottlingException"),
        ("MISSING_AUTHENTICATION_TOKEN", "UnknownOperationException"),
        ("UNSUPPORTED_MEDIA_TYPE", "UnknownOperationException"),
        ("INTEGRATION_TIMEOUT", "InternalServerError"),
        ("DEFAULT_4XX", "ValidationException"),
        ("DEFAULT_5XX", "InternalServerError"),
    ],
)
def test_each_refusal_of_the_gateway_has_the_code_that_sdks_know(response: str, code: str) -> None:
    assert RESPONSES[response].code == code


def test_a_request_that_is_too_large_is_told_the_limit() -> None:
    assert "4.6 MB" in RESPONSES["REQUEST_TOO_LARGE"].reason
    assert "S3Object" in RESPONSES["REQUEST_TOO_LARGE"].reason


def test_a_domain_replaces_the_gateways_own_address(turned_round: Synthesised, usual: Synthesised) -> None:
    domain = turned_round.only("AWS::ApiGateway::DomainName")["Properties"]
    assert (domain["DomainName"], domain["SecurityPolicy"]) == ("faces.example.com", "TLS_1_2")
    assert domain["RegionalCertificateArn"] == "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b"
    assert turned_round.only("AWS::ApiGateway::RestApi")["Properties"]["DisableExecuteApiEndpoint"] is True
    assert not usual.every("AWS::ApiGateway::DomainName")


def test_the_firewall_is_an_option_and_lets_images_through(turned_round: Synthesised, usual: Synthesised) -> None:
    rules = turned_round.only("AWS::WAFv2::WebACL")["Properties"]["Rules"]
    assert [rule["Name"] for rule in rules] == ["Reputation", "Rate"]
    assert rules[1]["Statement"]["RateBasedStatement"]["Limit"] == 1500
    assert turned_round.only("AWS::WAFv2::WebACLAssociation")
    assert not usual.every("AWS::WAFv2::WebACL")


def test_the_account_wide_log_role_is_an_option(turned_round: Synthesised, usual: Synthesised) -> None:
    assert usual.only("AWS::ApiGateway::Account")
    assert not turned_round.every("AWS::ApiGateway::Account")


def test_alarms_reach_the_topic_and_upkeep_is_missed_when_it_is_silent(turned_round: Synthesised) -> None:
    alarms = {
        each["Properties"]["AlarmDescription"]: each["Properties"]
        for each in turned_round.every("AWS::CloudWatch::Alarm")
    }
    assert len(alarms) == 5
    topic = "arn:aws:sns:eu-west-1:123456789012:alarms"
    assert {action for each in alarms.values() for action in each["AlarmActions"]} == {topic}
    silent = alarms["openrek: Upkeep did not run for 3 hours: deleted faces stay in the store."]
    assert (silent["TreatMissingData"], silent["ComparisonOperator"]) == ("breaching", "LessThanThreshold")
    assert turned_round.only("AWS::CloudWatch::Dashboard", DashboardName="openrek")


def test_upkeep_runs_every_hour_and_is_not_tried_again(usual: Synthesised) -> None:
    rule = usual.only("AWS::Events::Rule")["Properties"]
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    assert rule["Targets"][0]["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert usual.only("AWS::Lambda::EventInvokeConfig")["Properties"]["MaximumRetryAttempts"] == 0
