"""What an owner has added to the built-in labels, as it is at the time of one request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from openrek.domain.labels import Vocabulary
from openrek.vision.labels.label_pack import LabelPack
from openrek.vision.labels.own_labels import OwnLabel
from openrek.vision.labels.vocabulary import table


@dataclass(frozen=True, slots=True)
class Additions:
    """The owner's labels and pack; `remarks`, whole sentences, tell what of the labels cannot be used."""

    own: tuple[OwnLabel, ...] = ()
    pack: LabelPack | None = None
    remarks: tuple[str, ...] = ()

    def vocabulary(self) -> Vocabulary:
        """Return the built-in labels and these. Of one name the built-in label goes first, the pack's next."""
        entries = self.pack.labels.entries if self.pack is not None else ()
        packed = {entry.name: entry for entry in entries}
        return {label.name: label.entry for label in self.own} | packed | dict(table().entries)


FindAdditions: TypeAlias = Callable[[], Additions]


def no_additions() -> Additions:
    return Additions()
