"""Work that a worker process does beside answering."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from registry.http.threads import in_thread, settled
from registry.values.errors import Unavailable

_log = logging.getLogger("moorage.background")


@asynccontextmanager
async def repeated(
    name: str, work: Callable[[threading.Event], None], seconds: float
) -> AsyncIterator[None]:
    """Until the block ends, do `work` every so many seconds, in a thread of its own.

    The event tells the work to come to an end; the block ends when it has. What it raises is
    logged, and it is done again at its next time.
    """
    stop = threading.Event()
    task = asyncio.create_task(_repeat(name, work, seconds, stop))
    try:
        yield
    finally:
        stop.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _repeat(
    name: str, work: Callable[[threading.Event], None], seconds: float, stop: threading.Event
) -> None:
    while True:
        await asyncio.sleep(seconds)
        await settled(in_thread(name, lambda: _logged(name, work, stop)))


def _logged(name: str, work: Callable[[threading.Event], None], stop: threading.Event) -> None:
    try:
        work(stop)
    except Unavailable as error:
        _log.warning("%s: %s; it goes on later", name, error)
    except Exception:  # noqa: BLE001 - whatever it is, the next time may be better
        _log.exception("%s failed", name)
