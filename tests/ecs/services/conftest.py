"""Services over a server, with an engine that the test plays."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from registry.database.database import Database
from registry.ecs.control import instances, task_rows
from registry.ecs.control.scheduling.scheduler import Scheduler
from registry.ecs.control.states import States
from registry.ecs.control.task_rows import Task
from registry.ecs.protocol import ContainerStateChange, Instance, TaskStateChange
from registry.ecs.statuses import ContainerStatus, DesiredStatus, HealthStatus, StopCode, TaskStatus
from tests.application import Registry

BOX: Any = {"name": "box", "image": "localhost:5000/box:v1", "memory": 16}
CHECKED: Any = {**BOX, "healthCheck": {"command": ["CMD", "true"]}}
SUBNET: Any = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


@dataclass
class Machine:
    """Runs the scheduler, and plays the agent: tasks start and stop as soon as they are to."""

    database: Database
    broken: set[str] = field(default_factory=set)
    """Families and revisions (`web:2`) whose tasks fail to start."""
    health: HealthStatus = HealthStatus.UNKNOWN
    now: float = field(default_factory=time.time)
    most: int = 0
    """As many tasks were ever meant to run at once."""

    def __post_init__(self) -> None:
        self.states = States(self.database)
        self.scheduler = Scheduler(self.database, lambda: self.now)

    def turn(self, times: int = 1, seconds: float = 1.0) -> None:
        """The scheduler looks, then the agent does."""
        for _ in range(times):
            self.now += seconds
            self.scheduler.step()
            living = self.living()
            self.most = max(self.most, sum(_wanted(task) for task in living))
            for task in living:
                self._play(task)

    def settle(self, turns: int = 60) -> None:
        """Until the scheduler has nothing to do."""
        for _ in range(turns):
            self.turn()
            if self.scheduler.step() == 0 and all(
                task.last_status is TaskStatus.RUNNING for task in self.living()
            ):
                return
        raise AssertionError("the services do not come to rest")

    def living(self) -> list[Task]:
        with self.database.read() as connection:
            return task_rows.living(connection)

    def end(self, task: Task, code: StopCode = StopCode.ESSENTIAL_CONTAINER_EXITED) -> None:
        """The task ends, whatever it is meant to be."""
        change = TaskStateChange(task.arn, TaskStatus.STOPPED, stop_code=code, reason="ended")
        self.states.submit_task(change)

    def sick(self, task: Task) -> None:
        """Its health checks fail."""
        box = ContainerStateChange(
            task.arn, "box", ContainerStatus.RUNNING, health=HealthStatus.UNHEALTHY
        )
        self.states.submit_container(box)

    def _play(self, task: Task) -> None:
        if not _wanted(task):
            self.states.submit_task(TaskStateChange(task.arn, TaskStatus.STOPPED))
        elif task.definition_arn.rpartition("/")[2] in self.broken:
            self.end(task, StopCode.TASK_FAILED_TO_START)
        elif task.last_status is not TaskStatus.RUNNING:
            box = ContainerStateChange(task.arn, "box", ContainerStatus.RUNNING, health=self.health)
            self.states.submit_task(TaskStateChange(task.arn, TaskStatus.RUNNING, [box]))


def _wanted(task: Task) -> bool:
    return task.desired_status is DesiredStatus.RUNNING


@pytest.fixture
def machine(registry: Registry) -> Machine:
    return Machine(registry.ground.ecs)


@pytest.fixture
def demo(registry: Registry, ecs: Any) -> Any:
    """The client, with a cluster, task definitions, and an engine in the cluster."""
    ecs.create_cluster(clusterName="demo", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    for _ in range(3):
        ecs.register_task_definition(family="web", containerDefinitions=[BOX])
    ecs.register_task_definition(family="checked", containerDefinitions=[CHECKED])
    fargate: Any = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    ecs.register_task_definition(family="serverless", containerDefinitions=[BOX], **fargate)
    resources: Any = [
        {"name": "CPU", "type": "INTEGER", "integerValue": 4096},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 160},
    ]
    engine = Instance("demo", resources, [{"name": "ecs.os-type", "value": "linux"}], "1", "2")
    with registry.ground.ecs.write() as connection:
        instances.keep_local(connection, engine)
    return ecs


def create(ecs: Any, name: str = "web", definition: str = "web:1", **more: Any) -> dict[str, Any]:
    """A service of the cluster demo, of two tasks unless said otherwise."""
    given = {"desiredCount": 2, **more}
    made = ecs.create_service(cluster="demo", serviceName=name, taskDefinition=definition, **given)
    return dict(made["service"])


def change(ecs: Any, name: str = "web", **more: Any) -> dict[str, Any]:
    return dict(ecs.update_service(cluster="demo", service=name, **more)["service"])


def shown(ecs: Any, name: str = "web") -> dict[str, Any]:
    found = ecs.describe_services(cluster="demo", services=[name], include=["TAGS"])
    (service,) = found["services"]
    return dict(service)


def said(ecs: Any, name: str = "web") -> list[str]:
    """Its events, the oldest first."""
    return [each["message"] for each in reversed(shown(ecs, name)["events"])]
