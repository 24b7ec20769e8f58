"""Lists, labels and folders: what is read from them, and one clear sentence for what cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.runtime.evaluation.exclusion import excluded
from openrek.runtime.evaluation.labels_csv import Columns, labelled
from openrek.runtime.evaluation.pair_lists import is_cfp, listed
from openrek.runtime.evaluation.people_folder import people_in
from openrek.runtime.evaluation.sample import (
    MOST_OF_ONE,
    BadSample,
    LabelledPhoto,
    ListedPair,
    PairSample,
    PeopleSample,
    numbered,
)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes empty files, or one with a text."""

    def write(*names: str, text: str = "") -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def lfw(put, tmp_path: Path) -> Path:
    """Return a folder as LFW has it: three photos of one person, one of another, a .png among them."""
    put("lfw/Ann_Lee/Ann_Lee_0001.jpg", "lfw/Ann_Lee/Ann_Lee_0002.jpg", "lfw/Ann_Lee/Ann_Lee_0010.png")
    put("lfw/Bo/Bo_0001.jpg")
    return tmp_path / "lfw"


def names(sample: PairSample) -> list[tuple[str, str, bool, int]]:
    return [
        (sample.paths[pair.first].name, sample.paths[pair.second].name, pair.same, pair.fold) for pair in sample.pairs
    ]


def test_pairs_of_two_folds(lfw: Path, put) -> None:
    text = "2\t1\nAnn_Lee\t1\t2\nAnn_Lee\t10\tBo\t1\nAnn_Lee\t1\t10\nBo\t1\tAnn_Lee\t2\n"
    sample = listed(lfw, put("pairs.txt", text=text))
    assert names(sample) == [
        ("Ann_Lee_0001.jpg", "Ann_Lee_0002.jpg", True, 0),
        ("Ann_Lee_0010.png", "Bo_0001.jpg", False, 0),
        ("Ann_Lee_0001.jpg", "Ann_Lee_0010.png", True, 1),
        ("Bo_0001.jpg", "Ann_Lee_0002.jpg", False, 1),
    ]
    assert len(sample.paths) == 4
    assert dict(zip(sample.paths, sample.people, strict=True))[lfw / "Bo" / "Bo_0001.jpg"] == "Bo"


def test_a_development_list_is_one_fold(lfw: Path, put) -> None:
    sample = listed(lfw, put("dev.txt", text="1\nAnn_Lee 1 2\nAnn_Lee 1 Bo 1\n"))
    assert [fold for *_, fold in names(sample)] == [0, 0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: the number of folds and of pairs"),
        ("two\n", "line 1: 'two' is not a whole number from 1."),
        ("1 2 3\n", "line 1: the number of folds and of pairs"),
        ("2\nAnn_Lee 1 2\nAnn_Lee 1 Bo 1\n", "has 2 pairs, but line 1 tells of 4."),
        ("1\nAnn_Lee 1 2\nAnn_Lee 1 Bo\n", "line 3: a person, a number, another person, a number are expected here."),
        ("1\nAnn_Lee 1\nAnn_Lee 1 Bo 1\n", "line 2: a person and two numbers are expected here."),
        ("1\nAnn_Lee 1 x\nAnn_Lee 1 Bo 1\n", "line 2: 'x' is not a whole number from 1."),
        ("1\nAnn_Lee 1 3\nAnn_Lee 4 Bo 1\n", "Ann_Lee_0003.jpg, and 1 more of the files are missing."),
        ("1\nAnn_Lee 1 2\nAnn_Lee 1 Cy 1\n", "line 3: there is no photo"),
    ],
)
def test_a_faulty_list_is_one_sentence(lfw: Path, put, text: str, why: str) -> None:
    with pytest.raises(BadSample) as told:
        listed(lfw, put("pairs.txt", text=text))
    assert why in str(told.value)
    assert "\n" not in str(told.value)


def test_a_list_that_is_no_text(lfw: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSample, match="not a text in UTF-8"):
        listed(lfw, tmp_path / "pairs.txt")


@pytest.fixture
def cfp(put, tmp_path: Path) -> Path:
    """Return the folder Protocol of a set as CFP has it: two people, two frontal photos and a profile of each."""
    frontal = [f"cfp/Data/Images/{person:03}/frontal/{number:02}.jpg" for person in (1, 2) for number in (1, 2)]
    profile = [f"cfp/Data/Images/{person:03}/profile/01.jpg" for person in (1, 2)]
    put(*frontal, *profile)
    for letter, photos in (("F", frontal), ("P", profile)):
        lines = [f"{number} ../{path.removeprefix('cfp/')}" for number, path in enumerate(photos, 1)]
        put(f"cfp/Protocol/Pair_list_{letter}.txt", text="\n".join(lines) + "\n")
    for kind, same, different in (("FF", ("1,2", "3,4"), ("1,3", "2,4")), ("FP", ("1,1", "4,2"), ("1,2", "3,1"))):
        for fold, (one, two) in enumerate(zip(same, different, strict=True), 1):
            put(f"cfp/Protocol/Split/{kind}/{fold:02}/same.txt", text=one + "\n")
            put(f"cfp/Protocol/Split/{kind}/{fold:02}/diff.txt", text=two + "\n")
    return tmp_path / "cfp" / "Protocol"


def test_frontal_and_profile_photos_have_numbers_of_their_own(cfp: Path) -> None:
    sample = listed(cfp.parent, cfp / "Split" / "FP")
    found = [(sample.paths[pair.first].parts[-3:], sample.paths[pair.second].parts[-3:]) for pair in sample.pairs]
    assert found == [
        (("001", "frontal", "01.jpg"), ("001", "profile", "01.jpg")),
        (("001", "frontal", "01.jpg"), ("002", "profile", "01.jpg")),
        (("002", "frontal", "02.jpg"), ("002", "profile", "01.jpg")),
        (("002", "frontal", "01.jpg"), ("001", "profile", "01.jpg")),
    ]
    assert [(pair.same, pair.fold) for pair in sample.pairs] == [(True, 0), (False, 0), (True, 1), (False, 1)]
    assert [sample.people[pair.first] == sample.people[pair.second] for pair in sample.pairs] == [1, 0, 1, 0]


def test_frontal_pairs_take_both_from_the_frontal_list(cfp: Path) -> None:
    sample = listed(cfp.parent, cfp / "Split" / "FF")
    assert {path.parent.name for path in sample.paths} == {"frontal"}
    assert len(sample.pairs) == 4


def test_what_is_a_list_of_cfp(cfp: Path, lfw: Path) -> None:
    assert [is_cfp(path) for path in (cfp / "Split" / "FF", cfp / "Split", lfw, cfp / "Pair_list_F.txt")] == [
        True,
        False,
        False,
        False,
    ]


def test_faults_of_cfp_are_one_sentence(cfp: Path, put) -> None:
    put("cfp/Protocol/Split/FF/01/same.txt", text="1,9\n")
    with pytest.raises(BadSample, match="line 1: there is no photo number 9 in the list of photos"):
        listed(cfp.parent, cfp / "Split" / "FF")
    put("cfp/Protocol/Split/FF/01/same.txt", text="1;2\n")
    with pytest.raises(BadSample, match="is not a whole number"):
        listed(cfp.parent, cfp / "Split" / "FF")
    (cfp / "Split" / "FP").rename(cfp / "Split" / "Other")
    with pytest.raises(BadSample, match="is not a list of pairs"):
        listed(cfp.parent, cfp / "Split" / "Other")


FACES = "file,age,race,person\nval/1.jpg,0-2,White,a\nval/2.jpg,0-2,,a\nval/3.jpg,20-29,Black,b\n"


@pytest.fixture
def val(put, tmp_path: Path) -> Path:
    put("val/1.jpg", "val/2.jpg", "val/3.jpg", "val/4.jpg")
    return tmp_path


def read(val: Path, put, text: str, columns: Columns) -> PeopleSample:
    return labelled(val, put("labels.csv", text=text), sorted(val.rglob("*.jpg")), columns)


def test_groups_and_people_come_from_the_columns(val: Path, put) -> None:
    sample = read(val, put, FACES, Columns(groupings=(("age",), ("age", "race"))))
    assert [(photo.person, photo.groups) for photo in sample.photos] == [
        ("a", ("0-2", "0-2, White")),
        ("a", ("0-2", None)),
        ("b", ("20-29", "20-29, Black")),
    ]
    assert sample.groupings == ("age", "age,race")
    assert (sample.ignored, sample.people_known) == (1, True)


def test_without_a_column_of_people_everybody_is_another(val: Path, put) -> None:
    sample = read(val, put, FACES.replace("person", "name"), Columns())
    assert (len(set(sample.people)), sample.people_known) == (3, False)
    named = read(val, put, FACES.replace("person", "name"), Columns("name"))
    assert (len(set(named.people)), named.people_known) == (2, True)


def test_rows_are_chosen_by_their_values(val: Path, put) -> None:
    chosen = read(val, put, FACES.replace("person", "name"), Columns(where={"age": frozenset({"0-2"})}))
    assert [photo.path.name for photo in chosen.photos] == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("text", "columns", "why"),
    [
        (FACES, Columns(groupings=(("sex",),)), "has no column sex; it has file, age, race, person."),
        (FACES, Columns("name"), "has no column name"),
        (FACES, Columns(where={"sex": frozenset({"f"})}), "has no column sex"),
        ("", Columns(groupings=(("age",),)), "has no column age; it has none."),
        ("file,age\n", Columns(), "has no row to measure; it takes two people."),
        (FACES, Columns(where={"age": frozenset({"0-2"})}), "has rows of one person to measure"),
        (FACES + "val/1.jpg,0-2,White,a\n", Columns(), "has two rows for val/1.jpg."),
        (FACES + "val/9.jpg,0-2,White,a\n", Columns(), "line 5: there is no photo"),
        (FACES + "val/4.jpg,0-2\n", Columns(), "line 5: 2 values, but 4 columns."),
        (FACES + "val/4.jpg,0-2,White,\n", Columns("person"), "line 5: nobody is named in person."),
        (FACES.replace("race", "age"), Columns(), "two columns have the same title."),
    ],
)
def test_a_faulty_table_is_one_sentence(val: Path, put, text: str, columns: Columns, why: str) -> None:
    with pytest.raises(BadSample) as told:
        read(val, put, text, columns)
    assert why in str(told.value)


def test_the_first_folder_is_the_person(lfw: Path, put) -> None:
    put("lfw/beside.jpg", "lfw/Bo/deeper/2.jpg")
    sample = people_in(lfw, sorted([*lfw.rglob("*.jpg"), *lfw.rglob("*.png")]))
    assert sorted(sample.people) == ["Ann_Lee", "Ann_Lee", "Ann_Lee", "Bo", "Bo"]
    assert sample.ignored == 1


def test_a_folder_without_people_or_with_one(lfw: Path, put, tmp_path: Path) -> None:
    with pytest.raises(BadSample, match="has no folder with photos"):
        people_in(tmp_path, [put("beside.jpg")])
    with pytest.raises(BadSample, match="one person only, Bo"):
        people_in(lfw, [lfw / "Bo" / "Bo_0001.jpg"])


def test_photos_are_excluded_by_path_or_name(lfw: Path, put) -> None:
    photos = sorted(lfw.rglob("*.jpg"))
    out = excluded(put("out.txt", text="Bo_0001.jpg\n\nAnn_Lee/Ann_Lee_0002.jpg\nnobody.jpg\n"), lfw, photos)
    assert {path.name for path in out.paths} == {"Bo_0001.jpg", "Ann_Lee_0002.jpg"}
    assert out.unknown == 1
    with pytest.raises(BadSample, match="names none of the photos"):
        excluded(put("none.txt", text="nobody.jpg\n"), lfw, photos)
    with pytest.raises(BadSample, match="fewer than two people are left"):
        people_in(lfw, photos).without(out.paths)


def test_pairs_of_an_excluded_photo_go_with_it() -> None:
    paths = tuple(map(Path, "abcd"))
    pairs = (
        ListedPair(0, 1, True, 0),
        ListedPair(1, 2, False, 0),
        ListedPair(2, 3, True, 1),
        ListedPair(0, 3, False, 1),
    )
    left = PairSample(paths, ("A", "A", "B", "B"), pairs).without({Path("b")})
    assert left.paths == (Path("a"), Path("c"), Path("d"))
    assert left.people == ("A", "B", "B")
    assert left.pairs == (ListedPair(1, 2, True, 1), ListedPair(0, 2, False, 1))
    with pytest.raises(BadSample, match="no pairs of one of the two kinds"):
        left.without({Path("a")})


people = st.lists(st.integers(0, 9), min_size=2, max_size=60).filter(lambda found: len(set(found)) > 1)


@given(people, st.integers(2, 70), st.randoms())
def test_a_drawn_sample_is_bounded_and_depends_on_names_alone(persons: list[int], most: int, random) -> None:
    photos = [LabelledPhoto(Path(f"{person}/{at}.jpg"), str(person)) for at, person in enumerate(persons)]
    drawn = PeopleSample(tuple(photos)).drawn(most)
    assert len(drawn.photos) == min(most, len(photos))
    assert drawn.left_out == len(photos) - len(drawn.photos)
    random.shuffle(photos)
    assert set(PeopleSample(tuple(photos)).drawn(most).paths) == set(drawn.paths)
    cut = [person for person in set(drawn.people) if drawn.people.count(person) < persons.count(int(person))]
    assert len(cut) <= 1


def test_one_person_gives_at_most_so_many_photos() -> None:
    photos = [LabelledPhoto(Path(f"a/{number}.jpg"), "a") for number in range(MOST_OF_ONE + 5)]
    drawn = PeopleSample((*photos, LabelledPhoto(Path("b/1.jpg"), "b"))).drawn(20_000)
    assert drawn.people.count("a") == MOST_OF_ONE
    assert drawn.left_out == 5


@given(st.lists(st.text()))
def test_equal_labels_have_equal_numbers(labels: list[str]) -> None:
    numbers = numbered(labels).tolist()
    assert len(set(numbers)) == len(set(labels)) == len(set(zip(labels, numbers, strict=True)))
    assert sorted(set(numbers)) == list(range(len(set(labels))))
