"""docs/COVERAGE.md: every operation of the model, once, and as the code has it."""

import re

import pytest

from docs.generate_coverage import PAGE, current, main, page
from openrek.operations.coverage import NOT_OFFERED, NOTES
from openrek.runtime.offered import OFFERED
from openrek.wire.extensions import extensions
from openrek.wire.model import service_model

OURS = extensions()["operations"].keys()


def test_every_operation_is_either_offered_or_explained() -> None:
    explained = [name for names in NOT_OFFERED.values() for name in names]
    assert len(explained) == len(set(explained))
    assert set(explained) | set(OFFERED) == set(service_model().operations)
    assert not set(explained) & set(OFFERED)
    assert NOTES.keys() <= OFFERED.keys()
    assert NOTES.keys() >= OURS


def test_the_page_has_one_line_for_each_operation() -> None:
    rows = re.findall(r"^\| (\w+) \| (yes|no) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name, _, _ in rows] == sorted(service_model().operations.keys() - OURS)
    assert len(rows) == 75
    assert {name for name, offered, _ in rows if offered == "yes"} == OFFERED.keys() - OURS
    ours = re.findall(r"^\| (\w+) \| [^|]+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name in ours if name != "operation"] == sorted(OURS)


def test_the_page_is_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    assert PAGE.read_text("utf-8") == current()


def test_an_operation_without_an_explanation_fails_the_build() -> None:
    with pytest.raises(KeyError, match="New"):
        page(["New"], [], {}, {})
