"""How the suite is shared out among processes by pytest-xdist: by files, the longest first.

A file stays in one process, with its module's fixtures; each process has its own session's (a
server, an S3 server, a Docker Engine), on ports and in folders of their own. Nothing else is
shared, so tests of different files run at once, and what they measure is their own.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

PROCESSES_MAX = 4
"""More would only wait for each other: many tests keep two cores busy by themselves."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process for each core; none beside pytest's own where one file or `-s` is asked for.

    What a test prints reaches no terminal from another process, and one file is not shared out.
    """
    (first, *more) = config.args
    one_file = not more and Path(first.partition("::")[0]).is_file()
    if one_file or config.option.capture == "no":
        return 0
    return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with slow tests go first, so that at the end no process waits for another's.

    The same order in each process, as xdist demands; as collected where there is but one.
    """
    if not hasattr(config, "workerinput"):
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was made until now stays to the end: no collection of garbage looks at it again."""
    gc.freeze()
