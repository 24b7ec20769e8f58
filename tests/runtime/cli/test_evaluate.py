"""`openrek evaluate` on real photos, through the real command."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from openrek.runtime.cli.main import main

PEOPLE = {
    "barack/1.jpg": "obama.jpg",
    "barack/2.jpg": "obama2.jpg",
    "barack/3.jpg": "obama3.jpg",
    "joe/1.jpg": "biden.jpg",
    "eileen/1.png": "astronaut.png",
}


@pytest.fixture
def evaluate(weights_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs the command with the built weights."""
    monkeypatch.setenv("OPENREK_WEIGHTS", str(weights_folder))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(main, ["evaluate", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def people(tmp_path: Path, photos: Mapping[str, bytes]) -> Path:
    """Return a folder of three people with five photos."""
    for place, name in PEOPLE.items():
        path = tmp_path / "people" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photos[name])
    return tmp_path / "people"


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_two_photos_of_a_folder_with_a_curve(evaluate, people: Path, tmp_path: Path) -> None:
    picture = tmp_path / "det.png"
    before = files_in(tmp_path)
    done = evaluate(people, "--json", "--det", picture, "--like", 2)
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["photos"], told["people"], told["without_face"], told["accuracy"]) == (5, 3, [], None)
    at_80 = told["rates"]["at"][0]
    assert (at_80["true_matches"]["events"], at_80["true_matches"]["pairs"]) == (3, 3)
    assert (at_80["false_matches"]["events"], at_80["false_matches"]["pairs"]) == (0, 7)
    assert at_80["false_matches"]["high"] > 0.3
    assert told["det"][0]["false_matches"]["events"] == 7
    assert files_in(tmp_path) == before | {"det.png"}  # and no vector anywhere
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
        assert len(drawn.convert("RGB").getcolors(1 << 20)) > 3


def test_a_list_of_two_folds_has_an_accuracy(evaluate, tmp_path: Path, photos: Mapping[str, bytes]) -> None:
    for place, name in {"B/B_0001": "obama.jpg", "B/B_0002": "obama2.jpg", "J/J_0001": "biden.jpg"}.items():
        path = tmp_path / "images" / f"{place}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photos[name])
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("2\t1\nB\t1\t2\nB\t1\tJ\t1\nB\t2\t1\nB\t2\tJ\t1\n")
    done = evaluate(pairs, "--images", tmp_path / "images")
    assert done.exit_code == 0
    assert "Accuracy 100.00 % +- 0.00" in done.stdout
    assert "4 of 4 pairs right" in done.stdout
    assert "none in 2; fewer than 1 in 1" in done.stdout
    assert "too narrow" in done.stdout


def test_labels_make_groups_of_strangers(evaluate, people: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    rows = [f"{place},{'old' if place.startswith('joe') else 'young'}\n" for place in PEOPLE]
    labels.write_text("file,age\n" + "".join(rows))
    out = tmp_path / "out.txt"
    out.write_text("3.jpg\n")
    done = evaluate(people, "--labels", labels, "--by", "age", "--exclude", out, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["people_known"], told["people"], told["photos_excluded"], told["det"]) == (False, 4, 1, None)
    (age,) = told["groupings"]
    young = age["groups"][1]
    assert (young["group"], young["photos"], young["at"][0]["false_matches"]["pairs"]) == ("young", 3, 3)
    assert young["at"][0]["false_matches"]["events"] == 1  # two photos of one man, whom nobody named
    assert age["of_two_groups"]["at"][0]["false_matches"]["pairs"] == 3


def test_photos_without_a_face_and_unreadable_ones_are_told(
    evaluate, people: Path, photos: Mapping[str, bytes]
) -> None:
    (people / "joe" / "cat.png").write_bytes(photos["chelsea.png"])
    (people / "joe" / "broken.jpg").write_bytes(b"not a photo")
    (people / "joe" / "empty.jpg").write_bytes(b"")
    done = evaluate(people, "--threads", 2, "--face", "central")
    assert done.exit_code == 1
    assert "No face found in (1):\n  joe/cat.png\n" in done.stdout
    assert "Cannot be read (2):\n  joe/broken.jpg: " in done.stdout
    assert "  joe/empty.jpg: the file is empty\n" in done.stdout
    assert "5 photos with a face, of 3 people." in done.stdout


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--by", "age"], "give --labels too."),
        (["--labels", "labels.csv", "--by", "race"], "has no column race; it has file, age."),
        (["--labels", "labels.csv", "--det", "det.png"], "A DET curve needs pairs of one person"),
        (["--labels", "labels.csv", "--where", "age"], "--where takes COLUMN=VALUE, not 'age'."),
        (["--exclude", "labels.csv"], "names none of the photos"),
        (["--images", "people"], "--images goes with a list of pairs"),
        (["--det", "det.jpg"], "its name must end in .png."),
        (["--det", "nowhere/det.png"], "there is no folder"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    evaluate, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("file,age\nbarack/1.jpg,old\njoe/1.jpg,old\n")
    before = files_in(tmp_path)
    done = evaluate("people", *options)
    assert done.exit_code in (1, 2)
    assert why in done.stderr
    assert "Traceback" not in done.output
    assert files_in(tmp_path) == before


def test_folders_without_people_or_with_one(evaluate, tmp_path: Path, photos: Mapping[str, bytes]) -> None:
    none = evaluate(tmp_path)
    (tmp_path / "joe").mkdir()
    (tmp_path / "joe" / "1.jpg").write_bytes(photos["biden.jpg"])
    one = evaluate(tmp_path)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(photos["chelsea.png"])
    faceless = evaluate(tmp_path)
    assert [done.exit_code for done in (none, one, faceless)] == [1, 1, 1]
    assert "has no folder with photos (JPEG or PNG) in it" in none.stderr
    assert "has photos of one person only, joe" in one.stderr
    assert "Fewer than two people have a photo in which a face was found." in faceless.stderr


def test_missing_weights_are_told_before_a_photo_is_read(evaluate, people: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENREK_WEIGHTS", str(tmp_path / "none"))
    done = evaluate(people)
    assert done.exit_code == 1
    assert "run `openrek weights`" in done.stderr
