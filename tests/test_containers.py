"""Which process runs containers."""

from __future__ import annotations

import fcntl
import threading
from typing import Any

from registry.containers import Containers
from registry.ecs.running import Running
from tests.application import Registry, loop, open_one, registry, template

__all__ = ["loop", "open_one", "registry", "template"]


class Counting(Containers):
    """Counts how often the agent would have been begun."""

    begun = 0

    def _running(self) -> Running:
        type(self).begun += 1
        return _Ended()  # type: ignore[return-value]  # all that is asked of it here


class _Ended:
    def run(self, _stop: threading.Event) -> None:
        return


def test_none_before_there_is_a_cluster_and_none_where_another_does(registry: Registry) -> None:
    stop = threading.Event()
    containers = Counting(registry.settings, registry.ground)
    containers.run(stop)
    assert Counting.begun == 0
    key = registry.admin
    ecs: Any = registry.aws("ecs", key.id, key.secret)
    ecs.create_cluster()
    lock = registry.settings.data / "ecs" / "engine.lock"
    lock.parent.mkdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        containers.run(stop)
        assert Counting.begun == 0
    containers.run(stop)
    containers.run(stop)
    assert Counting.begun == 1


def test_a_setting_turns_it_off(registry: Registry) -> None:
    key = registry.admin
    ecs: Any = registry.aws("ecs", key.id, key.secret)
    ecs.create_cluster()
    before = Counting.begun
    off = registry.beside(ecs_engine="none")
    Counting(off.settings, off.ground).run(threading.Event())
    off.close()
    assert Counting.begun == before
