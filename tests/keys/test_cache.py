from __future__ import annotations

from registry.keys.cache import DataKeyCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_is_remembered_for_its_time_and_no_longer() -> None:
    clock = Clock()
    cache = DataKeyCache(seconds=10, clock=clock)
    cache.put("a", b"1")
    clock.now = 9.9
    assert cache.get("a") == b"1"
    clock.now = 10
    assert cache.get("a") is None
    cache.put("b", b"2")
    assert len(cache) == 1


def test_the_oldest_goes_when_it_is_full() -> None:
    cache = DataKeyCache(limit=2)
    for name in ("a", "b", "a", "c"):
        cache.put(name, name.encode())
    assert [cache.get(name) for name in "abc"] == [b"a", None, b"c"]


def test_what_was_never_put_is_not_there() -> None:
    assert DataKeyCache().get("a") is None
