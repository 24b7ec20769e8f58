"""Code stays small enough to be read: files, functions and folders have a size that nothing grows beyond."""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE_LINES = 400
FUNCTION_LINES = 40
FOLDER_FILES = 25
ONE_FILE_AN_OPERATION = {"layers/openrek/operations", "tests/operations"}


def sources() -> list[Path]:
    """Return every Python file that is tracked, or would be: what git ignores is not ours."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name of every function of a file and how many lines it has."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_file_is_long() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in sources()}
    assert len(lines) > 300
    assert {name: count for name, count in lines.items() if count > FILE_LINES} == {}


def test_no_function_is_long() -> None:
    found = [(str(path.relative_to(ROOT)), *function) for path in sources() for function in functions(path)]
    assert len(found) > 3000
    assert [function for function in found if function[2] > FUNCTION_LINES] == []


def test_no_folder_is_crowded() -> None:
    files = Counter(str(path.parent.relative_to(ROOT)) for path in sources() if path.name != "__init__.py")
    assert {name for name, count in files.items() if count > FOLDER_FILES} <= ONE_FILE_AN_OPERATION
