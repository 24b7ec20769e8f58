"""Docstrings of functions say at first sight what the function does: none begins with a relative clause."""

from pathlib import Path

import pytest

from docs.check_docs import CODE, ROOT, docstring_faults


@pytest.mark.parametrize("folder", CODE)
def test_no_docstring_begins_with_a_relative_clause(folder: str) -> None:
    assert list(docstring_faults(ROOT / folder)) == []


@pytest.mark.parametrize("first", ["What", "Whether", "Those", "Which", "How", "Where", "That"])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_one_that_does_is_named_with_its_place(tmp_path: Path, kind: str, first: str) -> None:
    path = tmp_path / "below" / "module.py"
    path.parent.mkdir()
    path.write_text(f'class Some:\n    {kind} method(self):\n        """{first} it does."""\n', "utf-8")
    assert list(docstring_faults(tmp_path)) == [
        f"{path}:2: the docstring of method begins with {first}, not with a verb."
    ]


def test_verbs_and_functions_without_a_docstring_are_fine(tmp_path: Path) -> None:
    code = '"""What a module holds."""\n\n\ndef one():\n    """Whatever it is, return it."""\n\n\ndef other(): ...\n'
    (tmp_path / "module.py").write_text(code, "utf-8")
    assert list(docstring_faults(tmp_path)) == []
