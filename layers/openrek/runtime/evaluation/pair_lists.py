"""Lists of pairs: LFW's (pairs.txt, pairsDevTest.txt), and CFP's folders of folds.

LFW: the first line is the number of folds and of pairs of each kind in a fold, or that number alone for one fold. Then,
fold by fold, lines "person i j" (photos i and j of one person) and "person i other j"; photo 7 of Ann_Lee is
Ann_Lee/Ann_Lee_0007.jpg. Source: Huang et al., "Labeled Faces in the Wild" (2007), and its README.

CFP: Protocol/Split/FF and FP have a folder for each fold with same.txt and diff.txt, lines "i,j"; i and j are numbers
in Protocol/Pair_list_F.txt (frontal), in FP the second one in Pair_list_P.txt (profile), lines "i path" with paths
like ../Data/Images/001/frontal/01.jpg from there: the person is the folder above frontal and profile.
Source: Sengupta et al., "Frontal to profile face verification in the wild" (2016), and its Readme.
"""

from collections.abc import Iterator
from pathlib import Path

from openrek.runtime.evaluation.sample import BadSample, NamedPair, PairSample, pair_sample

SUFFIXES = (".jpg", ".jpeg", ".png")
MOST_PAIRS = 10_000_000


def listed(folder: Path, listing: Path) -> PairSample:
    """Return the pairs of `listing`: a file in LFW's form over the photos in `folder`, or one of CFP's folders.

    Raises BadSample, or OSError when a list cannot be read.
    """
    if listing.is_dir():
        return pair_sample(list(_cfp(listing)), lambda photo: photo.parent.parent.name)
    return pair_sample(list(_lfw(folder, listing)), lambda photo: photo.parent.name)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadSample(f"{file} is not a text in UTF-8.") from None


def _whole(text: str, where: str) -> int:
    """Return the number, 1 or more. Raises BadSample."""
    if text.isascii() and text.isdecimal() and len(text) < 9 and int(text) > 0:
        return int(text)
    raise BadSample(f"{where}: {text!r} is not a whole number from 1.")


def _lfw(folder: Path, file: Path) -> Iterator[NamedPair]:
    lines = _lines(file)
    counts = [_whole(part, f"{file}, line 1") for part in lines[0].split()] if lines else []
    if len(counts) not in (1, 2):
        raise BadSample(f"{file}, line 1: the number of folds and of pairs of a kind in each, as in LFW's pairs.txt.")
    folds, of_a_kind = (1, *counts)[-2:]
    rows = [line.rstrip().split("\t" if "\t" in line else None) for line in lines[1:] if line.strip()]
    if len(rows) != folds * 2 * of_a_kind or len(rows) > MOST_PAIRS:
        raise BadSample(f"{file} has {len(rows)} pairs, but line 1 tells of {folds * 2 * of_a_kind}.")
    for place, row in enumerate(rows):
        fold, within = divmod(place, 2 * of_a_kind)
        same, where = within < of_a_kind, f"{file}, line {place + 2}"
        if len(row) != (3 if same else 4):
            expected = "a person and two numbers" if same else "a person, a number, another person, a number"
            raise BadSample(f"{where}: {expected} are expected here.")
        first, number, *others = row
        second, other = (first, *others) if same else others
        pair = _lfw_photo(folder, first, number, where), _lfw_photo(folder, second, other, where)
        yield NamedPair(*pair, same, fold, where)


def _lfw_photo(folder: Path, person: str, number: str, where: str) -> Path:
    stem = folder / person / f"{person}_{_whole(number, where):04d}"
    named = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    return next((path for path in named if path.is_file()), named[0])


def _cfp(folder: Path) -> Iterator[NamedPair]:
    protocol = folder.parent.parent
    second_name = {"FF": "Pair_list_F.txt", "FP": "Pair_list_P.txt"}.get(folder.resolve().name)
    folds = sorted(path for path in folder.iterdir() if path.is_dir())
    if second_name is None or not folds:
        raise BadSample(f"{folder} is not a list of pairs: a file like LFW's, or CFP's Protocol/Split/FF or FP.")
    firsts, seconds = _cfp_photos(protocol / "Pair_list_F.txt"), _cfp_photos(protocol / second_name)
    for number, fold in enumerate(folds):
        for name, same in (("same.txt", True), ("diff.txt", False)):
            for place, line in enumerate(_lines(fold / name), 1):
                if line.strip():
                    where = f"{fold / name}, line {place}"
                    first, _, second = line.partition(",")
                    pair = _cfp_photo(firsts, first, where), _cfp_photo(seconds, second, where)
                    yield NamedPair(*pair, same, number, where)


def _cfp_photos(file: Path) -> dict[int, Path]:
    photos = {}
    for place, line in enumerate(_lines(file), 1):
        number, _, path = line.strip().partition(" ")
        if path:
            photos[_whole(number, f"{file}, line {place}")] = Path(file.parent, path.strip())
    return photos


def _cfp_photo(photos: dict[int, Path], number: str, where: str) -> Path:
    wanted = _whole(number.strip(), where)
    if wanted not in photos:
        raise BadSample(f"{where}: there is no photo number {wanted} in the list of photos.")
    return photos[wanted]


def is_cfp(folder: Path) -> bool:
    """Return True for a folder of folds as CFP has them."""
    return folder.is_dir() and any((fold / "same.txt").is_file() for fold in folder.iterdir())
