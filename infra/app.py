"""The CDK application: two stacks, checked by cdk-nag."""

from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.api_stack import ApiStack
from infra.data_stack import DataStack
from infra.settings import Deployment


def application(deployment: Deployment, app: cdk.App, packages: Path) -> tuple[DataStack, ApiStack]:
    """Fill `app`. `packages`: see `infra.package`. Raises BadOption."""
    data = DataStack(app, deployment)
    api = ApiStack(app, deployment, data, packages)
    cdk.Tags.of(app).add("openrek", deployment.deployment)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app, write_suppressions_to_cloud_formation=True))
    return data, api
