"""One row of the table as a Lambda function: its role, its log, its layers, its alias."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.acknowledged import acknowledge, acknowledge_wildcard
from infra.functions import Function
from infra.grants import Allowed
from infra.settings import Deployment
from infra.targets import LAMBDA_PYTHON

ALIAS: Final = "live"
"""Everybody calls this alias. It points at the newest version, which SnapStart and provisioned concurrency need."""

ARCHITECTURE: Final = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}
RUNTIME: Final = lambda_.Runtime(f"python{LAMBDA_PYTHON}", lambda_.RuntimeFamily.PYTHON, supports_snap_start=True)


def function_name(deployment: Deployment, name: str) -> str:
    """Return the name: `openrek-IndexFaces`. It is fixed, so that the router knows it without a setting."""
    return f"{deployment.deployment}-{name}"


def qualified_name(deployment: Deployment, name: str) -> str:
    """Return the name that callers give to Lambda: `openrek-IndexFaces:live`."""
    return f"{function_name(deployment, name)}:{ALIAS}"


def alias_arn(stack: cdk.Stack, deployment: Deployment, name: str) -> str:
    """Return the alias's ARN, written out and not taken from the alias: functions name one another, and CloudFormation
    allows no circles.
    """
    arn: str = stack.format_arn(
        service="lambda",
        resource="function",
        resource_name=qualified_name(deployment, name),
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    return arn


def log_group(scope: Construct, construct_id: str, name: str, deployment: Deployment) -> logs.LogGroup:
    made = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=cdk.RemovalPolicy.DESTROY)
    cast("logs.CfnLogGroup", made.node.default_child).retention_in_days = deployment.log_days
    return made


class OperationFunction(Construct):
    """A function with its role, log, layers and alias.

    Callers call `alias`. The function itself stands beside this, under the row's name: `sam` finds it so.
    """

    def __init__(
        self,
        scope: Construct,
        row: Function,
        deployment: Deployment,
        *,
        code: Path,
        layers: Sequence[lambda_.ILayerVersion],
        environment: Mapping[str, str],
        allowed: Sequence[Allowed],
    ) -> None:
        super().__init__(scope, f"{row.name}Deployed")
        name = function_name(deployment, row.name)
        log = log_group(self, "Log", f"/aws/lambda/{name}", deployment)
        function = lambda_.Function(
            scope,
            row.name,
            function_name=name,
            description=f"openrek: {row.name}",
            runtime=RUNTIME,
            architecture=ARCHITECTURE[deployment.architecture],
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(code)),
            layers=list(layers),
            memory_size=row.memory_mb,
            timeout=cdk.Duration.seconds(row.timeout_s),
            environment=dict(environment),
            role=self._role(row, log, allowed),
            log_group=log,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if deployment.snap_start else None,
        )
        warm = dict(deployment.provisioned_concurrency).get(row.name)
        self.alias = lambda_.Alias(
            self,
            "Alias",
            alias_name=ALIAS,
            version=function.current_version,
            provisioned_concurrent_executions=warm,
        )
        acknowledge(function, "AwsSolutions-L1", f"Wheels and tests are pinned to Python {LAMBDA_PYTHON}.")

    def _role(self, row: Function, log: logs.LogGroup, allowed: Sequence[Allowed]) -> iam.Role:
        may_log = Allowed(["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn])
        statements = [each.statement() for each in (*allowed, may_log)]
        role = iam.Role(
            self,
            "Role",
            description=f"openrek: what {row.name} may do",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"openrek": iam.PolicyDocument(statements=statements, minimize=False)},
        )
        for each in allowed:
            for resource in each.resources if each.wildcard else ():
                acknowledge_wildcard(role, resource, each.wildcard)
        return role
