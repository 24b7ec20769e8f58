"""Names and sentences from elsewhere as a terminal may get them: what they hold is shown, and never done."""

from rich.table import Table
from rich.text import Text


def shown(text: str) -> str:
    """What cannot be printed is written as an escape, like `\\x1b`: control characters, bytes that are no text."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def line(text: str) -> Text:
    """For rich, which would take `[bold]` and `:smile:` in a plain string for its own."""
    return Text(shown(text))


def add_row(table: Table, *cells: str) -> None:
    table.add_row(*map(line, cells))
