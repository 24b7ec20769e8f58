"""docs/COVERAGE.md: every operation of the model, once, and as the code has it."""

import re

import pytest

from docs.generate_coverage import PAGE, current, main, page
from openrek.domain.users import MOST_FACES_OF_USER
from openrek.operations.registry import NOT_OFFERED, OPERATIONS
from openrek.store.collections.tags import MAX_TAGS
from openrek.store.faces.faces import MAX_FACES
from openrek.store.users.users import MAX_USERS
from openrek.wire.extensions import extensions
from openrek.wire.model import service_model

OURS = extensions()["operations"].keys()


def test_every_operation_is_either_offered_or_explained() -> None:
    explained = [name for names in NOT_OFFERED.values() for name in names]
    assert len(explained) == len(set(explained))
    assert set(explained) | set(OPERATIONS) == set(service_model().operations)
    assert not set(explained) & set(OPERATIONS)
    assert all(OPERATIONS[name].note for name in OURS)


def test_the_page_has_one_line_for_each_operation() -> None:
    rows = re.findall(r"^\| (\w+) \| (yes|no) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name, _, _ in rows] == sorted(service_model().operations.keys() - OURS)
    assert len(rows) == 75
    assert {name for name, offered, _ in rows if offered == "yes"} == OPERATIONS.keys() - OURS
    ours = re.findall(r"^\| (\w+) \| [^|]+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name in ours if name != "operation"] == sorted(OURS)


def test_the_page_is_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    assert PAGE.read_text("utf-8") == current()


def test_the_limits_are_those_that_the_code_has() -> None:
    section = PAGE.read_text("utf-8").partition("## Limits")[2]
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", section, re.MULTILINE))
    assert rows["faces of a collection"] == f"{MAX_FACES:,}" == "5,000,000"
    assert rows["users of a collection"] == f"{MAX_USERS:,}" == "1,000,000"
    assert rows["tags of a collection"] == f"{MAX_TAGS}" == "200"
    assert rows["faces of a user"] == rows["faces of a photo"] == "100"
    assert (rows["inline image"], rows["`S3Object`"]) == ("5 MiB", "15 MiB")
    assert (rows["key and value of a tag"], rows["UserId"]) == ("128 and 256 characters", "128 characters")
    readme = " ".join((PAGE.parents[1] / "README.md").read_text("utf-8").split())
    assert f"{MAX_FACES:,} faces, {MAX_USERS:,} users of {MOST_FACES_OF_USER} faces each, and {MAX_TAGS} tags" in readme


def test_an_operation_without_an_explanation_fails_the_build() -> None:
    with pytest.raises(KeyError, match="New"):
        page(["New"], [], {}, {})
