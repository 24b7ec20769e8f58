"""Grants in IAM's words. A transaction is allowed by what it is made of: puts, deletions, checks, gets. A put or a
deletion that is sent alone needs the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from infra.functions import Function, Grant
from infra.settings import Deployment

LABELS: Final = "labels/"
"""How the names of the blobs begin that hold the owner's labels."""
SECRETS: Final = "deployment"
"""The partition of the table that holds the secret of page tokens."""


@dataclass(frozen=True, slots=True)
class DeploymentArns:
    """ARNs of a deployment's resources; `functions` are those that the router starts."""

    table: str
    bucket: str
    upkeep: str
    functions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Allowed:
    """One statement of a policy. `wildcard` says why a resource ends with a star, where one does."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: dict[str, Any] | None = None
    wildcard: str = ""

    def statement(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=list(self.actions), resources=list(self.resources), conditions=self.conditions
        )


def grants_of(stack: Stack, deployment: Deployment, function: Function, arns: DeploymentArns) -> Iterator[Allowed]:
    """Yield everything that the function's role may do, apart from writing its log."""
    grants = set(function.grants)
    if Grant.ROUTE in grants:
        yield Allowed(["lambda:InvokeFunction"], arns.functions)
        return
    yield from _items(grants, arns.table)
    yield from _blobs(grants, arns.bucket)
    if Grant.READ_KEYS in grants:
        yield from _keys(stack, deployment)
    if Grant.READ_IMAGES in grants and deployment.image_buckets:
        yield Allowed(
            ["s3:GetObject", "s3:GetObjectVersion"],
            [f"arn:{stack.partition}:s3:::{bucket}/*" for bucket in deployment.image_buckets],
            wildcard="Callers name the objects; the buckets are those that were listed for it.",
        )
    if Grant.READ_LABELS in grants and deployment.label_pack:
        place = deployment.label_pack.removeprefix("s3://")
        pack = f"arn:{stack.partition}:s3:::{place}/*"
        yield Allowed(["s3:GetObject"], [pack], wildcard="What is in the pack says a file in it.")
    if Grant.ASK_UPKEEP in grants:
        yield Allowed(["lambda:InvokeFunction"], [arns.upkeep])


def keys_prefix(deployment: Deployment) -> str:
    """Return the prefix of the names of the SSM parameters that hold the access keys."""
    return f"/openrek/{deployment.deployment}/keys/"


def _items(grants: set[Grant], table: str) -> Iterator[Allowed]:
    wanted = {
        Grant.CHECK_ITEMS: ["dynamodb:ConditionCheckItem"],
        Grant.DELETE_ITEMS: ["dynamodb:DeleteItem"],
        Grant.PUT_ITEMS: ["dynamodb:PutItem"],
        Grant.READ_ITEMS: ["dynamodb:GetItem", "dynamodb:Query"],
    }
    actions = [action for grant, actions in wanted.items() if grant in grants for action in actions]
    if actions:
        yield Allowed(sorted(actions), [table])
    if Grant.SEAL_TOKENS in grants:  # the store sends this put alone: for transactions AWS documents no such condition
        only_secrets = {
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [SECRETS]},
            "Null": {"dynamodb:LeadingKeys": "false"},  # "for all values" is true of none
        }
        yield Allowed(["dynamodb:PutItem"], [table], only_secrets)


def _blobs(grants: set[Grant], bucket: str) -> Iterator[Allowed]:
    """Yield the grants on blobs.

    Listing makes S3 say "not found" instead of "access denied" for a blob that is gone.
    """
    if Grant.READ_LABELS in grants:
        taught = "Labels come and go after the deployment; all are below this one prefix of its bucket."
        yield Allowed(["s3:GetObject"], [f"{bucket}/{LABELS}*"], wildcard=taught)
        yield Allowed(["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": [f"{LABELS}*"]}})
    reason = "The bucket holds blobs and nothing else; their names are random."
    if Grant.KEEP_BLOBS in grants:
        yield Allowed(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [f"{bucket}/*"], wildcard=reason)
    elif Grant.READ_BLOBS in grants:
        yield Allowed(["s3:GetObject"], [f"{bucket}/*"], wildcard=reason)
    else:
        return
    yield Allowed(["s3:ListBucket"], [bucket])


def _keys(stack: Stack, deployment: Deployment) -> Iterator[Allowed]:
    """Yield the grants on access keys.

    AWS's own key for SSM decrypts for every reader of the parameter; a key of the account asks for more.
    """
    place = keys_prefix(deployment).strip("/")
    listing, parameters = (
        stack.format_arn(
            service="ssm", resource="parameter", resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
        for name in (place, f"{place}/*")
    )
    reason = "Access keys come and go after the deployment; all are below this deployment's own prefix."
    yield Allowed(["ssm:GetParameter"], [parameters], wildcard=reason)
    yield Allowed(["ssm:GetParametersByPath"], [listing])  # SSM asks about the path, without a slash behind it
    if deployment.keys_kms_key_arn:
        through_ssm = {"StringEquals": {"kms:ViaService": f"ssm.{stack.region}.{stack.url_suffix}"}}
        yield Allowed(["kms:Decrypt"], [deployment.keys_kms_key_arn], through_ssm)
