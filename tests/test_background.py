"""What a worker does beside answering: again and again, to a clean end."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import pytest

from registry.background import Work, repeated
from registry.values.errors import StorageUnavailable


def run(work: Callable[[threading.Event], None], seconds: float = 0.3) -> None:
    async def all_of_it() -> None:
        async with repeated(Work("test", work, 0.01)):
            await asyncio.sleep(seconds)

    asyncio.run(all_of_it())


def test_it_is_done_again_whatever_it_raises(caplog: pytest.LogCaptureFixture) -> None:
    errors = iter([StorageUnavailable("no answer"), ValueError("a fault")])
    done: list[str] = []

    def work(_stop: threading.Event) -> None:
        done.append(threading.current_thread().name)
        if (error := next(errors, None)) is not None:
            raise error

    with caplog.at_level(logging.WARNING, "moorage.background"):
        run(work)
    assert len(done) > 3
    assert set(done) == {"moorage-test"}
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "no answer" in caplog.text


def test_the_end_waits_for_work_under_way() -> None:
    ended: list[bool] = []

    def work(stop: threading.Event) -> None:
        ended.append(stop.wait(10))
        time.sleep(0.1)
        ended.append(True)

    begun = time.monotonic()
    run(work, 0.1)
    assert time.monotonic() - begun < 9
    assert ended == [True, True]


def test_an_end_before_the_first_time() -> None:
    done: list[int] = []

    async def nothing() -> None:
        async with repeated(Work("test", lambda _: done.append(1), 60)):
            pass

    asyncio.run(nothing())
    assert done == []
