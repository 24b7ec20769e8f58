"""What went wrong, as a command tells it: one sentence, and exit code 1."""

import click

from openrek.runtime.cli.terminal_text import shown


class Failure(click.ClickException):
    """An error of the system names its file first. Whatever names hold is shown, and never done."""

    def __init__(self, why: str | Exception) -> None:
        if isinstance(why, OSError) and why.filename and why.strerror:
            why = f"{why.filename}: {why.strerror}"
        super().__init__(shown(str(why)))
