"""What AWS's own tools say of the templates."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

from infra.folders import kept
from tests.infra.templates import EVERY, Synthesised

SAM = Path(__file__).with_name("sam-requirements.txt")
BUILD = Path(__file__).parents[2] / "build"


@pytest.mark.parametrize("deployment", ["usual", "turned_round"])
@pytest.mark.parametrize("stack", ["data", "api"])
def test_cfn_lint_finds_nothing(deployment: str, stack: str, request: pytest.FixtureRequest) -> None:
    """W3005 is left out: the CDK writes dependencies that CloudFormation could find by itself."""
    made: Synthesised = request.getfixturevalue(deployment)
    template = made.folder / f"openrek-{stack}.template.json"
    found = lint_file(template, config=ManualArgs(regions=["eu-west-1", "us-east-1"], ignore_checks=["W3005"]))
    assert [str(each) for each in found] == []


@pytest.fixture(scope="session")
def sam() -> Path:
    """The SAM CLI in a folder of its own: it pins other versions of boto3 and click than we do."""

    def install(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
        options = ["--no-deps", "--only-binary", ":all:", "--cache-dir", str(BUILD / "cache"), "--target", str(folder)]
        subprocess.run([*pip, *options, "--requirement", str(SAM)], check=True)

    return kept(BUILD / "sam", SAM.read_text("utf-8") + sys.version, install)


@pytest.mark.timeout(900)  # the SAM CLI may have to be fetched first
@pytest.mark.parametrize("deployment", ["usual", "turned_round"])
def test_sam_can_read_the_template(deployment: str, sam: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    made: Synthesised = request.getfixturevalue(deployment)
    command = [sys.executable, "-S", "-m", "samcli", "validate", "-t", str(made.folder / "openrek-api.template.json")]
    done = subprocess.run(command, env=alone(sam, tmp_path), capture_output=True, text=True)
    assert "is a valid SAM Template" in done.stdout + done.stderr, done.stderr
    assert done.returncode == 0


FUNCTIONS_THAT_SAM_FINDS = """
import sys
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
stacks, _ = SamLocalStackProvider.get_stacks(sys.argv[1])
provider = SamFunctionProvider(stacks)
print(*(f"{name}={provider.get(name).handler}" for name in sys.argv[2:]))
"""


def test_sam_finds_each_function_by_the_name_of_its_operation(sam: Path, usual: Synthesised, tmp_path: Path) -> None:
    """`sam local invoke ListFaces` itself needs Docker."""
    names = [function.name for function in EVERY]
    template = usual.folder / "openrek-api.template.json"
    command = [sys.executable, "-S", "-c", FUNCTIONS_THAT_SAM_FINDS, str(template), *names]
    done = subprocess.run(command, env=alone(sam, tmp_path), capture_output=True, text=True)
    assert done.stdout.split() == [f"{name}=handler.handler" for name in names], done.stderr


def alone(sam: Path, home: Path) -> dict[str, str]:
    """An environment that knows the SAM CLI and nothing of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(sam),
        "HOME": str(home),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
