"""A command's failure: one sentence on stderr, and exit code 1."""

import click

from openrek.runtime.cli.terminal_text import shown


class Failure(click.ClickException):
    """A failure of a command. Control characters in names are printed as escapes."""

    def __init__(self, why: str | Exception) -> None:
        """Take the sentence from `why`; an error of the operating system names its file first."""
        if isinstance(why, OSError) and why.filename and why.strerror:
            why = f"{why.filename}: {why.strerror}"
        super().__init__(shown(str(why)))
