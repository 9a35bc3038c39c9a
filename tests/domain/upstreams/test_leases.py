"""One process at a time, and nobody waits for one that is gone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from registry.domain.upstreams import leases
from registry.domain.upstreams.leases import Leases
from tests.application import Registry


def test_one_at_a_time_does_it_and_the_others_find_it_done(registry: Registry) -> None:
    did: list[int] = []

    def one(number: int) -> bool:
        with Leases(registry.ground.database).held("a thing", lambda: bool(did)) as mine:
            if mine:
                assert not did
                time.sleep(0.1)
                did.append(number)
            return mine

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(one, range(5))) == [False] * 4 + [True]
    assert len(did) == 1
    assert registry.rows()["upstream_leases"] == []


def test_where_the_first_fails_the_next_one_tries(registry: Registry) -> None:
    def fail() -> None:
        with Leases(registry.ground.database).held("a thing", lambda: False):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with Leases(registry.ground.database).held("a thing", lambda: False) as mine:
        assert mine


def test_a_lease_is_renewed_while_it_is_held_and_ends_with_its_holder(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "HELD", timedelta(seconds=1))
    monkeypatch.setattr(leases, "_RENEWED_EVERY", timedelta(seconds=0.1))
    holder, other = Leases(registry.ground.database), Leases(registry.ground.database)
    taken = threading.Event()

    def wait() -> None:
        with other.held("a thing", lambda: False):
            taken.set()

    waiting = threading.Thread(target=wait)
    with holder.held("a thing", lambda: False):
        waiting.start()
        assert not taken.wait(2)
        holder._held.clear()  # as where it crashed: nobody renews it
        assert taken.wait(30)
    waiting.join(30)


def test_different_things_do_not_wait_for_each_other(registry: Registry) -> None:
    mine = Leases(registry.ground.database)
    with (
        mine.held("one", lambda: False) as first,
        mine.held("two", lambda: False) as second,
    ):
        assert first
        assert second
