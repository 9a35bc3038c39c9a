"""How the suite is shared out among processes by pytest-xdist: by files, the longest first.

A file stays in one process, with its module's fixtures; each process has its own session's (a
server, an S3 server), on ports and in folders of their own. Nothing else is shared, so tests of
different files run at once, and what they measure is their own. A Docker Engine is more than its
folder: bridges, addresses and rules for packets are the machine's. So whatever drives one is in
one process, one test after the other.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from xdist.remote import Producer  # type: ignore[import-untyped]  # the same

PROCESSES_MAX = 4
"""More would only wait for each other: many tests keep two cores busy by themselves."""

ENGINE = (
    "tests/ecs/agent/",
    "tests/ecs/sessions/test_serving.py",
    "tests/clients/test_docker.py",
    "tests/clients/test_public.py",
    "tests/clients/test_pull_through.py",
    "tests/clients/test_serve.py",
    "tests/ecs/whole/",
)
"""Folders and files whose tests drive a Docker Engine."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process for each core; none beside pytest's own where one file or `-s` is asked for.

    What a test prints reaches no terminal from another process, and one file is not shared out.
    """
    (first, *more) = config.args
    one_file = not more and Path(first.partition("::")[0]).is_file()
    if one_file or config.option.capture == "no":
        return 0
    return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # a base without types
    """Files, but for those that drive a Docker Engine, which are one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "engine" if file.startswith(ENGINE) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """The one scheduler that the suite is made for, whatever `--dist` says."""
    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long goes first, so that at the end no process waits for another's.

    The same order in each process, as xdist demands; as collected where there is but one.
    """
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()) and not item.nodeid.startswith(ENGINE):
            raise pytest.UsageError(f"{item.nodeid} drives a Docker Engine: see tests/parallel.py")
    if not hasattr(config, "workerinput"):
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.nodeid.startswith(ENGINE), item.path not in slow))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was made until now stays to the end: no collection of garbage looks at it again."""
    gc.freeze()
