"""The findings of a check of the store, in sentences; a defect that shows a million times is listed ten times."""

from typing import Final

DETAILS_PER_KIND: Final = 10


class Findings:
    def __init__(self) -> None:
        self._details: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._added: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return sum(self._counts.values())

    def add(self, kind: str, detail: str) -> None:
        details = self._details.setdefault(kind, [])
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if len(details) < DETAILS_PER_KIND:
            details.append(detail)

    def add_once(self, kind: str, detail: str) -> None:
        """Add the finding unless it is known: for a defect that a check may meet several times."""
        if (kind, detail) not in self._added:
            self._added.add((kind, detail))
            self.add(kind, detail)

    def lines(self) -> tuple[str, ...]:
        """Return one line each: `kind: detail`."""
        lines: list[str] = []
        for kind, details in self._details.items():
            lines += [f"{kind}: {detail}" for detail in details]
            if (more := self._counts[kind] - len(details)) > 0:
                lines.append(f"{kind}: {more} more")
        return tuple(lines)
