"""The file of keys: only its owner's, never half written, and a change counts at once."""

import json
import logging
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openrek.domain.access_keys import KEY_ID, SECRET, AccessKey, new_access_key
from openrek.domain.errors import InternalServerError
from openrek.domain.permissions import Permissions
from openrek.runtime.keys.file_keys import FileKeys
from openrek.runtime.keys.key_json import BadKey, of_text, to_text
from openrek.runtime.settings import SettingsError
from tests.support.signing import new_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.json"


def a_key(note: str = "", created_s: float = 1.5) -> AccessKey:
    permissions = Permissions(("Search*", "ListFaces"), ("staff-*",), ("photos/*",))
    return new_access_key(permissions, now_s=created_s, expires_s=9e9, note=note)


def test_what_was_added_is_found_by_another_process_and_gone_when_removed(path: Path) -> None:
    writer, reader = FileKeys(path), FileKeys(path)
    first, second = a_key("the door \u00e0 gauche"), a_key(created_s=1.0)
    assert (reader.find(first.key_id), reader.listed()) == (None, [])
    writer.add(first)
    assert reader.find(first.key_id) == first
    writer.add(second)
    assert reader.listed() == [second, first]
    assert writer.remove(first.key_id) is True
    assert (reader.find(first.key_id), reader.find(second.key_id)) == (None, second)
    assert writer.remove(first.key_id) is False
    path.unlink()
    assert reader.find(second.key_id) is None


def test_a_key_of_before_there_were_patterns_of_objects_reads_none(path: Path) -> None:
    key = a_key()
    FileKeys(path).add(key)
    plain = json.loads(path.read_text())
    del plain["keys"][key.key_id]["objects"]
    path.write_text(json.dumps(plain))
    found = FileKeys(path).find(key.key_id)
    assert found is not None
    assert found.permissions == Permissions(("Search*", "ListFaces"), ("staff-*",))


def test_only_its_owner_can_read_it_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        FileKeys(path).add(a_key())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(each.name for each in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o777])
def test_a_file_that_others_can_read_is_refused_even_while_it_is_in_use(
    path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    keys, key = FileKeys(path), a_key()
    keys.add(key)
    assert keys.find(key.key_id) == key
    path.chmod(mode)
    with pytest.raises(SettingsError) as told:
        keys.listed()
    assert str(told.value) == f"Others can read the key file {path} (mode {mode:04o}); run: chmod 600 {path}"
    with caplog.at_level(logging.ERROR), pytest.raises(InternalServerError):
        keys.find(key.key_id)
    assert "chmod 600" in caplog.text
    with pytest.raises(SettingsError):
        keys.add(a_key())
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(0o600)
    assert keys.find(key.key_id) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2, "keys": {}}',
        '{"version": 1}',
        '{"version": 1, "keys": []}',
        '{"version": 1, "keys": {"OREKAAAAAAAAAAAAAAAA": {"secret": "hidden"}}}',
        '{"version": 1, "keys": {"OREKAAAAAAAAAAAAAAAA": null}}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_file_of_another_kind_is_one_sentence_without_secrets(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_bytes(text.encode(errors="surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(SettingsError) as told:
        FileKeys(path).listed()
    assert str(path) in str(told.value)
    assert "hidden" not in str(told.value)
    with pytest.raises(SettingsError):
        FileKeys(path).add(a_key())
    assert path.read_bytes() == text.encode(errors="surrogateescape")


def test_a_folder_in_its_place_and_one_too_large_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        FileKeys(tmp_path).listed()
    large = tmp_path / "large"
    large.write_bytes(b" " * (4 * 2**20 + 1))
    large.chmod(0o600)
    with pytest.raises(SettingsError, match="not one that openrek wrote"):
        FileKeys(large).listed()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be"):
        FileKeys(tmp_path / "file" / "keys.json").add(a_key())


def test_writers_at_once_lose_nothing(path: Path) -> None:
    keys = [a_key() for _ in range(24)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda key: FileKeys(path).add(key), keys))
    assert {key.key_id for key in FileKeys(path).listed()} == {key.key_id for key in keys}


def test_a_key_is_what_every_sdk_takes_and_never_shows_its_secret() -> None:
    key = new_key()
    assert KEY_ID.fullmatch(key.key_id)
    assert key.key_id.isalnum()
    assert 16 <= len(key.key_id) <= 128
    assert SECRET.fullmatch(key.secret)
    assert len({new_key().key_id for _ in range(100)} | {key.key_id}) == 101
    assert key.secret not in f"{key!r} {key}"
    with pytest.raises(ValueError, match="has not the right form") as told:
        AccessKey(key.key_id, key.secret[1:], key.permissions, 0.0)
    assert key.secret[1:] not in str(told.value)


@pytest.mark.parametrize("note", ["a" * 101, "two\nlines", "\x1b[31m"])
def test_a_note_is_one_short_line(note: str) -> None:
    with pytest.raises(ValueError, match="A note is one line"):
        a_key(note)


def test_a_key_survives_its_text_and_a_wrong_text_says_which_key_it_is() -> None:
    key = a_key("note")
    assert of_text(key.key_id, to_text(key)) == key
    plain = json.loads(to_text(key))
    wrong = [(name, {"x": "hidden"}) for name in plain]
    for name, value in (*wrong, ("operations", "Search*"), ("collections", "*"), ("operations", ["Search*", None])):
        with pytest.raises(BadKey, match=key.key_id) as told:
            of_text(key.key_id, json.dumps({**plain, name: value}))
        assert "hidden" not in str(told.value)
        assert key.secret not in str(told.value)


TIMES = ["NaN", "Infinity", "-Infinity", "-1", "1e300", "1" + "0" * 400, "true", "false", '"9e9"', "[]"]


@pytest.mark.parametrize("name", ["expires", "created"])
@pytest.mark.parametrize("time", TIMES)
def test_a_time_is_a_number_of_seconds_that_has_a_date(path: Path, name: str, time: str) -> None:
    """A key that expires at NaN, which Python reads in JSON, would never expire."""
    keys, key = FileKeys(path), a_key()
    keys.add(key)
    good = {"expires": 9e9, "created": 1.5}[name]
    text = path.read_text()
    assert f'"{name}": {good}' in text
    path.write_text(text.replace(f'"{name}": {good}', f'"{name}": {time}'))
    with pytest.raises(SettingsError, match=f"damaged: The access key {key.key_id} is not described"):
        keys.listed()
    with pytest.raises(InternalServerError):
        keys.find(key.key_id)


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), -1.0, 1e300])
def test_no_key_is_made_with_a_time_that_has_no_date(time_s: float) -> None:
    with pytest.raises(ValueError, match="has a time that is none"):
        new_access_key(Permissions(("*",)), now_s=0.0, expires_s=time_s)


LIGHT = """
import sys
import openrek.runtime.keys.cached_keys
heavy = {"botocore", "boto3", "filelock", "numpy", "starlette", "click"}
print(sorted(heavy & set(sys.modules)))
"""


def test_verifying_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def padded(path: Path, size: int) -> None:
    """Make the file so many bytes long: JSON allows spaces behind it."""
    text = path.read_bytes()
    path.write_bytes(text + b" " * (size - len(text)))


def test_a_file_is_read_up_to_four_megabytes_and_never_grows_beyond(path: Path) -> None:
    key = a_key()
    FileKeys(path).add(key)
    padded(path, 4 * 1024 * 1024)
    assert FileKeys(path).find(key.key_id) == key
    padded(path, 4 * 1024 * 1024 + 1)
    with pytest.raises(SettingsError, match="is not one that openrek wrote"):
        FileKeys(path).listed()


def test_a_key_for_which_there_is_no_room_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, first = FileKeys(path), a_key()
    keys.add(first)
    room = path.stat().st_size
    second = a_key(note="a note that takes room")
    keys.add(second)
    full = path.stat().st_size
    keys.remove(second.key_id)
    assert path.stat().st_size == room

    monkeypatch.setattr("openrek.runtime.keys.file_keys.MOST_BYTES", full - 1)
    with pytest.raises(SettingsError, match="would be too large; revoke keys that nobody uses"):
        keys.add(second)
    assert keys.listed() == [first]

    monkeypatch.setattr("openrek.runtime.keys.file_keys.MOST_BYTES", full)
    keys.add(second)
    assert len(keys.listed()) == 2


def test_a_device_in_its_place_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to("/dev/null")
    with pytest.raises(SettingsError, match="is not one that openrek wrote"):
        FileKeys(path).listed()


def test_folders_are_made_for_the_owner_and_so_is_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "one" / "two" / "keys.json"
    FileKeys(path).add(a_key())
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path.with_name("keys.json.lock"), path)]
    assert modes == [0o700, 0o600, 0o600]


def test_a_change_is_on_the_disk_before_it_takes_the_old_ones_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def seen(handle: int) -> None:
        facts = os.fstat(handle)
        synced.append(("folder", 0) if stat.S_ISDIR(facts.st_mode) else ("file", facts.st_size))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", seen)
    FileKeys(path).add(a_key())
    assert synced == [("file", path.stat().st_size), ("folder", 0)]


def test_a_change_that_cannot_be_put_in_place_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, first = FileKeys(path), a_key()
    keys.add(first)

    def fails(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(SettingsError, match="cannot be written: No space left"):
        keys.add(a_key())
    assert keys.listed() == [first]
    assert sorted(each.name for each in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_changes_leave_no_file_open(path: Path) -> None:
    keys = FileKeys(path)
    keys.add(a_key())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        keys.add(a_key())
    assert len(os.listdir("/proc/self/fd")) == before
