"""The HTTP API: `POST /{Operation}` straight to each function, everything else to the router, which reads the header.

Not a REST API: that keeps the Authorization header of signed requests to itself (docs/decisions/0018).
"""

from collections.abc import Mapping
from typing import Final, cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.acknowledged import acknowledge
from infra.functions import ROUTER_TIMEOUT_S
from infra.operation_function import log_group
from infra.settings import Deployment

LOG_FIELDS: Final = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "path": "$context.path",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "bytes": "$context.responseLength",
    "error": "$context.integrationErrorMessage",
}
"""Of each request; never what it holds."""

ACCESS_LOGS: Final = "/aws/vendedlogs/apigateway"
"""The delivery of logs adds every group to one policy of the account, which ends at 5,120 characters; but all that lie
below /aws/vendedlogs are there as one line. Elsewhere the stage of an account with many of them cannot be made."""

SIGNED: Final = (
    "Every function verifies the request's AWS signature itself: API Gateway's own authorisers refuse SDKs of "
    "Rekognition, which sign for the service rekognition, or never see the body."
)


class FrontDoor(Construct):
    """`functions` maps operations to their aliases. `url` is what SDKs are given as their endpoint."""

    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        functions: Mapping[str, lambda_.Alias],
        router: lambda_.Alias,
    ) -> None:
        super().__init__(scope, "FrontDoor")
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=deployment.deployment,
            description="openrek: Rekognition's face APIs",
            create_default_stage=False,
            disable_execute_api_endpoint=bool(deployment.domain_name),
        )
        for name, function in functions.items():
            self._route(apigateway.HttpRouteKey.with_(f"/{name}", apigateway.HttpMethod.POST), name, function)
        self._route(apigateway.HttpRouteKey.DEFAULT, "Otherwise", router)
        stage = self._stage(deployment)
        self.url = f"https://{deployment.domain_name}/" if deployment.domain_name else cast("str", stage.url)

    def _route(self, key: apigateway.HttpRouteKey, name: str, function: lambda_.Alias) -> None:
        integration = integrations.HttpLambdaIntegration(
            f"{name}Integration",
            function,
            payload_format_version=apigateway.PayloadFormatVersion.VERSION_1_0,
            timeout=cdk.Duration.seconds(ROUTER_TIMEOUT_S),
            scope_permission_to_route=True,
        )
        route = apigateway.HttpRoute(self, name, http_api=self.api, route_key=key, integration=integration)
        acknowledge(route, "AwsSolutions-APIG4", SIGNED)

    def _stage(self, deployment: Deployment) -> apigateway.HttpStage:
        """Make the stage that has no part in the path: clients sign the path that the functions see."""
        log = log_group(self, "Log", f"{ACCESS_LOGS}/{deployment.deployment}", deployment)
        throttle = apigateway.ThrottleSettings(
            rate_limit=deployment.throttle_rate, burst_limit=deployment.throttle_burst
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=throttle,
            domain_mapping=self._domain(deployment) if deployment.domain_name else None,
        )
        cast(
            "apigateway.CfnStage", stage.node.default_child
        ).access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=cdk.Fn.to_json_string(LOG_FIELDS)
        )
        return stage

    def _domain(self, deployment: Deployment) -> apigateway.DomainMappingOptions:
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", deployment.certificate_arn)
        domain = apigateway.DomainName(
            self,
            "Domain",
            domain_name=deployment.domain_name,
            certificate=certificate,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        cdk.CfnOutput(
            cdk.Stack.of(self), "DomainTarget", value=domain.regional_domain_name
        )  # here its name has no prefix
        return apigateway.DomainMappingOptions(domain_name=domain)
