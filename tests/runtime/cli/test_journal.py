from pathlib import Path

from openrek.runtime.cli.journal import Journal


def test_what_was_added_is_there_in_the_next_run(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journals", "http://here", "collection")
    first.add("abc one.jpg")
    assert "abc one.jpg" in first
    first.close()
    second = Journal(tmp_path / "journals", "http://here", "collection")
    assert "abc one.jpg" in second
    assert "abc two.jpg" not in second
    second.close()


def test_another_endpoint_or_collection_starts_anew(tmp_path: Path) -> None:
    first = Journal(tmp_path, "http://here", "collection")
    first.add("abc one.jpg")
    for identity in (("http://there", "collection"), ("http://here", "other")):
        other = Journal(tmp_path, *identity)
        assert "abc one.jpg" not in other
        other.close()
    first.close()


def test_lines_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    first = Journal(tmp_path, "x")
    first.add("abc one.jpg")
    first.close()
    with first.path.open("ab") as file:
        file.write(b"abc \xff.jpg\n\0\n\xff\xfe")
    second = Journal(tmp_path, "x")
    second.add("abc two.jpg")
    second.close()
    third = Journal(tmp_path, "x")
    assert "abc one.jpg" in third
    assert "abc two.jpg" in third
    assert "abc :ff.jpg" not in third
    third.close()


def test_a_line_that_was_cut_off_is_not_believed_and_harms_no_other(tmp_path: Path) -> None:
    first = Journal(tmp_path, "x")
    first.add("abc one.jpg")
    first.close()
    with first.path.open("a") as file:
        file.write("abc tw")
    second = Journal(tmp_path, "x")
    assert "abc tw" not in second
    second.add("abc three.jpg")
    second.close()
    third = Journal(tmp_path, "x")
    assert "abc one.jpg" in third
    assert "abc three.jpg" in third
    third.close()
