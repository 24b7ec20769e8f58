"""Two face packs side by side, through the public door: one of 512 numbers beside the real one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from openrek.domain.faces import cosine
from openrek.domain.models import SFACE, SFACE_7_1, FaceModel, FaceModels
from openrek.runtime.cli import maintenance
from openrek.runtime.cli.main import main
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.parts.face_packs import OFFER, FaceOffer
from openrek.runtime.server.run import local_app
from openrek.runtime.settings import Settings
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from tests.conformance.conftest import refusal
from tests.support import wide_pack
from tests.support.server import app_server, client
from tests.support.wide_pack import WIDE

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


OLD_OFFER = replace(OFFER, models=FaceModels((SFACE,)))
INT8_ERROR = 0.005
"""Of a cosine of two stored vectors, both of which have it."""


@contextmanager
def serving(data: Path, weights_folder: Path, offer: FaceOffer) -> Iterator["RekognitionClient"]:
    settings = replace(Settings.of({}), data=data, weights=weights_folder)
    with (
        closing(Adapters(settings, faces=offer)) as adapters,
        app_server(local_app(adapters, settings)) as (host, port),
    ):
        yield client(f"http://{host}:{port}")


def found(stock: "RekognitionClient", collection: str, photo: bytes) -> dict[str, float]:
    """ExternalImageId -> Similarity of all faces that a search finds."""
    done = stock.search_faces_by_image(CollectionId=collection, Image={"Bytes": photo}, FaceMatchThreshold=0)
    return {match["Face"]["ExternalImageId"]: match["Similarity"] for match in done["FaceMatches"]}


def index(stock: "RekognitionClient", collection: str, photos: dict[str, bytes]) -> dict[str, str]:
    """Return ExternalImageId -> FaceId."""
    ids = {}
    for name in ("obama.jpg", "biden.jpg", "astronaut.png"):
        done = stock.index_faces(CollectionId=collection, Image={"Bytes": photos[name]}, ExternalImageId=name)
        (record,) = done["FaceRecords"]
        ids[name] = record["Face"]["FaceId"]
    return ids


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_second_pack_of_512_numbers_beside_the_first(
    weights_folder: Path, photos: dict[str, bytes], tmp_path: Path
) -> None:
    data, file = tmp_path / "data", tmp_path / "wide.npz"
    with serving(data, weights_folder, wide_pack.offer(SFACE)) as stock:
        assert stock.create_collection(CollectionId="faces")["FaceModelVersion"] == SFACE.version
        index(stock, "faces", photos)
        before = found(stock, "faces", photos["obama2.jpg"])
    with serving(data, weights_folder, wide_pack.offer()) as stock:
        assert stock.create_collection(CollectionId="colours")["FaceModelVersion"] == WIDE.version
        ids = index(stock, "colours", photos)
        assert stock.describe_collection(CollectionId="colours")["FaceCount"] == 3
        similar = found(stock, "colours", photos["obama.jpg"])
        assert similar["obama.jpg"] == pytest.approx(WIDE.similarity_pct(1.0), abs=0.1)
        assert max(similar["biden.jpg"], similar["astronaut.png"]) < similar["obama.jpg"]
        near = stock.search_faces(CollectionId="colours", FaceId=ids["obama.jpg"], FaceMatchThreshold=0)
        assert {m["Face"]["ExternalImageId"]: m["Similarity"] for m in near["FaceMatches"]} == pytest.approx(
            {name: pct for name, pct in similar.items() if name != "obama.jpg"}, abs=0.5
        )
        assert {match["Face"]["IndexFacesModelVersion"] for match in near["FaceMatches"]} == {WIDE.version}
        stock.create_user(CollectionId="colours", UserId="barack")
        stock.associate_faces(CollectionId="colours", UserId="barack", FaceIds=[ids["obama.jpg"]])
        searched = stock.search_users_by_image(CollectionId="colours", Image={"Bytes": photos["obama.jpg"]})
        assert [match["User"]["UserId"] for match in searched["UserMatches"]] == ["barack"]
        assert found(stock, "faces", photos["obama2.jpg"]) == before

    run("purge", "--data", str(data))
    assert "Findings" in run("verify", "--data", str(data))
    run("verify", "--rebuild", "--collection", "colours", "--data", str(data))
    run("export", str(file), "--collection", "colours", "--data", str(data))
    imported(tmp_path / "other", weights_folder, file)
    with serving(tmp_path / "other", weights_folder, wide_pack.offer()) as stock:
        assert found(stock, "copy", photos["obama.jpg"]) == similar


def imported(data: Path, weights_folder: Path, file: Path) -> None:
    """Import `file` as the collection `copy`: not where its model is not offered, but where it is."""
    refused = CliRunner().invoke(main, ["import", str(file), "--collection", "copy", "--data", str(data)])
    assert refused.exit_code == 1
    assert "The file's face model b'9.5' is not one of this openrek." in " ".join(refused.output.split())
    settings = replace(Settings.of({}), data=data, weights=weights_folder)
    with closing(Adapters(settings, faces=wide_pack.offer())) as adapters:
        assert adapters.collections().page(None, 10).rows == ()
        maintenance.import_collection(adapters, file, "copy", Console(quiet=True))


def test_a_collection_of_a_model_that_is_not_offered_is_kept_and_not_searched(
    weights_folder: Path, photos: dict[str, bytes], tmp_path: Path
) -> None:
    with serving(tmp_path, weights_folder, wide_pack.offer()) as stock:
        stock.create_collection(CollectionId="colours")
        ids = index(stock, "colours", photos)
    with serving(tmp_path, weights_folder, OFFER) as stock:
        assert len(stock.list_faces(CollectionId="colours")["Faces"]) == 3
        why = "The collection was made with face model 9.5, which this deployment does not carry."
        image = {"Bytes": photos["obama.jpg"]}
        for refused in (
            refusal(stock.search_faces_by_image, CollectionId="colours", Image=image),
            refusal(stock.index_faces, CollectionId="colours", Image=image),
            refusal(stock.search_faces, CollectionId="colours", FaceId=ids["obama.jpg"]),
        ):
            assert (refused[0], refused[2]) == ("InvalidParameterException", why)


def test_the_models_that_are_offered_are_those_of_the_packs() -> None:
    assert OFFER.models.offered == tuple(pack.model for pack in sface.packs())


@pytest.mark.parametrize("models", [(), (SFACE, SFACE), (SFACE, replace(WIDE, version=SFACE.version))])
def test_an_offer_has_each_version_once(models: tuple[FaceModel, ...]) -> None:
    with pytest.raises(ValueError, match="each version once"):
        FaceModels(models)


def test_collections_of_the_old_model_answer_as_before_and_new_ones_are_of_the_new(
    weights_folder: Path, photos: dict[str, bytes], tmp_path: Path
) -> None:
    data, file = tmp_path / "data", str(tmp_path / "people.npz")
    with serving(data, weights_folder, OLD_OFFER) as stock:
        assert stock.create_collection(CollectionId="people", Tags={"who": "us"})["FaceModelVersion"] == "7.0"
        ids = with_a_user(stock, "people", photos)
        before = found(stock, "people", photos["obama3.jpg"])
        listed = stock.list_faces(CollectionId="people")["Faces"]
    with serving(data, weights_folder, OFFER) as stock:
        assert found(stock, "people", photos["obama3.jpg"]) == before
        assert with_a_user(stock, "people", photos, user="again") == ids
        assert stock.create_collection(CollectionId="fresh")["FaceModelVersion"] == "7.1"
        with_a_user(stock, "fresh", photos)
        run("export", file, "--collection", "people", "--data", str(data))
        run("import", file, "--collection", "converted", "--face-model", "7.1", "--data", str(data))
        again = run("import", file, "--collection", "converted", "--face-model", "7.1", "--data", str(data))
        assert "0 faces imported, 3 existed already." in again

        described = stock.describe_collection(CollectionId="converted")
        assert (described["FaceModelVersion"], described["FaceCount"], described["UserCount"]) == ("7.1", 3, 2)
        kept = stock.list_faces(CollectionId="converted")["Faces"]
        assert [strip(face) for face in kept] == [strip(face) for face in listed]
        assert stock.list_tags_for_resource(ResourceArn=described["CollectionARN"])["Tags"] == {"who": "us"}
        for search in (found, found_users):
            one, other = (search(stock, name, photos["obama3.jpg"]) for name in ("converted", "fresh"))
            assert cosines(one) == pytest.approx({name: cosines(other)[name] for name in one}, abs=INT8_ERROR)
    assert "Findings" in run("verify", "--data", str(data))


def with_a_user(
    stock: "RekognitionClient", collection: str, photos: dict[str, bytes], *, user: str = "barack"
) -> dict[str, str]:
    ids = index(stock, collection, photos)
    stock.create_user(CollectionId=collection, UserId=user)
    if user == "barack":
        stock.associate_faces(CollectionId=collection, UserId=user, FaceIds=[ids["obama.jpg"]])
    return ids


def found_users(stock: "RekognitionClient", collection: str, photo: bytes) -> dict[str, float]:
    done = stock.search_users_by_image(CollectionId=collection, Image={"Bytes": photo}, UserMatchThreshold=0)
    assert [match["User"]["UserId"] for match in done["UserMatches"]] == ["barack"]
    return {match["User"]["UserId"]: match["Similarity"] for match in done["UserMatches"]}


def cosines(similar: dict[str, float]) -> dict[str, float]:
    """Of cosines above .7, Similarity, which is a float32, tells no more than that."""
    return {name: min(0.7, SFACE_7_1.lowest_cosine(pct)) for name, pct in similar.items()}


def strip(face: Any) -> dict[str, Any]:
    """All of a face that a conversion keeps."""
    return {name: value for name, value in face.items() if name not in ("IndexFacesModelVersion", "UserId")}


def test_models_that_a_file_cannot_be_converted_to_are_told_and_nothing_is_made(
    weights_folder: Path, photos: dict[str, bytes], tmp_path: Path
) -> None:
    data, file = str(tmp_path / "data"), str(tmp_path / "people.npz")
    with serving(tmp_path / "data", weights_folder, OFFER) as stock:
        stock.create_collection(CollectionId="people")
        index(stock, "people", photos)
        run("export", file, "--collection", "people", "--data", data)
        for version, why in (
            ("9.9", "There is no face model 9.9; there are 7.1, 7.0."),
            ("7.0", "Faces of model 7.1 do not become those of 7.0 without their photos."),
        ):
            arguments = ["import", file, "--collection", "copy", "--face-model", version, "--data", data]
            done = CliRunner().invoke(main, arguments)
            assert (done.exit_code, why in " ".join(done.output.split())) == (1, True), done.output
        assert stock.list_collections()["CollectionIds"] == ["people"]


def test_faces_are_compared_by_the_newest_model(
    weights_folder: Path, photos: dict[str, bytes], reader: FaceReader, tmp_path: Path
) -> None:
    source, target = photos["obama.jpg"], photos["biden.jpg"]
    with serving(tmp_path, weights_folder, OFFER) as stock:
        done = stock.compare_faces(SourceImage={"Bytes": source}, TargetImage={"Bytes": target}, SimilarityThreshold=0)
    (match,) = done["FaceMatches"]

    likeness = {}
    for model in (SFACE_7_1, SFACE):
        read = [reader.read(image, model) for image in (source, target)]
        first, second = (photo.embed(photo.faces[0]).embedding for photo in read)
        likeness[model] = model.similarity_pct(cosine(first, second))

    assert match["Similarity"] == pytest.approx(likeness[SFACE_7_1], rel=1e-5)
    assert match["Similarity"] != pytest.approx(likeness[SFACE], rel=1e-2)
