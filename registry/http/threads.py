"""One thread for one piece of work, and the future that has its outcome."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_thread(name: str, work: Callable[[], T]) -> asyncio.Future[T]:
    """Run `work` in a new thread of that name, with the caller's context variables.

    Unlike an executor's, the thread is the work's own as long as it takes, so that a slow
    transfer never makes another one wait. Cancelling the future does not stop the thread.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as error:  # noqa: BLE001 - whoever awaits the future gets it
            _tell(loop, _fail, future, error)
        else:
            _tell(loop, _succeed, future, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


async def settled(future: asyncio.Future[T]) -> None:
    """Wait for the future's end, come what may; a cancellation meanwhile is raised after it."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if not future.cancelled():
        future.exception()  # looked at: who waits here may have something else to raise
    if cancelled is not None:
        raise cancelled


def _tell(loop: asyncio.AbstractEventLoop, how: Callable[..., None], *outcome: object) -> None:
    if not loop.is_closed():  # else nobody is left to tell: the server was stopped by force
        loop.call_soon_threadsafe(how, *outcome)


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if future.done():
        return
    if isinstance(error, StopIteration):  # which a future cannot hold
        wrapped = RuntimeError("the work raised StopIteration")
        wrapped.__cause__ = error
        error = wrapped
    future.set_exception(error)
