"""Everything that holds no data: functions, their layers and roles, the front door, what watches them."""

from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.data_stack import DataStack, bucket_export, table_export
from infra.front_door import FrontDoor
from infra.functions import OF_CELEBRITIES, OPERATIONS, ROUTER, UPKEEP, Function, Grant
from infra.grants import DeploymentArns, grants_of, keys_prefix
from infra.operation_function import ARCHITECTURE, RUNTIME, OperationFunction, alias_arn, qualified_name
from infra.settings import BadOption, Deployment
from infra.watch import METRICS_NAMESPACE, Watch

UPKEEP_EVERY: Final = cdk.Duration.hours(1)


class ApiStack(cdk.Stack):
    """`packages` is the folder that `infra.package` made; only operations that it holds are deployed."""

    def __init__(self, scope: Construct, deployment: Deployment, data: DataStack, packages: Path) -> None:
        name = f"{deployment.deployment}-api"
        super().__init__(scope, name, stack_name=name, description="openrek: Rekognition's face APIs")
        self._deployment = deployment
        self._packages = packages
        self._layers: dict[str, lambda_.LayerVersion] = {}
        self._rows = [row for row in OPERATIONS if self._is_packaged(row)]
        self._check_names()
        self.add_stack_dependency(data)
        table, bucket = (cdk.Fn.import_value(name) for name in (table_export(deployment), bucket_export(deployment)))
        self._arns = DeploymentArns(
            table=self.format_arn(service="dynamodb", resource="table", resource_name=table),
            bucket=f"arn:{self.partition}:s3:::{bucket}",
            upkeep=alias_arn(self, deployment, UPKEEP.name),
            functions=[alias_arn(self, deployment, row.name) for row in self._rows],
        )
        self._store = {"OPENREK_TABLE": table, "OPENREK_BUCKET": bucket}
        functions = {row.name: self._function(row) for row in self._rows}
        upkeep = self._function(UPKEEP)
        schedule = self._schedule(upkeep)
        self.door = FrontDoor(self, deployment, functions, self._function(ROUTER))
        Watch(
            self,
            deployment,
            api=self.door.api,
            functions=functions,
            upkeep=upkeep,
            schedule=schedule,
            table=table,
        )
        self._outputs()

    def _function(self, row: Function) -> lambda_.Alias:
        made = OperationFunction(
            self,
            row,
            self._deployment,
            code=self._packages / "functions" / row.folder,
            layers=[self._layer(name) for name in row.all_layers],
            environment=self._environment(row),
            allowed=list(grants_of(self, self._deployment, row, self._arns)),
        )
        return made.alias

    def _environment(self, row: Function) -> dict[str, str]:
        environment = {
            "POWERTOOLS_SERVICE_NAME": self._deployment.deployment,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
        }
        if row is ROUTER:
            return environment | {"OPENREK_FUNCTIONS": qualified_name(self._deployment, "{operation}")}
        environment |= self._store
        if Grant.READ_KEYS in row.grants:
            environment["OPENREK_KEYS"] = keys_prefix(self._deployment)
            environment["OPENREK_ACCOUNT"] = self.account
        if Grant.ASK_UPKEEP in row.grants:
            environment["OPENREK_UPKEEP"] = qualified_name(self._deployment, UPKEEP.name)
        if Grant.READ_IMAGES in row.grants:
            environment["OPENREK_IMAGE_BUCKETS"] = ",".join(self._deployment.image_buckets)
        if Grant.READ_LABELS in row.grants and self._deployment.label_pack:
            environment["OPENREK_LABEL_PACK"] = self._deployment.label_pack
        if "numeric" in row.layers:
            environment["OPENBLAS_NUM_THREADS"] = "1"  # searches share their rows out themselves
        if row.weights:
            environment["OPENREK_WEIGHTS"] = "/opt/weights"
        if row.name in OF_CELEBRITIES:
            environment["OPENREK_CELEBRITIES"] = self._deployment.celebrities
            environment["OPENREK_CELEBRITY_THRESHOLD"] = self._deployment.celebrity_threshold
        if row.weights == "moderation":
            environment["OPENREK_MODERATION_TAXONOMY"] = self._deployment.moderation_taxonomy
        return environment

    def _layer(self, name: str) -> lambda_.LayerVersion:
        if name not in self._layers:
            self._layers[name] = lambda_.LayerVersion(
                self,
                f"Layer-{name}",
                layer_version_name=f"{self._deployment.deployment}-{name}",
                description=f"openrek: {name}",
                code=lambda_.Code.from_asset(str(self._packages / "layers" / name)),
                compatible_architectures=[ARCHITECTURE[self._deployment.architecture]],
                compatible_runtimes=[RUNTIME],
            )
        return self._layers[name]

    def _schedule(self, upkeep: lambda_.Alias) -> events.Rule:
        """Start the upkeep at intervals, for collections whose writers do not ask for it."""
        upkeep.configure_async_invoke(retry_attempts=0, max_event_age=UPKEEP_EVERY)
        rule = events.Rule(
            self, "UpkeepEveryHour", description="openrek: upkeep", schedule=events.Schedule.rate(UPKEEP_EVERY)
        )
        rule.add_target(targets.LambdaFunction(upkeep, retry_attempts=0))
        return rule

    def _is_packaged(self, row: Function) -> bool:
        return (self._packages / "functions" / row.folder).is_dir()

    def _check_names(self) -> None:
        known = {row.name for row in self._rows}
        for name, _ in self._deployment.provisioned_concurrency:
            if name not in known:
                raise BadOption(f"provisioned_concurrency: there is no operation {name!r}.")

    def _outputs(self) -> None:
        cdk.CfnOutput(self, "Endpoint", value=self.door.url)
        cdk.CfnOutput(self, "KeysPrefix", value=keys_prefix(self._deployment))
