"""A control group for each task, so that its containers together stay within its limits.

Only where the agent may write to the machine's cgroup file system and the engine uses it
directly (cgroup driver `cgroupfs`); elsewhere each container is bounded by the task's limits on
its own. Sources: kernel documentation, `cgroup-v1/memory`, `scheduler/sched-bwc`, `cgroup-v2`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from registry.ecs.agent.limits import MIB, task_cpu, task_memory
from registry.ecs.protocol import TaskPayload

PERIOD_MICROSECONDS = 100_000
GROUP = "moorage"
_log = logging.getLogger(__name__)


class Cgroups:
    """The control groups of tasks, below `root`. `information` is the engine's `GET /info`."""

    def __init__(
        self, information: Callable[[], Mapping[str, Any]], root: Path = Path("/sys/fs/cgroup")
    ) -> None:
        self._information = information
        self._root = root

    def parent(self, payload: TaskPayload) -> str | None:
        """`HostConfig.CgroupParent` of a task's containers; None where it has no limits of its
        own, or this machine does not allow it."""
        memory, cpu = task_memory(payload.definition), task_cpu(payload.definition)
        if not (memory or cpu) or not self._usable():
            return None
        try:
            self._make(payload.id, memory, cpu)
        except OSError as error:
            _log.info("no control group for task %s: %s", payload.arn, error)
            return None
        return f"/{GROUP}/{payload.id}"

    def _usable(self) -> bool:
        return self._information().get("CgroupDriver") == "cgroupfs" and self._root.is_dir()

    def _make(self, task: str, memory: int, cpu: int) -> None:
        quota = int(cpu * PERIOD_MICROSECONDS / 1024)
        if (self._root / "cgroup.controllers").exists():
            self._make_unified(task, memory, quota)
            return
        if memory:
            folder = self._folder("memory", task)
            (folder / "memory.limit_in_bytes").write_text(str(memory * MIB))
        if quota:
            folder = self._folder("cpu", task)
            (folder / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
            (folder / "cpu.cfs_quota_us").write_text(str(quota))

    def _folder(self, controller: str, task: str) -> Path:
        if not (self._root / controller).is_dir():
            raise FileNotFoundError(f"no controller {controller}")
        folder = self._root / controller / GROUP / task
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _make_unified(self, task: str, memory: int, quota: int) -> None:
        group = self._root / GROUP
        group.mkdir(exist_ok=True)
        for parent in (self._root, group):
            (parent / "cgroup.subtree_control").write_text("+cpu +memory")
        folder = group / task
        folder.mkdir(exist_ok=True)
        if memory:
            (folder / "memory.max").write_text(str(memory * MIB))
        if quota:
            (folder / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")

    def remove(self, task_arn: str) -> None:
        """Remove a task's groups, which nothing runs in any more."""
        task = task_arn.rpartition("/")[2]
        # Whatever controller the engine put its containers under has a folder of this name.
        for folder in [*self._root.glob(f"*/{GROUP}/{task}"), self._root / GROUP / task]:
            with contextlib.suppress(OSError):
                folder.rmdir()
