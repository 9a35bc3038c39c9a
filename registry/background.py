"""Work that a worker process does beside answering."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from registry.http.threads import in_thread, settled
from registry.values.errors import Unavailable

_log = logging.getLogger("moorage.background")


@dataclass(frozen=True, slots=True)
class Work:
    """Something to be done again and again."""

    name: str
    run: Callable[[threading.Event], object]
    """The event tells it to come to an end. It may raise Unavailable: it goes on next time."""
    seconds: float
    """How long to wait before each time, the first one too."""


@asynccontextmanager
async def repeated(work: Work) -> AsyncIterator[None]:
    """Until the block ends, do the work every so many seconds, in a thread of its own.

    The event tells the work to come to an end; the block ends when it has. What it raises is
    logged, and it is done again at its next time.
    """
    stop = threading.Event()
    task = asyncio.create_task(_repeat(work, stop))
    try:
        yield
    finally:
        stop.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _repeat(work: Work, stop: threading.Event) -> None:
    while True:
        await asyncio.sleep(work.seconds)
        await settled(in_thread(f"moorage-{work.name}", lambda: _logged(work, stop)))


def _logged(work: Work, stop: threading.Event) -> None:
    try:
        work.run(stop)
    except Unavailable as error:
        _log.warning("%s: %s; it goes on later", work.name, error)
    except Exception:  # noqa: BLE001 - whatever it is, the next time may be better
        _log.exception("%s failed", work.name)
