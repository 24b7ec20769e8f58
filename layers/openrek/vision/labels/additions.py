"""What an owner has added to the built-in labels, as it is at the time of one request."""

from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from openrek.domain.labels import Vocabulary
from openrek.vision.labels.own_labels import OwnLabel
from openrek.vision.labels.vocabulary import table


@dataclass(frozen=True, slots=True)
class Additions:
    """The owner's labels; `remarks`, whole sentences, tell what of them cannot be used."""

    own: tuple[OwnLabel, ...] = ()
    remarks: tuple[str, ...] = ()

    def vocabulary(self) -> Vocabulary:
        """Return the built-in labels and these. A name that is there twice is the built-in one's."""
        return ChainMap(dict(table().entries), {label.name: label.entry for label in self.own})


FindAdditions: TypeAlias = Callable[[], Additions]


def no_additions() -> Additions:
    return Additions()
