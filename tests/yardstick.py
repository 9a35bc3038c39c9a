"""What computing costs, in CPU time: other processes do not count, a slow machine may be slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

REFERENCE = 300e-6
"""Seconds of the standard work on the machine that bounds were written on."""


def cost(work: Callable[[], object], rounds: int = 20) -> float:
    """Seconds of CPU that this thread needs for the work: the least of several rounds.

    The least has no collection of garbage in it, and no neighbour's wear of the caches.
    """
    best = float("inf")
    for _ in range(rounds):
        before = time.thread_time()
        work()
        best = min(best, time.thread_time() - before)
    return best


@cache
def slowness() -> float:
    """How many times slower than the reference this machine is; at least 1."""
    return max(1.0, cost(_standard, 50) / REFERENCE)


def _standard() -> None:
    seen: dict[str, int] = {}
    for number in range(1000):
        text = f"a{number % 97}:{number}"
        seen[text] = seen.get(text[:4], 0) + len(text.split(":"))
