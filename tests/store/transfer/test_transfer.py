"""Export and import: exact round trips, one moment of a busy collection, and no trust in files."""

import contextlib
import io
import json
import re
import stat
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import botocore.loaders
import numpy as np
import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.models import FACE_MODELS, SFACE
from openrek.domain.users import MOST_FACES_OF_USER
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections import tags
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items
from openrek.store.items.sqlite import SqliteItems
from openrek.store.search.search import StoredSearch
from openrek.store.transfer import archive as archives
from openrek.store.transfer.archive import NAMES, Archive, BadArchive
from openrek.store.transfer.archive_file import load, save
from openrek.store.transfer.export import NotExported, export
from openrek.store.transfer.import_faces import Imported, import_archive
from openrek.store.users import users
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.synthetic import Embedder, new_collection, no_pause, picture, slots, unit
from tests.store.tables import open_fast


@pytest.fixture
def items(tmp_path: Path) -> Iterator[SqliteItems]:
    opened = open_fast(tmp_path / "one")
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SqliteItems]:
    opened = open_fast(tmp_path / "other")
    yield opened
    opened.close()


@pytest.fixture
def people(items: Items) -> Collection:
    """90 faces of pictures with and without external ids; of some pictures a face was deleted."""
    made = StoredCollections(items).create("people", SFACE, {"who": "Łukasz & co".replace("&", "+"), "empty": ""})
    for number in range(12):
        index(items, made, number, 8)
    gone = StoredFaces(items).page(made, None, 6).rows
    StoredFaces(items).delete(made, [face.face_id for face in gone])
    return made


def index(items: Items, collection: Collection, number: int, faces: int) -> list[UUID]:
    of = picture(number, f"path:{number}.jpg" if number % 3 else None)
    return [face.face_id for face in StoredFaces(items).index(collection, of, slots(faces), Embedder(of))]


def same(first: Archive, second: Archive) -> bool:
    pairs = [(getattr(first, field.name), getattr(second, field.name)) for field in fields(Archive)]
    return all(a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in pairs)


def sound(items: Items, folder: Path, name: str = "people") -> bool:
    return verify(items, FolderBlobs(folder / "blobs"), name, pause=no_pause).findings == ()


def test_a_round_trip_is_exact(items: Items, other: Items, people: Collection, tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    exported = export(items, "people")
    save(exported, path)
    loaded = load(path)
    assert same(loaded, exported)

    assert import_archive(other, loaded, "people") == Imported(added=90, present=0, made=True)

    assert same(export(other, "people"), exported)
    assert sound(other, tmp_path)
    made = StoredCollections(other).require("people")
    assert made.face_count == 90
    one = StoredSearch(items, FolderBlobs(tmp_path / "1"))
    two = StoredSearch(other, FolderBlobs(tmp_path / "2"))
    people = StoredCollections(items).require("people")
    for probe in map(unit, range(5)):
        found = one.nearest(people, probe, limit=200, lowest_cosine=-1.0)
        assert found == two.nearest(made, probe, limit=200, lowest_cosine=-1.0)
        assert len(found) == 90


def test_the_file_is_plain_numpy(items: Items, people: Collection, tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    path.write_bytes(b"what was there before")
    save(export(items, "people"), path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob("*.npz*")] == ["out.npz"]
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == set(NAMES)
        faces = StoredFaces(items).page(people, None, 4096).rows
        assert file["face_ids"].astype(str).tolist() == [str(face.face_id) for face in faces]
        assert file["image_ids"].astype(str).tolist() == [str(face.image_id) for face in faces]
        assert [text or None for text in file["external_image_ids"].astype(str).tolist()] == [
            face.external_image_id for face in faces
        ]
        assert file["boxes"].tolist() == [[f.box.left, f.box.top, f.box.width, f.box.height] for f in faces]
        assert file["confidences"].tolist() == [face.confidence for face in faces]
        assert (file["vectors"].shape, file["vectors"].dtype) == ((90, 128), np.int8)
        norms = np.linalg.norm(file["vectors"] * file["scales"][:, None], axis=1)
        assert np.abs(norms - 1).max() < 0.01
        assert {row.tobytes() for row in file["image_sha256"]} <= {picture(number).sha256 for number in range(12)}
        assert dict(zip(file["tag_keys"].tolist(), file["tag_values"].tolist(), strict=True)) == {
            "who": "Łukasz + co",
            "empty": "",
        }
        assert file["user_ids"].astype(str).tolist() == [""] * 90
        assert file["users"].tolist() == []


def test_pictures_are_known_again_after_an_import(items: Items, other: Items, people: Collection) -> None:
    known = index(items, people, 5, 8)
    import_archive(other, export(items, "people"), "copy")
    made = StoredCollections(other).require("copy")

    assert index(other, made, 5, 8) == known
    assert StoredCollections(other).require("copy").face_count == StoredCollections(items).require("people").face_count


def test_an_empty_collection(items: Items, other: Items, tmp_path: Path) -> None:
    new_collection(items)
    save(export(items, "people"), tmp_path / "out.npz")

    assert import_archive(other, load(tmp_path / "out.npz"), "people") == Imported(0, 0, made=True)
    assert same(export(other, "people"), export(items, "people"))


def test_many_pictures_in_one_commit_and_many_faces_of_one_picture(items: Items, other: Items, tmp_path: Path) -> None:
    made = new_collection(items)
    for number in range(120):
        index(items, made, number, 1)
    index(items, made, 500, 100)
    exported = export(items, "people")
    steps: list[int] = []

    assert import_archive(other, exported, "people", on_progress=steps.append).added == 220

    assert same(export(other, "people"), exported)
    assert sound(other, tmp_path)
    assert steps[-1] == 220
    assert max(np.diff([0, *steps])) <= 90
    assert len(steps) <= 5


def test_an_export_is_one_moment_of_a_busy_collection(items: Items, people: Collection) -> None:
    """Every picture is added whole, before any step of the export: it is in the export whole, or not at all."""
    number = 1000

    def others(step: int) -> None:
        nonlocal number
        if number < 1030:
            number += 1
            added = index(items, people, number, 3)
            if number % 2:
                StoredFaces(items).delete(people, added)

    found = export(FaultyItems(items, before=others), "people", pause=no_pause)

    assert len(found) == len({*found.face_ids.tolist()})
    hashes, counts = np.unique(found.image_sha256, axis=0, return_counts=True)
    late = {picture(n).sha256 for n in range(1000, 1031) if n % 2 == 0}
    gone = {picture(n).sha256 for n in range(1000, 1031) if n % 2}
    for row, count in zip(hashes, counts.tolist(), strict=True):
        if row.tobytes() in late | gone:
            assert count == 3
    assert late & {row.tobytes() for row in hashes}
    assert same(export(items, "people"), export(items, "people"))


def test_an_export_of_what_changes_without_end_gives_up(items: Items, people: Collection) -> None:
    number = 2000

    def others(step: int) -> None:
        nonlocal number
        number += 1
        index(items, people, number, 1)

    with pytest.raises(NotExported, match="when it is quieter"):
        export(FaultyItems(items, before=others), "people", pause=no_pause)
    with pytest.raises(ResourceNotFound):
        export(items, "nobody")


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.UNSAID, Fault.CONTENDED])
def test_an_import_interrupted_anywhere_goes_on(
    items: Items, other: Items, people: Collection, fault: Fault, tmp_path: Path
) -> None:
    exported = export(items, "people")
    for step in range(0, 30, 2):
        name = f"copy{step}"
        faulty = FaultyItems(other, at(step, fault))
        with contextlib.suppress(Killed):
            import_archive(faulty, exported, name, pause=no_pause)
        again = import_archive(other, exported, name)
        assert again.added + again.present == 90
        assert same(replace(export(other, name), collection_id=exported.collection_id), exported)
        assert sound(other, tmp_path, name)
        if faulty.steps <= step:
            break
    assert import_archive(other, exported, name) == Imported(added=0, present=90, made=False)


def test_a_deleted_face_comes_back(items: Items, people: Collection, tmp_path: Path) -> None:
    exported = export(items, "people")
    ids = [face.face_id for face in StoredFaces(items).page(people, None, 30).rows]
    StoredFaces(items).delete(people, ids)

    assert import_archive(items, exported, "people") == Imported(added=30, present=60, made=False)

    assert same(export(items, "people"), exported)
    assert sound(items, tmp_path)


def heads_and_logs(items: Items) -> list[tuple[str, int]]:
    page = StoredCollections(items).page(None, 100).rows
    return [(entry.collection_id, StoredCollections(items).require(entry.collection_id).face_count) for entry in page]


def changed(archive: Archive, name: str, change: Callable[[Any], Any]) -> Archive:
    return replace(archive, **{name: change(getattr(archive, name).copy())})


def at_row(row: int, value: Any) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[row] = value
        return array

    return change


@pytest.mark.parametrize(("name", "value"), [("boxes", 0.25), ("vectors", 90), ("scales", 0.001), ("confidences", 1)])
def test_another_face_of_that_id_is_refused_before_anything_is_written(
    items: Items, people: Collection, name: str, value: float
) -> None:
    exported = export(items, "people")
    StoredFaces(items).delete(people, [UUID(text.decode()) for text in exported.face_ids[:5].tolist()])
    before = heads_and_logs(items)

    with pytest.raises(BadArchive, match=f"another face with the id {exported.face_ids[-1].decode()}"):
        import_archive(items, changed(exported, name, at_row(-1, value)), "people")

    assert heads_and_logs(items) == before


def test_what_does_not_suit_the_collection_writes_nothing(
    items: Items, other: Items, people: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = export(items, "people")
    wrong = {
        "more than the 10 faces": (exported, 10),
        "not that of its picture": (changed(exported, "image_sha256", at_row(40, 7)), 1000),
    }
    for expected, (archive, max_faces) in wrong.items():
        with pytest.raises(BadArchive, match=expected):
            import_archive(other, archive, "people", max_faces=max_faces)
    assert heads_and_logs(other) == []
    newer = replace(SFACE, version="8.0")
    monkeypatch.setitem(FACE_MODELS, "8.0", newer)
    StoredCollections(other).create("people", newer, {})
    with pytest.raises(BadArchive, match=r"uses face model 8\.0, the file 7\.0"):
        import_archive(other, exported, "people")


BAD: dict[str, tuple[Callable[[Archive], Archive], str]] = {
    "format": (lambda a: changed(a, "format_version", lambda v: v + 1), "has format 3"),
    "float format": (lambda a: changed(a, "format_version", lambda v: v.astype("<f8")), "format_version is <f8"),
    "collection": (lambda a: replace(a, collection_id=np.array(b"../x")), "collection id is not one"),
    "model": (lambda a: replace(a, face_model_version=np.array(b"9.9")), "face model b'9.9'"),
    "model's bytes": (lambda a: replace(a, face_model_version=np.array(b"\xff")), "face model"),
    "upper-case id": (lambda a: changed(a, "face_ids", np.char.upper), "in face_ids is not an id"),
    "short id": (lambda a: changed(a, "image_ids", at_row(3, b"x")), "in image_ids is not an id"),
    "other bytes": (lambda a: changed(a, "face_ids", at_row(3, b"\xff" * 36)), "in face_ids is not an id"),
    "one id twice": (lambda a: changed(a, "face_ids", lambda v: np.repeat(v[:1], len(v))), "strictly ascending"),
    "unordered": (lambda a: changed(a, "face_ids", lambda v: v[::-1].copy()), "strictly ascending"),
    "external id": (lambda a: changed(a, "external_image_ids", at_row(3, b"a b")), "in external_image_ids is not"),
    "user id": (lambda a: changed(a, "user_ids", at_row(3, b"/")), "in user_ids is not"),
    "user that is not listed": (lambda a: changed(a, "user_ids", at_row(3, b"x")), "does not list"),
    "listed user": (lambda a: replace(a, users=np.array([b"a b"])), "in users is not"),
    "users unordered": (lambda a: replace(a, users=np.array([b"b", b"a"])), "users are not in strictly"),
    "user twice": (lambda a: replace(a, users=np.array([b"a", b"a"])), "users are not in strictly"),
    "long user": (lambda a: replace(a, users=np.array([b"a" * 129])), "users is .S129"),
    "table of users": (lambda a: replace(a, users=np.array([[b"a"]])), "users is"),
    "box": (lambda a: changed(a, "boxes", at_row(0, np.nan)), "A box is not"),
    "far box": (lambda a: changed(a, "boxes", at_row(0, 1e9)), "A box is not"),
    "confidence": (lambda a: changed(a, "confidences", at_row(0, np.nan)), "A confidence is not"),
    "scale": (lambda a: changed(a, "scales", at_row(0, -1)), "A scale is not"),
    "infinite": (lambda a: changed(a, "scales", at_row(0, np.inf)), "A scale is not"),
    "long vector": (lambda a: changed(a, "scales", at_row(0, 1.0)), "not of unit length"),
    "no vector": (lambda a: changed(a, "vectors", at_row(0, 0)), "not of unit length"),
    "-128": (lambda a: changed(a, "vectors", at_row((0, 0), -128)), "not of unit length|holds -128"),
    "float vectors": (lambda a: changed(a, "vectors", lambda v: v.astype("<f4")), r"vectors is <f4 \[90, 128\]"),
    "dimensions": (lambda a: changed(a, "vectors", lambda v: v[:, :64].copy()), "64 dimensions; the model has 128"),
    "huge dimensions": (lambda a: changed(a, "vectors", lambda v: np.tile(v, 8)[:, :999]), "vectors is"),
    "fewer scales": (lambda a: changed(a, "scales", lambda v: v[:-1].copy()), r"scales is <f4 \[89\]"),
    "big-endian": (lambda a: changed(a, "scales", lambda v: v.astype(">f4")), "no header of the kind"),
    "flat boxes": (lambda a: changed(a, "boxes", lambda v: v.reshape(-1)), "boxes is"),
    "columns first": (lambda a: changed(a, "boxes", np.asfortranarray), "no header of the kind"),
    "wide texts": (lambda a: changed(a, "external_image_ids", lambda v: v.astype("S256")), "is .S256"),
    "lone tag": (lambda a: changed(a, "tag_keys", lambda v: v[:1].copy()), "not pairs"),
    "tag twice": (lambda a: changed(a, "tag_keys", lambda v: np.repeat(v[:1], 2)), "not pairs"),
    "aws tag": (lambda a: changed(a, "tag_keys", at_row(0, "aws:")), "starts with aws:"),
    "tag's text": (lambda a: changed(a, "tag_keys", at_row(0, "{x}")), "not a tag that the API"),
    "tag of no text": (lambda a: changed(a, "tag_keys", no_text), "A tag holds what is no text"),
    "value of no text": (lambda a: changed(a, "tag_values", no_text), "A tag holds what is no text"),
    "half a character": (lambda a: changed(a, "tag_keys", at_row(0, "\ud800")), "not a tag that the API"),
    "tag's line": (lambda a: changed(a, "tag_values", at_row(0, "a\nb")), "not a tag that the API"),
    "empty tag": (lambda a: changed(a, "tag_keys", at_row(0, "")), "key is empty"),
    "tag of numbers": (lambda a: replace(a, tag_values=np.zeros(2, "<i8")), "tag_values is <i8"),
    "long tag": (lambda a: replace(a, tag_keys=np.array(["a" * 129, "b"])), "tag_keys is <U129"),
    "long value": (lambda a: replace(a, tag_values=np.array(["a" * 257, "b"])), "tag_values is <U257"),
    "scale out of range": (lambda a: changed(a, "scales", at_row(0, 3e38)), "not of unit length"),
    "tags": (lambda a: replace(a, tag_keys=np.zeros(201, "U1"), tag_values=np.zeros(201, "U1")), "tag_keys is"),
}  # fmt: skip


def no_text(array: Any) -> Any:
    """Numbers beyond Unicode in the place of characters."""
    array.view(np.uint32)[0] = 0x7FFFFFFF
    return array


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_no_export(items: Items, people: Collection, tmp_path: Path, name: str) -> None:
    damage, expected = BAD[name]
    save(damage(export(items, "people")), tmp_path / "bad.npz")

    with pytest.raises(BadArchive, match=expected):
        load(tmp_path / "bad.npz")


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None], **options: Any) -> Path:
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def npy(array: Any) -> bytes:
    found = io.BytesIO()
    np.save(found, array, allow_pickle=True)
    return found.getvalue()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.pop("scales.npy"), "not those of an export: scales"),
        (lambda m: m.update({"../x.npy": b""}), "not those of an export"),
        (lambda m: m.update({"scales.npy": npy(np.array([{"a": 1}]))}), "no header of the kind"),
        (lambda m: m.update({"scales.npy": b"cos\nsystem\n(S'x'\ntR."}), "no header of the kind"),
        (lambda m: m.update({"scales.npy": m["scales.npy"][:-4]}), "another length"),
        (lambda m: m.update({"scales.npy": m["scales.npy"] + b"1234"}), "another length"),
        (lambda m: m.update({"scales.npy": m["scales.npy"].replace(b"(90,)", b"(91,)")}), "another length"),
        (lambda m: m.update({"face_ids.npy": m["face_ids.npy"].replace(b"(90,)", b"()   ")}), "no header"),
        (lambda m: m.update({"face_ids.npy": npy(np.array(b"x"))}), "holds -1 faces"),
        (lambda m: m.update({"scales.npy": m["scales.npy"].replace(b"'<f4'", b"'<z4'")}), "unknown type"),
    ],
)
def test_files_whose_arrays_lie(
    items: Items, people: Collection, tmp_path: Path, change: Callable[[dict[str, bytes]], None], expected: str
) -> None:
    save(export(items, "people"), tmp_path / "bad.npz")

    with pytest.raises(BadArchive, match=re.escape(expected)):
        load(rewritten(tmp_path / "bad.npz", change))


def test_a_compressed_file_is_read_and_a_bomb_is_not(items: Items, people: Collection, tmp_path: Path) -> None:
    exported = export(items, "people")
    save(exported, tmp_path / "a.npz")
    assert same(load(rewritten(tmp_path / "a.npz", lambda _: None, compression=zipfile.ZIP_DEFLATED)), exported)

    many = npy(np.zeros(2_000_000, "S36"))
    path = rewritten(tmp_path / "a.npz", lambda m: m.update({"face_ids.npy": many}), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BadArchive, match="holds 2000000 faces; a collection holds at most 1000"):
        load(path, max_faces=1000)


HEADERS: dict[str, tuple[str, str, str]] = {
    "faces": ("face_ids", "|S36", "(5000000,)"),
    "more faces than there can be": ("face_ids", "|S36", "(999999999,)"),
    "users": ("users", "|S128", "(1000000,)"),
    "more users than there can be": ("users", "|S128", "(999999999,)"),
    "tags": ("tag_keys", "<U128", "(999999999,)"),
    "dimensions": ("vectors", "|i1", "(90, 999999999)"),
    "more dimensions than arrays have": ("boxes", "<f4", "(90" + ", 999999999" * 80 + ")"),
    "letters": ("external_image_ids", "|S9999", "(90,)"),
    "nothing many times": ("users", "|S0", "(999999999,)"),
    "digits": ("scales", "<f4", "(99999999999999999999,)"),
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("real", [True, False], ids=["zeros", "nothing"])
def test_absurd_counts_allocate_nothing(
    items: Items, people: Collection, tmp_path: Path, name: str, real: bool
) -> None:
    """Of arrays that the file claims to hold, and of such as it really holds: zeros, in next to no space."""
    member, dtype, shape = HEADERS[name]
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(1000).encode() + b"\n"
    claim = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    size = 36 * 5_000_000 if real else 0
    save(export(items, "people"), tmp_path / "bad.npz")
    rewritten(
        tmp_path / "bad.npz",
        lambda m: m.update({f"{member}.npy": claim + bytes(size)}),
        compression=zipfile.ZIP_DEFLATED,
    )
    assert (tmp_path / "bad.npz").stat().st_size < 1 << 20

    tracemalloc.start()
    try:
        with pytest.raises(BadArchive):
            load(tmp_path / "bad.npz")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_a_file_that_holds_far_more_than_its_size_is_not_read(tmp_path: Path) -> None:
    """Every array is what it claims to be, and of a size that an export may have."""
    count = 1_000_000
    arrays = {
        "format_version": np.array(2, "<i8"), "collection_id": np.array(b"people"),
        "face_model_version": np.array(b"7.0"), "face_ids": np.zeros(count, "S36"), "image_ids": np.zeros(count, "S36"),
        "external_image_ids": np.zeros(count, "S255"), "boxes": np.zeros((count, 4), "<f4"),
        "confidences": np.zeros(count, "<f4"), "vectors": np.zeros((count, 128), np.int8),
        "scales": np.zeros(count, "<f4"), "user_ids": np.zeros(count, "S128"),
        "image_sha256": np.zeros((count, 32), np.uint8), "users": np.zeros(0, "S1"), "tag_keys": np.zeros(0, "U1"),
        "tag_values": np.zeros(0, "U1"),
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name in NAMES:
            file.writestr(f"{name}.npy", npy(arrays[name]))

    tracemalloc.start()
    try:
        with pytest.raises(BadArchive, match="far more than an export of its size"):
            load(tmp_path / "bomb.npz")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_any_flipped_or_missing_byte_of_a_file_is_found(items: Items, tmp_path: Path) -> None:
    made = new_collection(items)
    index(items, made, 1, 2)
    exported = export(items, "people")
    path = tmp_path / "a.npz"
    save(exported, path)
    content = path.read_bytes()
    for place in [*range(0, len(content), 37), *range(len(content) - 60, len(content))]:
        for bad in (content[:place], content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]):
            path.write_bytes(bad)
            with contextlib.suppress(BadArchive):
                assert same(load(path), exported)


def test_the_limits_are_those_of_the_service_model() -> None:
    shapes = botocore.loaders.Loader().load_service_model("rekognition", "service-2")["shapes"]

    for name, pattern in {
        "CollectionId": archives.COLLECTION_ID,
        "ExternalImageId": archives.EXTERNAL_ID,
        "UserId": archives.USER_ID,
    }.items():
        described = shapes[name]
        assert pattern.pattern == re.sub(r"\+$", f"{{1,{described['max']}}}", described["pattern"])
    assert (shapes["TagKey"]["max"], shapes["TagValue"]["max"]) == (128, 256)
    assert shapes["TagMap"]["max"] == archives.MAX_TAGS == tags.MAX_TAGS
    assert users.MAX_USERS == archives.MAX_USERS
    assert shapes["UserFaceIdList"]["max"] == MOST_FACES_OF_USER
    assert json.dumps(shapes["TagKey"]["pattern"]) == json.dumps(r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$")


def test_nothing_is_left_of_a_save_that_failed(items: Items, people: Collection, tmp_path: Path) -> None:
    (tmp_path / "out.npz").mkdir()

    with pytest.raises(OSError, match="directory"):
        save(export(items, "people"), tmp_path / "out.npz")

    assert not [path for path in tmp_path.iterdir() if path.is_file()]
