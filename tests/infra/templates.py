"""The application's templates, and questions to them. Importing this starts Node.js, once for all tests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.node import use_node

use_node()

import aws_cdk as cdk  # noqa: E402 - Node.js first
from aws_cdk.assertions import Template  # noqa: E402

from infra.app import application  # noqa: E402
from infra.functions import OPERATIONS, ROUTER, UPKEEP  # noqa: E402
from infra.settings import Deployment  # noqa: E402

ROOT = Path(__file__).parents[2]
EVERY = (*OPERATIONS, ROUTER, UPKEEP)
AS_THE_COMMAND_DOES = {"aws:cdk:enable-asset-metadata": True, "aws:cdk:enable-path-metadata": True}
"""The context that `cdk` itself adds; SAM needs it to find code."""

Json = dict[str, Any]


class Synthesised:
    """One deployment of `options`, over packages that hold a file each. Raises what synthesis raises."""

    def __init__(self, folder: Path, options: Mapping[str, Any]) -> None:
        context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"] | AS_THE_COMMAND_DOES
        app = cdk.App(context=context | dict(options), outdir=str(folder / "cdk.out"), analytics_reporting=False)
        data, api = application(Deployment.of(app.node.try_get_context), app, stub_packages(folder / "packages"))
        app.synth()
        self.folder = folder / "cdk.out"
        self.data: Json = Template.from_stack(data).to_json()
        self.api: Json = Template.from_stack(api).to_json()

    def function(self, name: str) -> Json:
        """The function's properties."""
        found: Json = self.only("AWS::Lambda::Function", FunctionName=f"openrek-{name}")["Properties"]
        return found

    def role(self, name: str) -> Json:
        logical_id = self.function(name)["Role"]["Fn::GetAtt"][0]
        found: Json = self.api["Resources"][logical_id]
        return found

    def layers(self, name: str) -> set[str]:
        layers = (self.api["Resources"][each["Ref"]]["Properties"] for each in self.function(name)["Layers"])
        return {layer["Description"].removeprefix("openrek: ") for layer in layers}

    def statements(self, name: str) -> list[Json]:
        """The function's policy: every statement, resources as text; the log's own is left out."""
        role = self.role(name)["Properties"]
        assert "ManagedPolicyArns" not in role
        (policy,) = role["Policies"]
        found = [_flat(statement) for statement in policy["PolicyDocument"]["Statement"]]
        (log,) = (each for each in found if each["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"])
        assert self.api["Resources"][log["Resource"][0].removesuffix(".Arn")]["Properties"]["LogGroupName"] == (
            f"/aws/lambda/openrek-{name}"
        )
        return [each for each in found if each is not log]

    def only(self, kind: str, **properties: Any) -> Json:
        (found,) = self.every(kind, **properties)
        return found

    def every(self, kind: str, **properties: Any) -> list[Json]:
        return [
            resource
            for stack in (self.data, self.api)
            for resource in stack["Resources"].values()
            if resource["Type"] == kind and properties.items() <= resource.get("Properties", {}).items()
        ]


def stub_packages(folder: Path) -> Path:
    """What `infra.package` makes, with a file of a line in each folder."""
    for function in EVERY:
        for place in (f"functions/{function.folder}", *(f"layers/{name}" for name in function.all_layers)):
            (folder / place).mkdir(parents=True, exist_ok=True)
            (folder / place / "handler.py").write_text(f"# {place}\n", "utf-8")
    return folder


def text(value: Any) -> str:
    """An expression of CloudFormation as one line: `arn:<AWS::Partition>:s3:::photos/*`."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return "".join(map(text, argument[1]))
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return ".".join(argument)
    if function == "Fn::ImportValue":
        return f"<<{argument}>>"
    raise AssertionError(f"{function} is not expected here")


def _flat(statement: Json) -> Json:
    assert statement["Effect"] == "Allow"
    resources = _many(statement["Resource"])
    return {
        "Action": _many(statement["Action"]),
        "Resource": [text(resource) for resource in resources],
        **({"Condition": statement["Condition"]} if "Condition" in statement else {}),
    }


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
