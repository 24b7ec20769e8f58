"""Pictures that are bytes which name what they show: `b"ann dog"` has a face and a dog."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from openrek.domain.equipment import FACE, FACE_COVER, HEAD, LEFT_HAND, BodyPart, Cover, EquippedPerson
from openrek.domain.faces import BoundingBox, float32
from openrek.domain.labels import (
    DominantColor,
    Instance,
    Label,
    LabelName,
    PicturePart,
    PictureProperties,
    PictureQuality,
    Vocabulary,
)
from openrek.domain.models import SFACE
from tests.operations.parts.photos import NAMES, NamedPhoto, NamingReader

VOCABULARY: Vocabulary = {
    name: LabelName(name, category, tuple(ancestors.split()), tuple(aliases.split()))
    for name, category, ancestors, aliases in (
        *((name, "Person Description", "Person", "") for name in ("Adult", "Boy", "Child", "Female", "Girl")),
        *((name, "Person Description", "Person", "") for name in ("Male", "Senior Citizen", "Teen")),
        ("Man", "Person Description", "Adult Male Person", ""),
        ("Woman", "Person Description", "Adult Female Person", ""),
        *(
            (name, "Expressions and Emotions", "Face Head Person", "")
            for name in ("Angry", "Happy", "Sad", "Surprised")
        ),
        ("Smile", "Expressions and Emotions", "Face Happy Head Person", ""),
        *((name, "Person Description", "Face Head Person", "") for name in ("Beard", "Mustache")),
        *((name, "Apparel and Accessories", "", "") for name in ("Glasses", "Sunglasses")),
        ("Animal", "Animals and Pets", "", ""),
        ("Car", "Vehicles and Automotive", "Vehicle", ""),
        ("Crowd", "Person Description", "", ""),
        ("Dog", "Animals and Pets", "Animal Mammal Pet", ""),
        ("Face", "Person Description", "Head Person", ""),
        ("Groupshot", "Colors and Visual Composition", "Person", ""),
        ("Head", "Person Description", "Person", ""),
        ("Mammal", "Animals and Pets", "Animal", ""),
        ("People", "Person Description", "", ""),
        ("Person", "Person Description", "", "Human"),
        ("Pet", "Animals and Pets", "", ""),
        ("Photography", "Hobbies and Interests", "", "Photo"),
        ("Portrait", "Hobbies and Interests", "Face Head Person Photography", ""),
        ("Vehicle", "Vehicles and Automotive", "", ""),
    )
}
THINGS = {"dog": ("Dog", 90.0), "car": ("Car", 70.0), "blur": ("Car", 30.0), "walker": ("Person", 80.0)}
BOX = BoundingBox(0.25, 0.125, 0.5, 0.75)


def _person(face_pct: float, *covers: Cover, person_pct: float = 90.0) -> EquippedPerson:
    parts = (BodyPart(FACE, face_pct, covers), BodyPart(LEFT_HAND, 60.0), BodyPart(HEAD, face_pct))
    return EquippedPerson(BOX, person_pct, parts)


PERSONS = {
    "masked": _person(95.0, Cover(FACE_COVER, BOX, 85.0, True, 80.0)),
    "chinned": _person(95.0, Cover(FACE_COVER, BOX, 85.0, False, 80.0)),
    "maybe": _person(95.0, Cover(FACE_COVER, BOX, 55.0, True, 52.0)),
    "bare": _person(95.0),
    "blurred": _person(55.0),
    "vague": _person(95.0, person_pct=55.0),
    "turned": EquippedPerson(BOX, 90.0, ()),
}
QUALITY = PictureQuality(50.0, 60.0, 70.0)


@dataclass
class NamedLabels:
    words: list[str]

    @property
    def vocabulary(self) -> Vocabulary:
        return VOCABULARY

    @property
    def remarks(self) -> Sequence[str]:
        return ["One of the owner's labels is damaged."] if "damage" in self.words else []

    def labels(self) -> Sequence[Label]:
        """One label for each thing; of several of a kind, each is an instance, five less sure than the one before."""
        found: dict[str, list[Instance]] = {}
        for word in self.words:
            if word in THINGS:
                name, confidence = THINGS[word]
                seen = found.setdefault(name, [])
                box = BoundingBox(float32(0.1 * len(seen)), 0.375, 0.25, 0.5)
                seen.append(Instance(box, confidence - 5 * len(seen)))
        return [Label(VOCABULARY[name], seen[0].confidence, tuple(seen)) for name, seen in found.items()]

    def properties(self, most_colors: int) -> PictureProperties:
        colors = self._colors(most_colors)
        return PictureProperties(QUALITY, colors, PicturePart(QUALITY, colors[:1]) if self.words else None, None)

    def colors(self, box: BoundingBox, most_colors: int) -> tuple[DominantColor, ...]:
        return self._colors(most_colors)[:1]

    def _colors(self, most: int) -> tuple[DominantColor, ...]:
        green = DominantColor(85, 107, 47, "darkolivegreen", "green", 60.0)
        return (green, DominantColor(0, 0, 0, "black", "black", 40.0))[:most]


@dataclass
class NamedPicture:
    words: list[str]
    read_faces: list[bytes]

    def faces(self) -> NamedPhoto:
        self.read_faces.append(b"")
        return NamedPhoto([word for word in self.words if word in NAMES])

    def labels(self) -> NamedLabels:
        return NamedLabels(self.words)

    def persons(self) -> list[EquippedPerson]:
        """Return the persons that the words name, in their order."""
        return [PERSONS[word] for word in self.words if word in PERSONS]


@dataclass
class NamingPictures:
    """`reader` refuses what it cannot decode; `opened` and `face_reads` count."""

    reader: NamingReader
    opened: int = 0
    read_faces: list[bytes] = field(default_factory=list)
    sides_px: tuple[int, int] | None = None

    def open(self, image: bytes, sides_px: tuple[int, int] | None = None) -> NamedPicture:
        self.opened += 1
        self.sides_px = sides_px
        self.reader.read(image, SFACE)
        return NamedPicture(image.decode().split(), self.read_faces)
