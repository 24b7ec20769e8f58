"""Packs of models in a process: what an operation hears of those that are not there."""

from pathlib import Path
from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.domain.errors import Throttling
from openrek.runtime.parts.adapters import Adapters, bind
from openrek.runtime.parts.packs import Packs, PackState
from openrek.runtime.settings import Settings
from openrek.vision.models import zoo
from openrek.vision.models.zoo import WeightsError


def put(folder: Path, pack: str) -> None:
    """Make the pack's files; what is in them is nobody's business here."""
    for row in zoo.manifest().rows([pack]).values():
        (folder / row.file).touch()


def reason(packs: Packs, *names: str) -> str | None:
    try:
        packs.require(names)
    except Throttling as refused:
        return refused.reason
    return None


def test_a_pack_is_ready_when_all_its_files_are_there(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    put(tmp_path, "labels")
    assert packs.state("labels") is PackState.READY
    assert packs.state("equipment") is PackState.MISSING  # which shares two of its three files
    assert packs.missing(["labels", "equipment", "text"]) == ["equipment", "text"]


def test_the_reason_says_what_is_done_or_what_to_do(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    put(tmp_path, "labels")

    missing = reason(packs, "labels", "text")
    packs.tell(["text"], PackState.BEING_BUILT)
    building = reason(packs, "labels", "text")
    packs.tell(["text"], PackState.FAILED)
    failed = reason(packs, "text")
    put(tmp_path, "text")

    run = "run `openrek weights --pack text` on the server."
    assert missing == f"The models of the pack text are not built: {run}"
    assert building == "The models of the pack text are being built; try again in a few minutes."
    assert failed == f"The models of the pack text are not there because their build failed: {run}"
    assert reason(packs, "labels", "text") is None
    assert packs.unready() == {}


def test_what_is_told_of_a_pack_that_is_there_changes_nothing(tmp_path: Path) -> None:
    """Another process may have built it meanwhile."""
    packs = Packs(tmp_path)
    packs.tell(["labels", "text"], PackState.FAILED)
    put(tmp_path, "text")
    assert packs.unready() == {"labels": PackState.FAILED}


def test_no_operation_can_need_a_pack_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^There is no pack nails of models"):
        Packs(tmp_path).require(["nails"])


def test_an_operation_is_refused_before_any_part_is_made(tmp_path: Path) -> None:
    def read_text(request: dict[str, Any], *, reader: object) -> dict[str, Any]:
        return {"reader": reader, **request}

    adapters = Adapters(Settings.of({"OPENREK_DATA": str(tmp_path), "OPENREK_WEIGHTS": str(tmp_path)}))
    bound = bind(read_text, adapters, ["text"])
    with pytest.raises(Throttling):
        bound({}, Caller())
    assert not adapters.reader.made

    put(tmp_path, "text")

    assert bound({"a": 1}, Caller())["a"] == 1


def test_a_function_is_never_told_to_build_the_rest_of_a_pack(tmp_path: Path) -> None:
    """DetectFaces carries the detector alone."""

    def detect(request: dict[str, Any]) -> dict[str, Any]:
        return request

    environ = {"OPENREK_TABLE": "items", "OPENREK_BUCKET": "blobs", "OPENREK_WEIGHTS": str(tmp_path)}
    adapters = Adapters(Settings.of(environ))
    assert bind(detect, adapters, ["faces"])({"a": 1}, Caller()) == {"a": 1}
