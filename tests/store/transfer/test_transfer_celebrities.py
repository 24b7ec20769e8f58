"""What is known of celebrities is exported and imported with their users."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from openrek.domain.celebrities import Celebrity
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.transfer.archive import Archive, BadArchive, check
from openrek.store.transfer.archive_file import load, save
from openrek.store.transfer.export import export
from openrek.store.transfer.import_faces import import_archive
from tests.store.faults import FaultyItems
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import People, sound
from tests.store.synthetic import MODELS, new_collection
from tests.store.tables import open_fast
from tests.store.transfer.exports import same
from tests.support.clocks import FakeClock

ADA = Celebrity("Ada \u0141", ("www.example.com/ada",), "Female")


@pytest.fixture
def full(local: People) -> People:
    local.user("bob", local.add("bob", 2))
    local.users.describe(local.collection, "ada", ADA.name, ADA.urls, ADA.gender)
    local.join("ada", local.add("ada", 2))
    return local


def imported(archive: Archive, folder: Path) -> People:
    folder.mkdir()
    items = open_fast(folder)
    new_collection(items, "other")
    import_archive(items, archive, "people", SFACE, clock=FakeClock())
    return People(items, MemoryBlobs(), StoredCollections(items).require("people"))


def known(people: People) -> dict[str, Celebrity]:
    return dict(people.users.celebrities(people.collection, ["ada", "bob"]))


def test_a_round_trip_keeps_them(full: People, tmp_path: Path) -> None:
    exported = export(full.items, "people")
    save(exported, tmp_path / "out.npz")
    assert exported.format_version == 3

    copy = imported(load(tmp_path / "out.npz", MODELS), tmp_path / "2")

    assert known(copy) == known(full) == {"ada": ADA}
    assert same(export(copy.items, "people"), exported)
    sound(copy)
    copy.items.close()


def test_without_celebrities_a_file_is_of_the_format_that_earlier_versions_read(local: People, tmp_path: Path) -> None:
    local.user("bob", local.add("bob", 2))
    exported = export(local.items, "people")
    assert exported.format_version == 2
    save(exported, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as file:
        assert "celebrities" not in file.files
    assert same(load(tmp_path / "out.npz", MODELS), exported)


def test_users_that_are_there_are_told_and_another_celebrity_is_refused(full: People) -> None:
    exported = export(full.items, "people")
    named = full.users
    full.users.delete(full.collection, "ada", None)
    full.user("ada")
    import_archive(full.items, exported, "people", SFACE)
    assert known(full) == {"ada": ADA}
    sound(full)

    named.describe(full.collection, "ada", "Another", None, None)
    before = full.head.seq
    with pytest.raises(BadArchive, match="ada is another celebrity"):
        import_archive(full.items, exported, "people", SFACE)
    assert full.head.seq == before


def test_one_that_is_named_while_the_export_runs_is_in_it_whole(full: People) -> None:
    numbers = iter(range(6))

    def others(_: int) -> None:
        if (number := next(numbers, None)) is not None:
            full.users.describe(full.collection, "bob", f"Bob {number}", None, None)

    found = export(FaultyItems(full.items, before=others), "people", clock=FakeClock())

    check(found, MODELS)
    assert json.loads(found.celebrities.tobytes())["bob"]["name"] == "Bob 5"


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"ada": {"name": "", "urls": [], "gender": "Male"}}',
        b'{"ada": {"name": "Ada", "urls": [], "gender": "Mal"}}',
        b'{"ada": {"name": "Ada", "urls": ["a", 5], "gender": "Male"}}',
        b'{"nobody": {"name": "Ada", "urls": [], "gender": "Male"}}',
    ],
)
def test_what_a_file_says_of_them_is_checked(full: People, text: bytes) -> None:
    with pytest.raises(BadArchive, match="celebrit"):
        check(replace(export(full.items, "people"), celebrities=np.frombuffer(text, np.uint8)), MODELS)


def test_the_format_is_that_of_the_content(full: People) -> None:
    with pytest.raises(BadArchive, match="has format 2; this openrek reads 2 and 3"):
        check(replace(export(full.items, "people"), format_version=np.array(2, "<i8")), MODELS)
