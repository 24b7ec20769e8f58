"""The stack of data that must outlive every deployment: the table of items and the bucket of blobs."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledged import acknowledge
from infra.settings import Deployment

BACKUP_DAYS: Final = 35


def table_export(deployment: Deployment) -> str:
    return f"{deployment.deployment}-table"


def bucket_export(deployment: Deployment) -> str:
    return f"{deployment.deployment}-bucket"


class DataStack(cdk.Stack):
    def __init__(self, scope: Construct, deployment: Deployment) -> None:
        name = f"{deployment.deployment}-data"
        super().__init__(scope, name, stack_name=name, description="openrek: the stored faces")
        keep = deployment.removal_policy == "retain"
        removal = cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY
        self.table = self._table(deployment, removal, keep=keep)
        self.bucket = self._bucket(removal)
        if keep:
            self.termination_protection = True
        cdk.CfnOutput(self, "TableName", value=self.table.table_name, export_name=table_export(deployment))
        cdk.CfnOutput(self, "BucketName", value=self.bucket.bucket_name, export_name=bucket_export(deployment))

    def _table(self, deployment: Deployment, removal: cdk.RemovalPolicy, *, keep: bool) -> dynamodb.Table:
        """Make the table, without a time to live: nothing is ever deleted by a clock."""
        backups = dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=deployment.backups,
            recovery_period_in_days=BACKUP_DAYS if deployment.backups else None,
        )
        table = dynamodb.Table(
            self,
            "Items",
            partition_key=dynamodb.Attribute(name="partition", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sort", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=backups,
            deletion_protection=keep,
            removal_policy=removal,
        )
        if not deployment.backups:
            acknowledge(table, "AwsSolutions-DDB3", "Backups were turned off, so that deleted faces are gone at once.")
        return table

    def _bucket(self, removal: cdk.RemovalPolicy) -> s3.Bucket:
        """Make the bucket, without versions: deleted objects must be gone."""
        bucket = s3.Bucket(
            self,
            "Blobs",
            versioned=False,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=cdk.Duration.days(1))],
            removal_policy=removal,
        )
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "Only the functions' roles reach it; CloudTrail data events can record each read where that is wanted.",
        )
        return bucket
