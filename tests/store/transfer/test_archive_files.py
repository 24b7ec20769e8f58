"""No trust in files: what is no export is refused, and nothing absurd is read into memory."""

import contextlib
import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.loaders
import numpy as np
import pytest

from openrek.domain.collections import Collection
from openrek.domain.users import MOST_FACES_OF_USER
from openrek.store.collections import tags
from openrek.store.items.port import Items
from openrek.store.transfer import archive as archives
from openrek.store.transfer.archive import Archive, BadArchive
from openrek.store.transfer.archive_file import load, save
from openrek.store.transfer.export import export
from openrek.store.users import users
from tests.store.synthetic import MODELS, new_collection
from tests.store.transfer.exports import at_row, changed, index, same

BAD: dict[str, tuple[Callable[[Archive], Archive], str]] = {
    "format": (lambda a: changed(a, "format_version", lambda v: v + 1), "has format 3"),
    "float format": (lambda a: changed(a, "format_version", lambda v: v.astype("<f8")), "format_version is <f8"),
    "collection": (lambda a: replace(a, collection_id=np.array(b"../x")), "collection id is not one"),
    "model": (lambda a: replace(a, face_model_version=np.array(b"9.9")), "face model b'9.9'"),
    "model of more numbers": (lambda a: replace(a, face_model_version=np.array(b"9.9"), vectors=np.tile(a.vectors, 4)),
                              "face model b'9.9' is not one of this openrek"),
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
    "huge dimensions": (lambda a: changed(a, "vectors", lambda v: np.tile(v, 33)), "vectors is"),
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
        load(tmp_path / "bad.npz", MODELS)


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
        load(rewritten(tmp_path / "bad.npz", change), MODELS)


def test_a_compressed_file_is_read_and_a_bomb_is_not(items: Items, people: Collection, tmp_path: Path) -> None:
    exported = export(items, "people")
    save(exported, tmp_path / "a.npz")
    assert same(load(rewritten(tmp_path / "a.npz", lambda _: None, compression=zipfile.ZIP_DEFLATED), MODELS), exported)

    many = npy(np.zeros(2_000_000, "S36"))
    path = rewritten(tmp_path / "a.npz", lambda m: m.update({"face_ids.npy": many}), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BadArchive, match="holds 2000000 faces; a collection holds at most 1000"):
        load(path, MODELS, max_faces=1000)


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
            load(tmp_path / "bad.npz", MODELS)
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
        for name, array in arrays.items():
            file.writestr(f"{name}.npy", npy(array))

    tracemalloc.start()
    try:
        with pytest.raises(BadArchive, match="far more than an export of its size"):
            load(tmp_path / "bomb.npz", MODELS)
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
                assert same(load(path, MODELS), exported)


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
