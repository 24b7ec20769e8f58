"""Folders that are made once: whole or not there, and the same for the same inputs."""

from pathlib import Path

import pytest

from infra.folders import kept


def write(folder: Path, content: str) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text(content, "utf-8")
    (folder / "sub" / "file").chmod(0o600)


def test_a_folder_is_made_once_and_anew_when_its_inputs_change(tmp_path: Path) -> None:
    folder = tmp_path / "layers" / "code"
    made = []

    def make(fresh: Path) -> None:
        made.append(fresh)
        write(fresh, str(len(made)))

    for inputs in ("a", "a", "b", "b"):
        assert kept(folder, inputs, make) == folder
    assert len(made) == 2
    assert (folder / "sub" / "file").read_text("utf-8") == "2"


def test_a_folder_that_could_not_be_made_anew_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    kept(folder, "a", lambda fresh: write(fresh, "old"))

    def fail(fresh: Path) -> None:
        write(fresh, "half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        kept(folder, "b", fail)
    assert (folder / "sub" / "file").read_text("utf-8") == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"code", "code.made-from", ".code.lock"}
    kept(folder, "a", fail)


def test_everybody_may_read_what_is_made(tmp_path: Path) -> None:
    folder = kept(tmp_path / "code", "a", lambda fresh: write(fresh, ""))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert modes == {"code": 0o755, "sub": 0o755, "file": 0o644}
