"""Text from elsewhere for a terminal: control characters are printed as escapes, and never carried out."""

from rich.table import Table
from rich.text import Text


def shown(text: str) -> str:
    """Write characters that cannot be printed as escapes, like `\\x1b`: control characters, bytes that are no text."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def line(text: str) -> Text:
    """Return the text for rich, which would read `[bold]` and `:smile:` in a plain string as markup."""
    return Text(shown(text))


def add_row(table: Table, *cells: str) -> None:
    table.add_row(*map(line, cells))
