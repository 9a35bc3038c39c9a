"""The engine goes away and comes back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.ecs.statuses import StopCode, TaskStatus
from tests.clients.engine import OwnEngine, restartable_engine
from tests.ecs.agent.harness import Rig, eventually, exit_codes, shell
from tests.upstream.fake import FakeRegistry

# The library leaves the socket of a connection that was refused to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
# Without rules for packets, it gets along with other engines here.
QUIET = ("--iptables=false",)


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[OwnEngine]:
    with restartable_engine(*QUIET, *request.param) as engine:
        yield engine


@pytest.fixture
def there(own: OwnEngine, registry_of_images: FakeRegistry, tmp_path: Path) -> Iterator[Rig]:
    image = f"{registry_of_images.address}/box:1"
    made = Rig(own.host, tmp_path / "ecs", image, heartbeat_seconds=0.5)
    made.agent.start()
    yield made
    made.close()
    gc.collect()


@pytest.mark.parametrize("own", [()], indirect=True)
def test_containers_that_the_engine_stopped_are_told_with_their_exit_code(
    own: OwnEngine, there: Rig
) -> None:
    script = "trap 'exit 4' TERM; while :; do /bin/busybox sleep 0.1; done"
    payload = there.running({"command": shell(script)})
    own.stop()
    there.plane.until(lambda: not there.plane.beats[-1])
    waiting = there.run({"command": shell("exit 6")})
    own.start()
    there.plane.until(lambda: there.plane.beats[-1])
    ended = there.plane.reaches(payload.arn, TaskStatus.STOPPED)
    assert ended.stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED
    assert exit_codes(ended) == {"app": 4}
    later = there.plane.reaches(waiting.arn, TaskStatus.STOPPED)
    assert exit_codes(later) == {"app": 6}


@pytest.mark.parametrize("own", [("--live-restore",)], indirect=True)
def test_containers_that_outlive_the_engine_run_on(own: OwnEngine, there: Rig) -> None:
    payload = there.running({})
    before = there.shown(payload)["State"]["StartedAt"]
    own.stop()
    there.plane.until(lambda: not there.plane.beats[-1])
    own.start()
    there.plane.until(lambda: there.plane.beats[-1])
    eventually(lambda: there.shown(payload)["State"]["Running"])
    assert there.shown(payload)["State"]["StartedAt"] == before
    assert there.plane.tasks[payload.arn].status is TaskStatus.RUNNING
    assert exit_codes(there.stop(payload)) == {"app": 0}
