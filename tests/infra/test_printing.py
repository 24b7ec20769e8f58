"""Standard output is data: what pip and compilers print must not get into what is read as a path or a template."""

import ast
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from infra.bytecode import compile_all
from infra.package import asked
from infra.targets import TARGETS
from infra.wheels import install
from openrek.vision.models import pip_download
from tests.infra.templates import ROOT

CHATTER = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'], check=True); print(2)\n"


def test_an_answer_holds_what_is_answered_and_nothing_that_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    said = asked(f"{CHATTER}answer.write('/weights ä')\n{CHATTER}")
    assert said == "/weights ä"
    assert capfd.readouterr().out == ""


def test_what_pip_prints_while_models_are_built_is_not_on_the_standard_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    pip_download.pip("--version")
    printed = capfd.readouterr()
    assert (printed.out, printed.err.split()[0]) == ("", "pip")


def test_what_pip_prints_while_a_layer_is_made_is_not_on_the_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner may have told it to print more."""
    monkeypatch.setenv("PIP_VERBOSE", "3")
    install((str(tiny_wheel(tmp_path)),), TARGETS["host"], tmp_path / "layer", tmp_path / "cache")
    printed = capfd.readouterr()
    assert (tmp_path / "layer" / "tiny.py").is_file()
    assert printed.out == ""
    assert "tiny" in printed.err


def test_what_a_compiler_prints_is_not_on_the_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.py").write_text("def\n", "utf-8")
    with pytest.raises(CalledProcessError):
        compile_all(tmp_path, TARGETS["host"])
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "bad.py" in printed.err


@pytest.mark.parametrize("folder", ["infra", "layers/openrek"])
def test_every_process_is_told_where_to_print(folder: str) -> None:
    """One that is not told has our standard output for its own."""
    started = [call for file in sorted((ROOT / folder).rglob("*.py")) for call in processes(file)]
    assert started
    assert [place for place, keywords in started if not {"stdout", "capture_output"} & keywords] == []


def processes(file: Path) -> Iterator[tuple[str, set[str]]]:
    """Each call of a function of `subprocess`: where it stands, and the names of its keyword arguments."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and re.fullmatch(r"subprocess\.\w+", ast.unparse(node.func)):
            yield f"{file.relative_to(ROOT)}:{node.lineno}", {str(each.arg) for each in node.keywords}


def tiny_wheel(folder: Path) -> Path:
    path = folder / "tiny-1.0-py3-none-any.whl"
    about = "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path
