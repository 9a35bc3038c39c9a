"""Keep the C library from holding memory once for each thread."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""mallopt(3): the number of arenas that threads share."""


def share_one_arena() -> None:
    """Let all threads allocate from one arena, where the C library is glibc.

    Every transfer has a thread with buffers of about a MiB. By default each of up to eight
    arenas a core keeps what its threads once used: 32 transfers then hold half as much again.
    The buffers are few and large, so threads do not wait for each other over the one arena.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
