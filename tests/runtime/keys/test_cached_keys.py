"""What keeps keys in memory: how long a revoked one is still good, and that strangers cost little."""

import pytest

from openrek.domain.access_keys import AccessKey
from openrek.domain.errors import InternalServerError, Throttling
from openrek.runtime.keys.cached_keys import CachedKeys
from tests.support.clocks import FakeClock
from tests.support.signing import KeysInMemory, new_key

NOW_S = 1_800_000_000.0


class DamagedKeys:
    def find(self, key_id: str) -> AccessKey | None:
        raise InternalServerError

    def ids(self) -> frozenset[str]:
        raise InternalServerError


class Unlisted(KeysInMemory):
    """Cannot be listed for a while."""

    refuses = True

    def ids(self) -> frozenset[str]:
        found = super().ids()
        if self.refuses:
            raise Throttling
        return found


def stranger(number: int) -> str:
    return f"OREK{number:016}".translate(str.maketrans("0189", "ABCD"))


def test_a_revoked_key_is_good_for_at_most_five_minutes() -> None:
    key, clock = new_key(), FakeClock(NOW_S)
    keys = KeysInMemory(key)
    cached = CachedKeys(keys, clock=clock)
    assert cached.find(key.key_id) == key
    del keys.keys[key.key_id]
    clock.at_s += 299.9
    assert cached.find(key.key_id) == key
    assert keys.asked == 1
    clock.at_s += 0.1
    assert cached.find(key.key_id) is None
    assert cached.find(key.key_id) is None
    assert keys.asked == 2


def test_use_does_not_keep_a_revoked_key_alive() -> None:
    key, clock = new_key(), FakeClock(NOW_S)
    keys = KeysInMemory(key)
    cached = CachedKeys(keys, clock=clock)
    cached.find(key.key_id)
    del keys.keys[key.key_id]
    found = []
    for _ in range(400):
        clock.at_s += 1
        found.append(cached.find(key.key_id))
    assert (found.count(key), found.count(None)) == (299, 101)


def test_a_clock_that_was_set_back_keeps_nothing() -> None:
    key, clock = new_key(), FakeClock(NOW_S)
    keys = KeysInMemory(key)
    cached = CachedKeys(keys, clock=clock)
    cached.find(key.key_id)
    del keys.keys[key.key_id]
    clock.at_s -= 86400
    assert cached.find(key.key_id) is None


def test_an_unknown_id_stays_unknown_for_half_a_minute() -> None:
    key, clock = new_key(), FakeClock(NOW_S)
    keys = KeysInMemory()
    cached = CachedKeys(keys, clock=clock)
    assert cached.find(key.key_id) is None
    keys.keys[key.key_id] = key
    clock.at_s += 29.9
    assert cached.find(key.key_id) is None
    assert keys.asked == 1
    clock.at_s += 0.1
    assert cached.find(key.key_id) == key


def test_ever_new_ids_cost_a_hundred_lookups_a_minute_and_leave_known_keys_alone() -> None:
    key, clock = new_key(), FakeClock(NOW_S)
    keys = KeysInMemory(key)
    cached = CachedKeys(keys, clock=clock)
    cached.find(key.key_id)
    for number in range(1000):
        clock.at_s += 0.05
        assert cached.find(stranger(number)) is None
        assert cached.find(key.key_id) == key
    assert (keys.asked, keys.listed) == (101, 2)
    clock.at_s += 60
    assert cached.find(stranger(5000)) is None
    assert (keys.asked, keys.listed) == (102, 2)


def test_strangers_lock_nobody_out_who_was_never_seen_here() -> None:
    clock = FakeClock(NOW_S)
    keys = KeysInMemory(*(new_key() for _ in range(50)))
    cached = CachedKeys(keys, clock=clock)
    for minute in range(50):
        clock.at_s += 60
        for number in range(150):
            assert cached.find(stranger(1000 * minute + number)) is None
        key_id = list(keys.keys)[minute]
        assert cached.find(key_id) == keys.keys[key_id]
    assert keys.asked == 50 * 101
    assert keys.listed == 50


def test_a_key_that_is_issued_meanwhile_is_good_after_half_a_minute_and_a_revoked_one_is_not_found() -> None:
    revoked, issued, clock = new_key(), new_key(), FakeClock(NOW_S)
    keys = KeysInMemory(revoked)
    cached = CachedKeys(keys, clock=clock)
    for number in range(150):
        cached.find(stranger(number))
    del keys.keys[revoked.key_id]
    keys.keys[issued.key_id] = issued
    assert cached.find(revoked.key_id) is None
    assert cached.find(issued.key_id) is None
    clock.at_s += 29.9
    assert cached.find(issued.key_id) is None
    clock.at_s += 0.1
    assert cached.find(issued.key_id) == issued


def test_a_list_that_fails_is_asked_for_again_after_a_second_and_nobody_is_called_unknown() -> None:
    key, clock = new_key(), FakeClock(NOW_S)
    keys = Unlisted(key)
    cached = CachedKeys(keys, clock=clock)
    for number in range(100):
        assert cached.find(stranger(number)) is None
    for listed in (1, 1, 2, 2):
        with pytest.raises(Throttling):
            cached.find(key.key_id)
        assert keys.listed == listed
        clock.at_s += 0.5
    keys.refuses = False
    assert cached.find(key.key_id) == key
    assert cached.find(stranger(500)) is None
    assert (keys.asked, keys.listed) == (101, 3)


def test_strangers_lock_nobody_out_whose_five_minutes_are_over() -> None:
    key, clock = new_key(), FakeClock(NOW_S)
    keys = KeysInMemory(key)
    cached = CachedKeys(keys, clock=clock)
    cached.find(key.key_id)
    for minute in range(20):
        clock.at_s += 60
        for number in range(150):
            assert cached.find(stranger(1000 * minute + number)) is None
        assert cached.find(key.key_id) == key
    assert keys.listed == 20
    del keys.keys[key.key_id]
    clock.at_s += 301
    assert cached.find(key.key_id) is None


def test_memory_is_bounded() -> None:
    clock = FakeClock(NOW_S)
    keys = KeysInMemory(*(new_key() for _ in range(1100)))
    cached = CachedKeys(keys, clock=clock)
    ids = list(keys.keys)
    for key_id in ids:
        assert cached.find(key_id) is not None
    assert keys.asked == 1100
    for key_id in ids[-1024:]:
        cached.find(key_id)
    assert keys.asked == 1100
    cached.find(ids[0])
    assert keys.asked == 1101


def test_a_failed_lookup_is_neither_known_nor_unknown() -> None:
    cached = CachedKeys(DamagedKeys(), clock=FakeClock(NOW_S))
    for _ in range(50):
        with pytest.raises(InternalServerError):
            cached.find(stranger(1))
