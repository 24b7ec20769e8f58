"""`POST /` without a router: API Gateway itself picks the function, with a mapping template.

The URI of an integration is fixed, except for its path parameters; the template sets one of them. Known to work for
AWS's services in general; for Lambda nobody has shown it to us on AWS yet.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.gateway_errors import INTERNAL, JSON, body_of
from infra.operation_function import alias_arn, qualified_name
from infra.settings import Deployment

TARGET: Final = "RekognitionService."
CONTENT_TYPES: Final = ("application/x-amz-json-1.1", "application/x-amz-json-1.0", "application/json")
"""API Gateway takes a request without a type for application/json; the function then says what is wrong with it."""
OTHERWISE: Final = "ListCollections"
"""Answers what names no operation: every function knows how to refuse that, and this one is small."""
HERE: Final = Path(__file__).parent


def request_template(deployment: Deployment, operations: Sequence[str]) -> str:
    """The template for `POST /`: X-Amz-Target -> the name of a function, from a fixed table."""
    functions = {f"{TARGET}{name}": qualified_name(deployment, name) for name in operations}
    text = (HERE / "front_door.vtl").read_text("utf-8")
    table = json.dumps(functions, separators=(", ", ": "))
    return text.replace("@functions@", table).replace("@otherwise@", qualified_name(deployment, OTHERWISE))


def reply_template() -> str:
    return (HERE / "reply.vtl").read_text("utf-8")


def mapped(scope: Construct, deployment: Deployment, operations: Sequence[str]) -> apigateway.Integration:
    stack = cdk.Stack.of(scope)
    role = iam.Role(
        scope,
        "MappingRole",
        description="openrek: lets API Gateway start the operations' functions",
        assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        inline_policies={"openrek": iam.PolicyDocument(statements=[_may_start(stack, deployment, operations)])},
    )
    function = stack.format_arn(
        service="lambda",
        resource="function",
        resource_name="{function}",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    template = request_template(deployment, operations)
    return apigateway.Integration(
        type=apigateway.IntegrationType.AWS,
        integration_http_method="POST",
        uri=f"arn:{stack.partition}:apigateway:{stack.region}:lambda:path/2015-03-31/functions/{function}/invocations",
        options=apigateway.IntegrationOptions(
            credentials_role=role,
            passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
            request_parameters={
                "integration.request.path.function": f"'{qualified_name(deployment, OTHERWISE)}'",
            },
            request_templates=dict.fromkeys(CONTENT_TYPES, template),
            integration_responses=[_answer(), _failure()],
        ),
    )


def method_responses() -> list[apigateway.MethodResponse]:
    headers = {"method.response.header.Content-Type": True, "method.response.header.x-openrek-reason": True}
    return [apigateway.MethodResponse(status_code=status, response_parameters=headers) for status in ("200", "500")]


def _may_start(stack: cdk.Stack, deployment: Deployment, operations: Sequence[str]) -> iam.PolicyStatement:
    functions = [alias_arn(stack, deployment, name) for name in operations]
    return iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=functions)


def _answer() -> apigateway.IntegrationResponse:
    return apigateway.IntegrationResponse(
        status_code="200",
        response_parameters={"method.response.header.Content-Type": f"'{JSON}'"},
        response_templates={"application/json": reply_template()},
    )


def _failure() -> apigateway.IntegrationResponse:
    """The function itself failed or ran out of time; what it says is for the log, not for the caller."""
    return apigateway.IntegrationResponse(
        status_code="500",
        selection_pattern=r"(\n|.)+",
        response_parameters={"method.response.header.Content-Type": f"'{JSON}'"},
        response_templates={"application/json": body_of(INTERNAL)},
    )
