"""`openrek keys`, over a file and over the Parameter Store as moto has it; and the file with `openrek serve`."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openrek.domain.permissions import Permissions
from openrek.runtime.cli.main import main
from openrek.runtime.keys.file_keys import FileKeys
from openrek.runtime.keys.ssm_keys import SsmKeys
from tests.support.aws import local_aws

Run = Callable[..., Result]
EXPORTED = re.compile(
    r"# (OREK[A-Z2-7]{16}) may Search\* ListFaces on staff-\* with photos/\*\. The secret is shown only now\.\n"
    r"export AWS_ACCESS_KEY_ID=\1\nexport AWS_SECRET_ACCESS_KEY=([A-Za-z0-9_-]{40})\nunset AWS_SESSION_TOKEN\n"
)
CREATE = ("create", "--allow", "Search*", "--allow", "ListFaces", "--collection", "staff-*", "--object", "photos/*")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(*arguments: str) -> Result:
        environ = {"OPENREK_DATA": str(tmp_path / "data")}
        return CliRunner(env=environ).invoke(main, ["keys", *arguments], catch_exceptions=False)

    return command


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(run: Run, tmp_path: Path) -> None:
    created = run(*CREATE, "--note", "the door")
    found = EXPORTED.fullmatch(created.stdout)
    assert found is not None
    key_id, secret = found.groups()
    key = FileKeys(tmp_path / "data" / "keys.json").find(key_id)
    assert key is not None
    assert (key.secret, key.permissions, key.note) == (
        secret,
        Permissions(("Search*", "ListFaces"), ("staff-*",), ("photos/*",)),
        "the door",
    )
    listed = run("list").stdout
    assert re.fullmatch(
        rf"{key_id} may Search\* ListFaces on staff-\* with photos/\*, "
        r"created \d{4}-\d\d-\d\d \d\d:\d\d UTC: the door\n",
        listed,
    )
    assert run("revoke", key_id).stdout == f"Revoked {key_id}.\n"
    assert run("list").stdout == ""
    again = run("revoke", key_id)
    assert (again.exit_code, again.output) == (1, f"Error: There is no access key {key_id}.\n")


def test_a_key_may_end_by_itself_and_may_reach_no_collection(run: Run, tmp_path: Path) -> None:
    assert run("create", "--allow", "Detect*", "--days", "30").exit_code == 0
    (key,) = FileKeys(tmp_path / "data" / "keys.json").listed()
    assert key.expires_s == key.created_s + 30 * 86400
    assert key.permissions == Permissions(("Detect*",), ())
    assert " may Detect* on no collection with no S3 object until " in run("list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--allow", "Serach*"), "Rekognition has no operation Serach*."),
        (("--allow", "Search*", "--collection", "a b"), "'a b' is no collection pattern"),
        (("--allow", "Search*", "--object", "photos/?"), "'photos/?' is no object pattern"),
        (("--allow", "Search*", "--note", "a\nb"), "A note is one line"),
    ],
)
def test_what_makes_no_sense_makes_no_key(run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("create", *arguments)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {message}")
    assert not (tmp_path / "data").exists()


def test_operations_have_to_be_named(run: Run) -> None:
    assert run("create").exit_code == 2
    assert run("list", "--file", "x", "--ssm", "/openrek/main/keys").exit_code == 2


def test_another_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "k.json"
    assert run(*CREATE, "--file", str(path)).exit_code == 0
    assert len(FileKeys(path).listed()) == 1
    path.chmod(0o644)
    result = run("list", "--file", str(path))
    assert (result.exit_code, result.output) == (
        1,
        f"Error: Others can read the key file {path} (mode 0644); run: chmod 600 {path}\n",
    )


def test_keys_in_the_parameter_store(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = "/openrek/commands/keys"  # AWS is one for all tests of a process
    with local_aws() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", aws.url)
        created = run(*CREATE, "--ssm", prefix)
        found = EXPORTED.fullmatch(created.stdout)
        assert found is not None, created.output
        key_id, secret = found.groups()
        key = SsmKeys(prefix, client=aws.ssm()).find(key_id)
        assert key is not None
        assert key.secret == secret
        assert run("list", "--ssm", prefix).stdout.startswith(f"{key_id} may Search* ListFaces")
        assert run("revoke", key_id, "--ssm", prefix).exit_code == 0
        assert SsmKeys(prefix, client=aws.ssm()).listed() == []
        wrong = run("list", "--ssm", "keys")
        assert wrong.output.startswith("Error: 'keys' is no prefix of SSM parameters")


def test_keys_in_the_parameter_store_under_a_kms_key_of_ones_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix, kms_key = "/openrek/commands/own", "arn:aws:kms:eu-west-1:123456789012:key/0a1b"
    with local_aws() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", aws.url)
        assert run(*CREATE, "--ssm", prefix, "--kms-key", kms_key).exit_code == 0
        assert run(*CREATE, "--ssm", prefix).exit_code == 0
        described = aws.ssm().describe_parameters(ParameterFilters=[{"Key": "Path", "Values": [prefix]}])["Parameters"]
    assert sorted(each["KeyId"] for each in described) == ["alias/aws/ssm", kms_key]
    assert run(*CREATE, "--kms-key", kms_key).exit_code == 2


def test_serving_with_keys_needs_one(tmp_path: Path) -> None:
    for arguments in (["--keys"], ["--keys-file", str(tmp_path / "k.json")]):
        result = CliRunner().invoke(main, ["serve", "--port", "0", "--data", str(tmp_path / "data"), *arguments])
        assert (result.exit_code, result.output) == (
            1,
            "Error: There is no access key yet; issue one with `openrek keys create`.\n",
        )


def test_serving_with_a_file_that_others_can_read_is_refused(run: Run, tmp_path: Path) -> None:
    run(*CREATE)
    path = tmp_path / "data" / "keys.json"
    path.chmod(0o640)
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--data", str(path.parent), "--keys"])
    assert (result.exit_code, result.output) == (
        1,
        f"Error: Others can read the key file {path} (mode 0640); run: chmod 600 {path}\n",
    )
    assert sorted(os.listdir(path.parent)) == ["keys.json", "keys.json.lock"]
