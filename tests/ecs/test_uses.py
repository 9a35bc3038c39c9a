"""Which images ECS reports as in use, when, and what the registry makes of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from registry.domain.identities.services import ECS_TASKS
from registry.ecs.control import uses
from registry.ecs.control.states import States
from registry.ecs.control.uses import REPEAT_SECONDS, RETRY_SECONDS, Uses
from registry.ecs.protocol import ContainerStateChange, TaskStateChange
from registry.ecs.statuses import ContainerStatus, TaskStatus
from registry.values.scope import Scope
from tests.api.signed import refused, send
from tests.application import ACCOUNT, REGION, SCOPE, Registry
from tests.domain.lifecycle.holding import NAME, hold, image, left, put, run
from tests.domain.lifecycle.world import aged, policy, rule
from tests.ecs.services.conftest import Machine, create, demo, machine

__all__ = ["demo", "machine"]

HOST = "localhost:5000"
DIGEST = "sha256:" + "a" * 64
OTHER = Scope("210987654321", "eu-west-1")
PATH = f"registries/{ACCOUNT}/images-in-use"


@dataclass
class Told:
    """Takes reports, unless it is broken."""

    reports: list[tuple[Scope, list[str]]] = field(default_factory=list)
    broken: bool = False

    def __call__(self, scope: Scope, images: Sequence[str]) -> None:
        if self.broken:
            raise ConnectionError("nobody there")
        self.reports.append((scope, sorted(images)))

    def taken(self) -> list[tuple[Scope, list[str]]]:
        found, self.reports = self.reports, []
        return found


@dataclass
class Reporting:
    """The step, with a clock that the test sets."""

    registry: Registry
    told: Told = field(default_factory=Told)
    now: float = 0.0

    def __post_init__(self) -> None:
        places = {HOST: SCOPE, "other.example.com": OTHER}
        self.uses = Uses(self.registry.ground.ecs, places.get, self.told, lambda: self.now)

    def after(self, seconds: float = 1.5) -> list[tuple[Scope, list[str]]]:
        """What is reported in a step, so much later."""
        self.now += seconds
        self.uses.step()
        return self.told.taken()


@pytest.fixture
def reporting(registry: Registry) -> Reporting:
    return Reporting(registry)


def define(ecs: Any, family: str, *images: str) -> str:
    boxes: Any = [
        {"name": f"box{number}", "image": each, "memory": 16} for number, each in enumerate(images)
    ]
    made = ecs.register_task_definition(family=family, containerDefinitions=boxes)
    return str(made["taskDefinition"]["taskDefinitionArn"])


def test_images_of_active_task_definitions(ecs: Any, reporting: Reporting) -> None:
    assert reporting.after() == []
    arn = define(
        ecs, "many", f"{HOST}/team/app", f"{HOST}/team/app:v1", f"{HOST}/a/b:v1@{DIGEST}",
        "busybox:latest", "quay.io/team/app:v1", "other.example.com/team/web:v2",
    )  # fmt: skip
    expected = ["team/app:latest", "team/app:v1", f"a/b@{DIGEST}"]
    assert reporting.after() == [(SCOPE, sorted(expected)), (OTHER, ["team/web:v2"])]
    ecs.deregister_task_definition(taskDefinition=arn)
    assert reporting.after() == [(SCOPE, []), (OTHER, [])]


def test_a_change_is_told_within_two_seconds_and_nothing_twice(
    ecs: Any, reporting: Reporting
) -> None:
    define(ecs, "one", f"{HOST}/team/app:v1")
    assert reporting.after() == [(SCOPE, ["team/app:v1"])]
    define(ecs, "two", f"{HOST}/team/app:v2")
    assert reporting.after(0.5) == []
    assert reporting.after(1.0) == [(SCOPE, ["team/app:v1", "team/app:v2"])]
    define(ecs, "three", f"{HOST}/team/app:v1")
    assert reporting.after() == []
    assert reporting.after(REPEAT_SECONDS - 10) == []
    assert reporting.after(10) == [(SCOPE, ["team/app:v1", "team/app:v2"])]


def test_a_running_task_holds_its_digest_until_it_stopped(
    registry: Registry, demo: Any, reporting: Reporting
) -> None:
    arn = define(demo, "short", f"{HOST}/team/app:v1")
    (task,) = demo.run_task(cluster="demo", taskDefinition="short")["tasks"]
    demo.deregister_task_definition(taskDefinition=arn)
    others = ["box:v1"]
    assert reporting.after() == [(SCOPE, [*others, "team/app:v1"])]
    states = States(registry.ground.ecs)
    box = ContainerStateChange(
        task["taskArn"], "box0", ContainerStatus.RUNNING, image_digest=DIGEST
    )
    states.submit_task(TaskStateChange(task["taskArn"], TaskStatus.RUNNING, [box]))
    assert reporting.after() == [(SCOPE, [*others, f"team/app@{DIGEST}"])]
    demo.stop_task(cluster="demo", task=task["taskArn"])
    assert reporting.after() == []
    states.submit_task(TaskStateChange(task["taskArn"], TaskStatus.STOPPED))
    assert reporting.after() == [(SCOPE, others)]


def test_an_active_service_holds_what_it_runs(
    demo: Any, machine: Machine, reporting: Reporting
) -> None:
    arn = define(demo, "served", f"{HOST}/team/app:v1")
    create(demo, definition="served:1", desiredCount=0)
    demo.deregister_task_definition(taskDefinition=arn)
    assert reporting.after() == [(SCOPE, ["box:v1", "team/app:v1"])]
    demo.delete_service(cluster="demo", service="web")
    machine.turn(3)
    assert reporting.after() == [(SCOPE, ["box:v1"])]


def test_what_a_process_before_reported_is_replaced(ecs: Any, reporting: Reporting) -> None:
    ecs.create_cluster()
    assert reporting.after() == [(Scope(ACCOUNT, REGION), [])]
    assert reporting.after() == []


def test_a_failure_is_told_once_and_tried_again(
    ecs: Any, reporting: Reporting, caplog: pytest.LogCaptureFixture
) -> None:
    define(ecs, "one", f"{HOST}/team/app:v1")
    reporting.told.broken = True
    with caplog.at_level(logging.INFO, "moorage.ecs"):
        for _ in range(3):
            assert reporting.after(RETRY_SECONDS + 1) == []
        reporting.told.broken = False
        assert reporting.after(RETRY_SECONDS - 5) == []
        assert reporting.after(6) == [(SCOPE, ["team/app:v1"])]
    assert [each.message for each in caplog.records] == [
        "images in use cannot be reported; it goes on trying",
        "images in use are reported again",
    ]


def test_what_a_report_cannot_hold_is_left_out_from_the_end(
    ecs: Any,
    reporting: Reporting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(uses, "IMAGES_MAX", 2)
    for number in range(3):
        define(ecs, "many", f"{HOST}/team/app:v{number}")
    assert reporting.after() == [(SCOPE, ["team/app:v1", "team/app:v2"])]
    assert reporting.after() == []
    assert [each.message for each in caplog.records if each.name == "moorage.ecs"] == [
        "more images are in use than a report holds"
    ]
    monkeypatch.setattr(uses, "BYTES_MAX", 20)
    assert reporting.after() == [(SCOPE, ["team/app:v2"])]


def test_the_service_reports_as_ecs_and_an_image_it_runs_survives(
    registry: Registry, ecs: Any, reporting: Reporting
) -> None:
    registry.create(NAME)
    running, idle = hold(registry, image("a"), age=90), hold(registry, image("b"), age=90)
    arn = define(ecs, "held", f"{HOST}/{NAME}@{running}")
    key: Any = registry.ground.services.of(ECS_TASKS)

    def report() -> None:
        for scope, images in reporting.after():
            path = f"registries/{scope.account}/images-in-use/ecs"
            answer = send(registry, "PUT", path, {"images": images}, key, region=scope.region)
            assert (answer.status_code, answer.json()["missing"]) == (200, [])

    report()
    put(registry, policy(rule(**aged(30))))
    run(registry)
    assert left(registry) == {running}
    assert idle not in left(registry)
    ecs.deregister_task_definition(taskDefinition=arn)
    report()
    put(registry, policy(rule(**aged(31))))
    run(registry)
    assert left(registry) == set()


def test_the_service_may_report_as_nobody_else(registry: Registry) -> None:
    key: Any = registry.ground.services.of(ECS_TASKS)
    assert refused(send(registry, "PUT", f"{PATH}/other", {"images": []}, key))[0] == 403
    assert refused(send(registry, "GET", f"{PATH}/ecs", None, key))[0] == 403
    assert refused(send(registry, "GET", PATH, None, key))[0] == 403
