"""The pinned `cdk` command reads what the pinned library writes, with the Node.js that the wheel brings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.node import OLDEST, command_line, find_node
from tests.infra.templates import ROOT, Synthesised


@pytest.fixture(scope="module")
def cdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installed from package-lock.json, in a folder of its own."""
    folder = tmp_path_factory.mktemp("cdk")
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    with_node(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return folder / "node_modules" / ".bin" / "cdk"


def with_node(folder: Path, *command: str) -> str:
    node = [sys.executable, "-m", "infra.node", *command]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "CDK_DISABLE_VERSION_CHECK": "1", "CI": "1"}
    done = subprocess.run(node, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_node_is_new_enough() -> None:
    said = subprocess.run([find_node(), "--version"], capture_output=True, text=True, check=True).stdout
    assert int(said.strip().removeprefix("v").partition(".")[0]) >= OLDEST


@pytest.mark.parametrize(
    ("version", "commands", "is_used"),
    [("v24.1.0", ["node", "npm"], True), ("v24.1.0", ["node"], False), ("v20.9.0", ["node", "npm"], False)],
)
def test_the_machines_own_node_is_used_where_it_is_new_enough_and_has_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, commands: list[str], *, is_used: bool
) -> None:
    """Some distributions have npm in another package."""
    for name in commands:
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    node = find_node()
    assert (node == tmp_path / "node") == is_used
    assert node.is_file()


def test_only_npm_of_the_wheel_is_called_by_its_other_name(tmp_path: Path) -> None:
    node, npm = tmp_path / "bin" / "node", tmp_path / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    assert command_line(node, ["npm", "ci"]) == ["npm", "ci"]
    npm.parent.mkdir(parents=True)
    npm.touch()
    assert command_line(node, ["npm", "ci"]) == [str(node), str(npm), "ci"]
    assert command_line(node, ["cdk", "synth"]) == ["cdk", "synth"]


def test_the_command_is_of_the_librarys_major_version(cdk: Path, tmp_path: Path) -> None:
    assert with_node(tmp_path, str(cdk), "--version").startswith("2.")
    locked = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]["node_modules/aws-cdk"]
    assert locked["integrity"].startswith("sha512-")


def test_the_command_reads_the_assembly(cdk: Path, usual: Synthesised, tmp_path: Path) -> None:
    said = with_node(tmp_path, str(cdk), "ls", "--app", str(usual.folder))
    assert said.split() == ["openrek-data", "openrek-api"]
