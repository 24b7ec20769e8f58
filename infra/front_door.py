"""The REST API: `POST /{Operation}` straight to each function, `POST /` to whichever the header names."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.acknowledged import acknowledge
from infra.gateway_errors import add_gateway_errors
from infra.mapping import mapped, method_responses
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
    "error": "$context.error.responseType",
}
"""Of each request; never what it holds."""

LOG_POLICY: Final = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
SIGNED: Final = (
    "Every function verifies the request's AWS signature itself: API Gateway's own authorisers refuse SDKs of "
    "Rekognition, which sign for the service rekognition, or never see the body."
)


class FrontDoor(Construct):
    """`functions` maps operations to their aliases; `router` is None where the gateway maps by itself."""

    def __init__(
        self,
        scope: Construct,
        deployment: Deployment,
        functions: Mapping[str, lambda_.Alias],
        router: lambda_.Alias | None,
    ) -> None:
        super().__init__(scope, "FrontDoor")
        self.api = self._api(deployment)
        add_gateway_errors(self.api)
        for name, function in functions.items():
            self.api.root.add_resource(name).add_method("POST", _straight_to(function))
        if router is not None:
            self.api.root.add_method("POST", _straight_to(router))
        else:
            integration = mapped(self, deployment, list(functions))
            self.api.root.add_method("POST", integration, method_responses=method_responses())
        if deployment.domain_name:
            self._domain(deployment)
        self._firewall(deployment)

    def _api(self, deployment: Deployment) -> apigateway.RestApi:
        """No binary media types: they would turn every body into base64 once more."""
        log = log_group(self, "Log", f"/aws/apigateway/{deployment.deployment}", deployment)
        api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=deployment.deployment,
            description="openrek: Rekognition's image APIs",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=deployment.account_log_role,
            disable_execute_api_endpoint=bool(deployment.domain_name),
            deploy_options=apigateway.StageOptions(
                stage_name=deployment.stage,
                access_log_destination=apigateway.LogGroupLogDestination(log),
                access_log_format=apigateway.AccessLogFormat.custom(cdk.Fn.to_json_string(LOG_FIELDS)),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=False,  # metrics of each method are billed one by one; those of the API are free
                throttling_rate_limit=deployment.throttle_rate,
                throttling_burst_limit=deployment.throttle_burst,
            ),
        )
        for rule in ("AwsSolutions-APIG4", "AwsSolutions-COG4"):
            acknowledge(api, rule, SIGNED)
        acknowledge(api, "AwsSolutions-APIG2", "Every function validates the request against the service model.")
        if deployment.account_log_role:
            role = api.node.find_child("CloudWatchRole")
            reason = "AWS's own policy by which API Gateway writes logs; one role per account."
            acknowledge(role, f"AwsSolutions-IAM4[Policy::{LOG_POLICY}]", reason)
        return api

    def _domain(self, deployment: Deployment) -> None:
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", deployment.certificate_arn)
        domain = self.api.add_domain_name(
            "Domain",
            domain_name=deployment.domain_name,
            certificate=certificate,
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        cdk.CfnOutput(self, "DomainTarget", value=domain.domain_name_alias_domain_name)

    def _firewall(self, deployment: Deployment) -> None:
        """AWS's common rules are left out: they refuse bodies above 8 KB, and ours are images."""
        if not deployment.waf:
            acknowledge(
                self.api.deployment_stage,
                "AwsSolutions-APIG3",
                "A firewall has a monthly price; -c waf=true adds one. Unsigned requests reach no data.",
            )
            return
        rules = [
            _rule("Reputation", 0, group="AWSManagedRulesAmazonIpReputationList"),
            _rule("Rate", 1, per_5_minutes=max(10, deployment.throttle_rate * 300)),
        ]
        acl = wafv2.CfnWebACL(
            self,
            "Firewall",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible(f"{deployment.deployment}-firewall"),
            rules=rules,
        )
        stage = self.api.deployment_stage
        wafv2.CfnWebACLAssociation(self, "Guarded", resource_arn=stage.stage_arn, web_acl_arn=acl.attr_arn)


def _straight_to(function: lambda_.Alias) -> apigateway.LambdaIntegration:
    return apigateway.LambdaIntegration(function, proxy=True, allow_test_invoke=False)


def _rule(
    name: str, priority: int, *, group: str | None = None, per_5_minutes: int | None = None
) -> wafv2.CfnWebACL.RuleProperty:
    """A group of AWS's rules, or a limit for each address."""
    statement = wafv2.CfnWebACL.StatementProperty(
        managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(name=group, vendor_name="AWS")
        if group
        else None,
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP", limit=min(per_5_minutes, 2_000_000_000)
        )
        if per_5_minutes
        else None,
    )
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=statement,
        visibility_config=_visible(name),
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}) if group else None,
        action=None if group else wafv2.CfnWebACL.RuleActionProperty(block={}),
    )


def _visible(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
