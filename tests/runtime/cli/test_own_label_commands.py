"""`openrek labels learn`, `list` and `remove`: a label that an owner teaches is answered by a server that runs."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result
from PIL import Image

from openrek.runtime.parts.own_labels import FOLDER
from tests.support.aws import ENVIRON, LocalAws
from tests.support.label_pack import write
from tests.support.server import ServerProcess, client

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

Run = Callable[..., Result]
SIDE_PX = 160


def crops(photo: bytes, folder: Path, count: int = 32) -> Path:
    """Write so many different crops of a photo."""
    folder.mkdir(exist_ok=True)
    image = Image.open(io.BytesIO(photo)).convert("RGB").resize((400, 300))
    for place in range(count):
        left, top = 12 * (place % 16), 70 * (place // 16)
        image.crop((left, top, left + 220, top + 220)).resize((SIDE_PX, SIDE_PX)).save(folder / f"{place:02}.jpg")
    return folder


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, weights_folder: Path
) -> Iterator[tuple[Path, "RekognitionClient"]]:
    """Yield the data folder of a server that has a label pack, and a client of it."""
    data, pack = tmp_path_factory.mktemp("data"), write(tmp_path_factory.mktemp("pack"))
    server = ServerProcess(data, weights_folder, OPENREK_LABEL_PACK=str(pack))
    yield data, client(server.url)
    assert server.stop() == (0, "")


@pytest.fixture
def espresso(photos: Mapping[str, bytes], tmp_path: Path) -> Path:
    return crops(photos["coffee.png"], tmp_path / "espresso")


def answer(rekognition: "RekognitionClient", photo: bytes, **filters: list[str]) -> tuple[dict[str, Any], str]:
    """Return the labels by name, and the reason in the headers."""
    response = rekognition.detect_labels(Image={"Bytes": photo}, Settings={"GeneralLabels": filters})
    reason = response["ResponseMetadata"]["HTTPHeaders"].get("x-openrek-reason", "")
    return {label["Name"]: label for label in response["Labels"]}, reason


def test_a_label_is_learnt_answered_filtered_and_removed(
    run: Run, served: tuple[Path, "RekognitionClient"], espresso: Path, photos: Mapping[str, bytes], tmp_path: Path
) -> None:
    data, rekognition = served
    cats = crops(photos["chelsea.png"], tmp_path / "cats")
    coffee = photos["coffee.png"]
    assert "House Espresso" not in answer(rekognition, coffee)[0]

    learnt = run("labels", "learn", "House Espresso", espresso, "--not", cats, "--category", "Our Menu",
                 "--parent", "Coffee Cup", "--data", data)  # fmt: skip

    assert learnt.exit_code == 0, learnt.output
    assert "learnt from 32 pictures" in learnt.output
    label = answer(rekognition, coffee)[0]["House Espresso"]
    assert label["Categories"] == [{"Name": "Our Menu"}]
    assert {each["Name"] for each in label["Parents"]} >= {"Coffee Cup", "Cup"}
    assert label["Instances"] == label["Aliases"] == []
    assert label["Confidence"] > 80
    assert "House Espresso" not in answer(rekognition, photos["chelsea.png"])[0]
    assert set(answer(rekognition, coffee, LabelCategoryInclusionFilters=["Our Menu"])[0]) == {"House Espresso"}
    assert "House Espresso" not in answer(rekognition, coffee, LabelExclusionFilters=["House Espresso"])[0]

    (listed,) = json.loads(run("labels", "list", "--json", "--data", data).output)["Labels"]
    assert (listed["Name"], listed["Pictures"], listed["Others"]) == ("House Espresso", 32, 544)
    assert listed["Precision"] > 0.9 < listed["Recall"]
    assert "House Espresso" in run("labels", "list", "--data", data).output

    assert run("labels", "remove", "house espresso", "--data", data).output == "Removed house espresso.\n"
    assert "House Espresso" not in answer(rekognition, coffee)[0]
    assert [path for path in (data / FOLDER).rglob("*") if path.is_file()] == []
    assert run("labels", "list", "--data", data).output == "There are no labels of your own.\n"


def test_the_labels_of_a_pack_are_answered_too(served: tuple[Path, "RekognitionClient"]) -> None:
    file = io.BytesIO()
    Image.new("RGB", (90, 90), "red").save(file, "PNG")

    found, _ = answer(served[1], file.getvalue(), LabelCategoryInclusionFilters=["Our Colours"])

    assert set(found) == {"Company Red"}
    assert found["Company Red"]["Categories"] == [{"Name": "Our Colours"}]


def test_a_server_does_not_start_with_a_pack_that_is_not_whole(tmp_path: Path, weights_folder: Path) -> None:
    (write(tmp_path / "pack") / "labels.csv").write_text("name\n", "utf-8")

    with pytest.raises(AssertionError, match=r"labels\.csv does not have the sha256"):
        ServerProcess(tmp_path / "data", weights_folder, OPENREK_LABEL_PACK=str(tmp_path / "pack"))


def test_a_damaged_label_leaves_the_others_and_the_answer_says_so(
    run: Run, served: tuple[Path, "RekognitionClient"], espresso: Path, photos: Mapping[str, bytes]
) -> None:
    data, rekognition = served
    folder = data / FOLDER / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0123-4567.learnt").write_bytes(b"OPENREKLEARNT1\r\n and so on" + bytes(100))

    found, reason = answer(rekognition, photos["coffee.png"])

    assert found["Cup"]["Confidence"] > 90
    assert reason == "Owner's labels that cannot be used: 1; `openrek labels list` tells why."
    assert "sha256 is another" in run("labels", "list", "--data", data).output
    assert run("labels", "remove", "labels/0123-4567.learnt", "--data", data).exit_code == 0
    assert answer(rekognition, photos["coffee.png"])[1] == ""


def test_what_cannot_be_learnt_is_told_in_a_sentence(
    run: Run, espresso: Path, photos: Mapping[str, bytes], tmp_path: Path
) -> None:
    few, empty, broken = crops(photos["coffee.png"], tmp_path / "few", 29), tmp_path / "empty", tmp_path / "broken"
    empty.mkdir()
    (few / "copy.jpg").write_bytes((few / "00.jpg").read_bytes())
    crops(photos["coffee.png"], broken, 30)
    (broken / "00.jpg").write_bytes(b"\xff\xd8 no more than that")

    def refused(*arguments: object) -> str:
        result = run("labels", "learn", *arguments, "--data", tmp_path / "data")
        assert result.exit_code == 1
        return result.output

    assert "has 29 different pictures that can be read; a label needs 30" in refused("Ristretto", few)
    assert "There is no picture in" in refused("Ristretto", empty)
    assert "has 29 different pictures" in refused("Ristretto", broken)
    assert "00.jpg: " in refused("Ristretto", broken)
    assert "32 of the pictures are in both folders" in refused("Ristretto", espresso, "--not", espresso)
    assert "Cat already" in refused("Cat", espresso)
    assert "cannot be a parent" in refused("Ristretto", espresso, "--parent", "Gadget")
    assert "cannot be a name" in refused("../Espresso", espresso)

    assert run("labels", "learn", "Ristretto", espresso, "--data", tmp_path / "data").exit_code == 0
    assert "There is a label RISTRETTO already" in refused("RISTRETTO", espresso)
    assert "There is no label Mug" in run("labels", "remove", "Mug", "--data", tmp_path / "data").output


def test_labels_of_a_deployment_are_in_its_bucket(
    run: Run, aws: LocalAws, espresso: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (ENVIRON | {"AWS_ENDPOINT_URL_S3": aws.url}).items():
        monkeypatch.setenv(name, value)
    bucket = aws.new_bucket()
    listed = aws.s3().list_objects_v2

    assert run("labels", "learn", "Ristretto", espresso, "--bucket", bucket).exit_code == 0
    (blob,) = listed(Bucket=bucket)["Contents"]
    assert blob["Key"].startswith("labels/")
    assert "Ristretto" in run("labels", "list", "--bucket", bucket).output
    assert run("labels", "remove", "Ristretto", "--bucket", bucket).exit_code == 0
    assert "Contents" not in listed(Bucket=bucket)
    missing = run("labels", "list", "--bucket", "no-such-bucket")
    assert (missing.exit_code, "no-such-bucket" in missing.output) == (1, True)
