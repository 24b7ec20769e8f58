"""The owner's labels as a server sees them: what comes, what goes, what is damaged, what cannot be reached."""

from pathlib import Path

import numpy as np
import pytest

from openrek.domain.labels import LabelName
from openrek.runtime.parts import own_labels
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.parts.own_labels import OwnLabelError, OwnLabels, folder_blobs
from openrek.runtime.settings import AwsSettings, Settings
from openrek.store.blobs.folder import FolderBlobs
from openrek.vision.labels.additions import Additions
from openrek.vision.labels.learning import Measured
from openrek.vision.labels.own_labels import FEATURES, OwnLabel
from tests.support.aws import ENVIRON, LocalAws
from tests.support.clocks import FakeClock


def label(name: str, bias: float = 0.0) -> OwnLabel:
    entry = LabelName(name, "Ours", (), ())
    return OwnLabel(entry, np.zeros(FEATURES, np.float32), bias, Measured(30, 512, 30, 0), "2026-12-01")


def names(additions: Additions) -> list[str]:
    return sorted(each.name for each in additions.own)


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return folder_blobs(tmp_path, read_only=False)


def test_a_reader_sees_what_came_and_what_went(blobs: FolderBlobs, tmp_path: Path) -> None:
    reading, changing = OwnLabels(folder_blobs(tmp_path, read_only=True)), OwnLabels(blobs)
    assert reading.additions() == Additions()

    changing.add(label("Mug"))
    changing.add(label("Äpfel"))
    assert names(reading.additions()) == ["Mug", "Äpfel"]
    assert reading.additions().vocabulary()["Mug"].category == "Ours"
    assert "Cat" in reading.additions().vocabulary()

    changing.remove("MUG")
    changing.add(label("Mug", bias=2.0))
    assert {each.name: each.bias for each in reading.additions().own} == {"Mug": 2.0, "Äpfel": 0.0}


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    assert OwnLabels(folder_blobs(tmp_path / "data", read_only=True)).additions() == Additions()
    assert not (tmp_path / "data").exists()


def test_what_is_there_is_listed_again_after_a_while(blobs: FolderBlobs) -> None:
    clock = FakeClock()
    reading, changing = OwnLabels(blobs, every_s=30, clock=clock), OwnLabels(blobs)
    changing.add(label("Mug"))
    assert names(reading.additions()) == ["Mug"]

    changing.remove("Mug")
    clock.sleep(29)
    assert names(reading.additions()) == ["Mug"]
    clock.sleep(1)
    assert names(reading.additions()) == []


def test_what_cannot_be_reached_is_said_and_what_was_read_is_answered(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = OwnLabels(blobs)
    reading.add(label("Mug"))
    assert names(reading.additions()) == ["Mug"]

    def fails(_: str = "") -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(blobs, "names", fails)
    found = reading.additions()
    assert names(found) == ["Mug"]
    assert found.remarks == ("The owner's labels cannot be read now; those that were read before are answered.",)


def test_there_are_not_too_many(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_labels, "MOST_OWN_LABELS", 2)
    labels = OwnLabels(blobs)
    labels.add(label("One"))
    with pytest.raises(OwnLabelError, match="There is a label one already"):
        labels.add(label("one"))
    labels.add(label("Two"))
    with pytest.raises(OwnLabelError, match="There are 2 labels already"):
        labels.add(label("Three"))
    with pytest.raises(OwnLabelError, match="There is no label Four"):
        labels.remove("Four")


def test_a_deployment_reads_its_bucket_and_goes_on_without_it(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (ENVIRON | {"AWS_ENDPOINT_URL_S3": aws.url}).items():
        monkeypatch.setenv(name, value)
    bucket = aws.new_bucket()
    OwnLabels(aws.blobs(bucket)).add(label("Mug"))

    def deployed(bucket: str) -> Additions:
        settings = Settings(
            None, tmp_path, workers=1, threads=1, queue=1, aws=AwsSettings("table", bucket, timeout_s=60)
        )
        return Adapters(settings).own_labels().additions()

    assert names(deployed(bucket)) == ["Mug"]
    assert deployed("no-such-bucket").remarks == (
        "The owner's labels cannot be read now; those that were read before are answered.",
    )
