"""`openrek weights`: packs by name, and one display for all downloads."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from openrek.runtime.cli.downloads_display import DownloadsDisplay
from openrek.vision.models import zoo


def test_packs_are_asked_for_by_name(run, weights_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENREK_WEIGHTS", str(weights_folder))

    assert run("weights", "--check", "--pack", "faces").exit_code == 0
    missing = run("weights", "--check", "--pack", "faces", "--pack", "hands")
    unknown = run("weights", "--pack", "nails")

    assert (missing.exit_code, unknown.exit_code) == (1, 1)
    assert missing.stderr == (
        f"Error: The model file {weights_folder / 'palm-detection.onnx'} is missing; "
        "run `openrek weights --pack hands` to build it.\n"
    )
    assert unknown.stderr.startswith("Error: There is no pack nails of models; the packs are faces, attributes, ")


def test_the_help_names_every_pack(run) -> None:
    told = run("weights", "--help").stdout
    assert [pack for pack in zoo.manifest().packs if pack not in told] == []


def test_downloads_are_drawn_together() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with DownloadsDisplay(console) as display:
        display.step("Downloading")
        for name, done in (("one", 5_000_000), ("two", 1_000_000), ("one", 10_000_000)):
            display.on_bytes(name, done, 10_000_000)
    drawn = console.file.getvalue()
    assert "Downloading" in drawn
    assert "10.0/10.0 MB" in drawn
    assert "1.0/10.0 MB" in drawn
