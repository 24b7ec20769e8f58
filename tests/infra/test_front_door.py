"""The HTTP API: its routes, its limits, its own address."""

import json
import re

from infra.functions import OPERATIONS, ROUTER_TIMEOUT_S
from tests.infra.templates import Json, Synthesised, text

NAMES = [function.name for function in OPERATIONS]


def integrations(deployment: Synthesised) -> dict[str, Json]:
    """Key of the route -> the properties of its integration."""
    found = {}
    for route in deployment.every("AWS::ApiGatewayV2::Route"):
        integration_id = text(route["Properties"]["Target"]).removeprefix("integrations/").strip("<>")
        found[route["Properties"]["RouteKey"]] = deployment.api["Resources"][integration_id]["Properties"]
    return found


def function_behind(deployment: Synthesised, integration: Json) -> str:
    alias = deployment.api["Resources"][integration["IntegrationUri"]["Ref"]]["Properties"]
    function = deployment.api["Resources"][alias["FunctionName"]["Ref"]]["Properties"]
    name: str = function["FunctionName"]
    return name


def test_each_operation_has_a_path_that_leads_straight_to_its_function_and_the_rest_to_the_router(
    usual: Synthesised,
) -> None:
    found = {key: function_behind(usual, integration) for key, integration in integrations(usual).items()}
    assert found == {"$default": "openrek-Router", **{f"POST /{name}": f"openrek-{name}" for name in NAMES}}


def test_functions_get_the_event_that_they_read_and_the_time_that_they_need(usual: Synthesised) -> None:
    for integration in integrations(usual).values():
        assert (integration["IntegrationType"], integration["PayloadFormatVersion"]) == ("AWS_PROXY", "1.0")
        assert integration["TimeoutInMillis"] == 1000 * ROUTER_TIMEOUT_S <= 30_000


def test_signatures_are_left_to_the_functions(usual: Synthesised) -> None:
    """A REST API would keep the Authorization header of signed requests to itself."""
    assert usual.only("AWS::ApiGatewayV2::Api")["Properties"]["ProtocolType"] == "HTTP"
    routes = usual.every("AWS::ApiGatewayV2::Route")
    assert {route["Properties"]["AuthorizationType"] for route in routes} == {"NONE"}
    assert not usual.every("AWS::ApiGatewayV2::Authorizer")


def test_the_path_has_no_stage_and_requests_are_limited_and_logged(usual: Synthesised) -> None:
    stage = usual.only("AWS::ApiGatewayV2::Stage")["Properties"]
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    limits = stage["DefaultRouteSettings"]
    assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (50, 100)
    assert not limits.get("DetailedMetricsEnabled")
    assert {"requestId", "status", "ip"} <= json.loads(stage["AccessLogSettings"]["Format"]).keys()
    log_id = stage["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"][0]
    log = usual.api["Resources"][log_id]["Properties"]
    assert (log["LogGroupName"], log["RetentionInDays"]) == ("/aws/vendedlogs/apigateway/openrek", 30)


def test_other_limits_are_an_option(turned_round: Synthesised) -> None:
    limits = turned_round.only("AWS::ApiGatewayV2::Stage")["Properties"]["DefaultRouteSettings"]
    assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (5, 9)


def test_the_gateway_may_call_only_what_it_routes_to(usual: Synthesised) -> None:
    permissions = usual.every("AWS::Lambda::Permission", Principal="apigateway.amazonaws.com")
    found = {
        text(each["Properties"]["SourceArn"]).partition("/*/*")[2]: each["Properties"]["FunctionName"]["Ref"]
        for each in permissions
    }
    assert {path: re.sub("Deployed.*", "", alias) for path, alias in found.items()} == {
        "": "Router",
        **{f"/{name}": name for name in NAMES},
    }


def test_a_domain_replaces_the_gateways_own_address(turned_round: Synthesised, usual: Synthesised) -> None:
    domain = turned_round.only("AWS::ApiGatewayV2::DomainName")["Properties"]
    (configuration,) = domain["DomainNameConfigurations"]
    assert (domain["DomainName"], configuration["SecurityPolicy"]) == ("faces.example.com", "TLS_1_2")
    assert configuration["CertificateArn"] == "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b"
    assert "ApiMappingKey" not in turned_round.only("AWS::ApiGatewayV2::ApiMapping")["Properties"]
    assert turned_round.only("AWS::ApiGatewayV2::Api")["Properties"]["DisableExecuteApiEndpoint"] is True
    outputs = turned_round.api["Outputs"]
    assert outputs["Endpoint"]["Value"] == "https://faces.example.com/"
    assert outputs["DomainTarget"]["Value"]["Fn::GetAtt"][1] == "RegionalDomainName"

    assert not usual.every("AWS::ApiGatewayV2::DomainName")
    assert set(usual.api["Outputs"]) == {"Endpoint", "KeysPrefix"}
    api_id = next(key for key, each in usual.api["Resources"].items() if each["Type"] == "AWS::ApiGatewayV2::Api")
    assert text(usual.api["Outputs"]["Endpoint"]["Value"]) == (
        f"https://<{api_id}>.execute-api.<AWS::Region>.<AWS::URLSuffix>/"
    )


def test_upkeep_runs_every_hour_and_is_not_tried_again(usual: Synthesised) -> None:
    rule = usual.only("AWS::Events::Rule")["Properties"]
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    assert rule["Targets"][0]["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert usual.only("AWS::Lambda::EventInvokeConfig")["Properties"]["MaximumRetryAttempts"] == 0
