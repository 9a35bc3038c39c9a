"""The pool and the timetable."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from registry.ecs.agent.threads import Pool, Timetable

SECONDS = 30


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool("test", 4)
    yield made
    made.close(SECONDS)


def test_jobs_of_one_pool_run_beside_each_other_and_outlive_a_failure(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    together = threading.Barrier(4)
    done = threading.Semaphore(0)

    def job() -> None:
        together.wait(SECONDS)
        done.release()

    def fails() -> None:
        raise ValueError("no")

    for _ in range(4):
        pool.submit(fails)
    for _ in range(4):
        pool.submit(job)
    for _ in range(4):
        assert done.acquire(timeout=SECONDS)
    assert caplog.text.count("ValueError: no") == 4


def test_a_key_has_one_turn_at_a_time_and_another_one_when_it_was_woken_meanwhile(
    pool: Pool,
) -> None:
    began, go_on = threading.Semaphore(0), threading.Semaphore(0)
    inside: list[int] = []

    def turn(_key: str) -> None:
        inside.append(1)
        assert len(inside) == 1
        began.release()
        go_on.acquire(timeout=SECONDS)
        inside.pop()

    table = Timetable(turn, pool)
    table.start()
    table.wake("a")
    assert began.acquire(timeout=SECONDS)
    for _ in range(5):
        table.wake("a")
    go_on.release()
    assert began.acquire(timeout=SECONDS), "woken during its turn, it gets another"
    go_on.release()
    assert not began.acquire(timeout=0.2), "and only one more"
    table.close()


def test_one_key_does_not_hold_up_another(pool: Pool) -> None:
    released, reached = threading.Event(), threading.Event()

    def turn(key: str) -> None:
        if key == "slow":
            assert released.wait(SECONDS)
        else:
            reached.set()

    table = Timetable(turn, pool)
    table.start()
    table.wake("slow")
    table.wake("quick")
    assert reached.wait(SECONDS)
    released.set()
    table.close()


def test_a_turn_says_when_the_next_one_is_due(pool: Pool) -> None:
    turns = threading.Semaphore(0)
    answers = iter([0.01, 0.01, None])

    def turn(_key: str) -> float | None:
        turns.release()
        return next(answers)

    table = Timetable(turn, pool)
    table.start()
    table.wake("a", 0.01)
    for _ in range(3):
        assert turns.acquire(timeout=SECONDS)
    assert not turns.acquire(timeout=0.2)
    table.close()


def test_the_earlier_of_two_times_counts(pool: Pool) -> None:
    turned = threading.Event()
    table = Timetable(lambda _key: turned.set(), pool)
    table.start()
    table.wake("a", 3600)
    assert not turned.wait(0.1)
    table.wake("a")
    table.wake("a", 3600)
    assert turned.wait(SECONDS)
    table.close()
