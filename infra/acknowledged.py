"""Findings of cdk-nag that we accept, each with its reason; the reason goes into the template's metadata."""

from typing import Any

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept `finding`, a rule or one finding of it: `AwsSolutions-IAM5[Resource::*]`."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcard(construct: IConstruct, resource: str, reason: str) -> None:
    """Accept this one resource in the construct's policies, and no other."""
    found = _as_nag_says(cdk.Stack.of(construct).resolve(resource))
    acknowledge(construct, f"AwsSolutions-IAM5[Resource::{found}]", reason)


def _as_nag_says(resolved: Any) -> str:
    """Return CloudFormation's expression as cdk-nag writes it in the name of a finding."""
    if isinstance(resolved, str):
        return resolved
    ((function, argument),) = resolved.items()
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::Join":
        return "".join(map(_as_nag_says, argument[1]))
    return _as_nag_says(argument)
