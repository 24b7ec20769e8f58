"""Check of the documents against the code; part of `make check`.

Relative links lead somewhere, docs/CLI.md is the help that the commands print, every Python example compiles, and
docstrings of functions do not begin with a relative clause. `--write` brings docs/CLI.md up to date.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from openrek.runtime.cli.main import main as cli

ROOT = Path(__file__).parents[1]
CLI_PAGE = ROOT / "docs" / "CLI.md"
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)")
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
RELATIVE = re.compile(r"(What|Whether|Those|Which|How|Where|That)\b")
"""A docstring that begins so is a relative clause; a verb says at first sight what the function does."""

CODE = ("layers", "infra", "lambdas")
COMMAND = re.compile(r"`openrek ([a-z-]+)")


def cli_page() -> str:
    """Return the help of every command, as Markdown."""
    parts = ["# The command `openrek`\n\nWritten by `make docs` from the commands themselves.\n"]
    top = _context(cli, "openrek")
    parts.append(f"```text\n{cli.get_help(top)}\n```\n")
    parts.extend(_command_pages(cli, top))
    return "\n".join(parts)


def _command_pages(group: click.Group, parent: click.Context) -> Iterator[str]:
    for name in group.list_commands(parent):
        command = group.commands[name]
        context = _context(command, name, parent)
        yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            yield from _command_pages(command, context)


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """Return the context as the command makes it for itself, 100 characters wide."""
    settings = {**command.context_settings, "terminal_width": 100, "max_content_width": 100}
    return click.Context(command, info_name=name, parent=parent, **settings)


def documents() -> list[Path]:
    """Return every Markdown file of the root and of docs."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def faults() -> Iterator[str]:
    """Yield a sentence for each fault."""
    if not CLI_PAGE.exists() or CLI_PAGE.read_text("utf-8") != cli_page():
        yield "docs/CLI.md is not what the commands print; run `make docs`."
    for path in documents():
        text = path.read_text("utf-8")
        shown = path.relative_to(ROOT)
        for link in LINK.findall(text):
            if not (path.parent / link).exists():
                yield f"{shown}: the link {link} leads nowhere."
        for name in COMMAND.findall(text):
            if name not in cli.commands:
                yield f"{shown}: there is no command `openrek {name}`."
        for code in PYTHON.findall(text):
            try:
                compile(code, str(shown), "exec")
            except SyntaxError as error:
                yield f"{shown}: a Python example does not compile: {error}."


def docstring_faults(root: Path) -> Iterator[str]:
    """Yield a sentence for each function below `root` whose docstring begins with a relative clause."""
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = RELATIVE.match(ast.get_docstring(node) or "")
                if first:
                    yield f"{path}:{node.lineno}: the docstring of {node.name} begins with {first[0]}, not with a verb."


def main() -> None:
    if "--write" in sys.argv[1:]:
        CLI_PAGE.write_text(cli_page(), "utf-8")
    found = [*faults(), *(fault for folder in CODE for fault in docstring_faults(ROOT / folder))]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
