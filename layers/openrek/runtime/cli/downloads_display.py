"""What a terminal shows while several downloads run at once."""

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn


class DownloadsDisplay:
    """A line for each download, and the steps above them. Nothing is drawn where nobody looks: the steps alone."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "DownloadsDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, text: str) -> None:
        self._progress.console.print(text)

    def on_bytes(self, archive: str, done_bytes: int, all_bytes: int) -> None:
        """Tell how far an archive is."""
        if archive not in self._tasks:
            self._tasks[archive] = self._progress.add_task(archive, total=all_bytes)
        self._progress.update(self._tasks[archive], completed=done_bytes)
