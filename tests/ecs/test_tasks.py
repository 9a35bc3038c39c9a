"""Tasks from RunTask to STOPPED, with an agent that the test plays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.ecs.control import instances
from registry.ecs.control.dispatching import KEPT, Dispatcher
from registry.ecs.control.states import States
from registry.ecs.protocol import ContainerStateChange, Instance, Interface, TaskStateChange
from registry.ecs.statuses import ContainerStatus, DesiredStatus, StopCode, TaskStatus
from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecs.plane import FakeRoles, RecordingAgent
from tests.ecs.test_clusters import error

BOX: Any = {"name": "box", "image": "localhost:5000/box:v1", "memory": 64}
SUBNET: Any = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}}
FARGATE: Any = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}


@pytest.fixture
def demo(registry: Registry, ecs: Any) -> Any:
    """The client, with a cluster, two task definitions, and an engine in the cluster."""
    ecs.create_cluster(clusterName="demo", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    ecs.register_task_definition(family="plain", containerDefinitions=[BOX])
    ecs.register_task_definition(family="web", containerDefinitions=[BOX], **FARGATE)
    engine = Instance(
        "demo",
        [
            {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": 200},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]},
        ],
        [{"name": "ecs.os-type", "value": "linux"}],
        "1",
        "2",
    )
    with registry.ground.ecs.write() as connection:
        instances.keep_local(connection, engine)
    return ecs


@pytest.fixture
def agent() -> RecordingAgent:
    return RecordingAgent()


@pytest.fixture
def dispatcher(registry: Registry, agent: RecordingAgent) -> Dispatcher:
    return Dispatcher(registry.ground.ecs, agent, FakeRoles())


@pytest.fixture
def states(registry: Registry) -> States:
    return States(registry.ground.ecs)


def run(ecs: Any, definition: str = "web", **more: Any) -> dict[str, Any]:
    """One task of the cluster demo."""
    if definition == "web":
        more = {"launchType": "FARGATE", "networkConfiguration": SUBNET, **more}
    (task,) = ecs.run_task(cluster="demo", taskDefinition=definition, **more)["tasks"]
    return dict(task)


def shown(ecs: Any, arn: str) -> dict[str, Any]:
    (task,) = ecs.describe_tasks(cluster="demo", tasks=[arn], include=["TAGS"])["tasks"]
    return dict(task)


def test_a_task_climbs_from_provisioning_to_stopped(
    demo: Any, dispatcher: Dispatcher, agent: RecordingAgent, states: States
) -> None:
    task = run(demo, startedBy="me", tags=[{"key": "a", "value": "1"}], enableECSManagedTags=True)
    arn = task["taskArn"]
    assert (task["lastStatus"], task["desiredStatus"]) == ("PROVISIONING", "RUNNING")
    assert task["attachments"][0]["status"] == "PRECREATED"
    dispatcher.step()
    dispatcher.step()
    (payload,) = agent.accepted
    assert payload.arn == arn
    assert payload.desired_status is DesiredStatus.RUNNING
    assert payload.assign_public_ip
    assert payload.tags == {"a": "1", "aws:ecs:clusterName": "demo"}
    assert payload.definition["containerDefinitions"][0]["image"] == BOX["image"]

    interface = Interface("10.0.0.9", "02:42:0a:00:00:09", "10.0.0.0/24")
    states.submit_task(TaskStateChange(arn, TaskStatus.PENDING, interface=interface))
    box = ContainerStateChange(
        arn, "box", ContainerStatus.RUNNING, runtime_id="abc", image_digest="sha256:" + "0" * 64
    )
    states.submit_container(box)
    states.submit_task(TaskStateChange(arn, TaskStatus.RUNNING))
    found = shown(demo, arn)
    assert found["lastStatus"] == "RUNNING"
    assert found["connectivity"] == "CONNECTED"
    assert found["startedAt"] >= found["connectivityAt"] >= found["createdAt"]
    (container,) = found["containers"]
    assert container["lastStatus"] == "RUNNING"
    assert container["runtimeId"] == "abc"
    assert container["networkInterfaces"][0]["privateIpv4Address"] == "10.0.0.9"
    details = {each["name"]: each["value"] for each in found["attachments"][0]["details"]}
    assert details["privateIPv4Address"] == "10.0.0.9"
    assert details["subnetId"] == "subnet-1"
    waiter = demo.get_waiter("tasks_running")
    waiter.wait(cluster="demo", tasks=[arn], WaiterConfig={"Delay": 0, "MaxAttempts": 1})

    stopping = demo.stop_task(cluster="demo", task=arn, reason="enough")["task"]
    assert (stopping["lastStatus"], stopping["desiredStatus"]) == ("DEACTIVATING", "STOPPED")
    dispatcher.step()
    assert agent.accepted[-1].desired_status is DesiredStatus.STOPPED
    gone = ContainerStateChange(arn, "box", ContainerStatus.STOPPED, exit_code=143)
    states.submit_task(TaskStateChange(arn, TaskStatus.STOPPED, [gone]))
    states.submit_task(TaskStateChange(arn, TaskStatus.RUNNING))
    found = shown(demo, arn)
    assert (found["lastStatus"], found["stopCode"], found["stoppedReason"]) == (
        "STOPPED",
        "UserInitiated",
        "enough",
    )
    assert found["containers"][0]["exitCode"] == 143
    assert found["stoppedAt"] >= found["stoppingAt"]
    assert found["attachments"][0]["status"] == "DELETED"
    demo.get_waiter("tasks_stopped").wait(
        cluster="demo", tasks=[arn], WaiterConfig={"Delay": 0, "MaxAttempts": 1}
    )
    dispatcher.step()
    assert agent.forgotten == [arn]


def test_the_agents_own_stop_brings_its_code_and_reason(
    demo: Any, dispatcher: Dispatcher, states: States
) -> None:
    arn = run(demo)["taskArn"]
    dispatcher.step()
    change = TaskStateChange(
        arn,
        TaskStatus.STOPPED,
        [ContainerStateChange(arn, "box", ContainerStatus.STOPPED, exit_code=3)],
        StopCode.ESSENTIAL_CONTAINER_EXITED,
        "Essential container in task exited",
    )
    states.submit_task(change)
    states.submit_task(change)
    found = shown(demo, arn)
    assert found["desiredStatus"] == "STOPPED"
    assert found["stopCode"] == "EssentialContainerExited"
    assert found["stoppedReason"] == "Essential container in task exited"
    assert demo.list_tasks(cluster="demo")["taskArns"] == []
    assert demo.list_tasks(cluster="demo", desiredStatus="STOPPED")["taskArns"] == [arn]


def test_a_role_that_does_not_trust_ecs_ends_the_task(
    demo: Any, dispatcher: Dispatcher, agent: RecordingAgent
) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/distrustful"
    arn = run(demo, overrides={"taskRoleArn": role})["taskArn"]
    dispatcher.step()
    found = shown(demo, arn)
    assert (found["lastStatus"], found["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert role in found["stoppedReason"]
    assert agent.accepted == []


def test_credentials_are_renewed_under_their_id(registry: Registry, demo: Any) -> None:
    agent, roles = RecordingAgent(), FakeRoles(lifetime=timedelta(minutes=1))
    dispatcher = Dispatcher(registry.ground.ecs, agent, roles)
    role = f"arn:aws:iam::{ACCOUNT}:role/work"
    run(demo, overrides={"taskRoleArn": role})
    dispatcher.step()
    first = agent.accepted[0].task_credentials
    assert first is not None
    ((_, second),) = agent.refreshed
    assert (second.id, second.role_arn) == (first.id, role)
    assert second.access_key_id != first.access_key_id


def test_overrides_reach_the_agent(
    demo: Any, dispatcher: Dispatcher, agent: RecordingAgent
) -> None:
    override = {
        "name": "box",
        "command": ["echo", "hi"],
        "environment": [{"name": "A", "value": "2"}],
        "memory": 32,
    }
    run(demo, overrides={"containerOverrides": [override], "cpu": "512"})
    dispatcher.step()
    document = agent.accepted[0].definition
    (container,) = document["containerDefinitions"]
    assert document["cpu"] == "512"
    assert container["command"] == ["echo", "hi"]
    assert container["environment"] == [{"name": "A", "value": "2"}]
    assert container["memory"] == 32


def test_an_instance_takes_what_it_has_room_for(demo: Any) -> None:
    found = demo.run_task(cluster="demo", taskDefinition="plain", count=5)
    assert len(found["tasks"]) == 3
    assert [each["reason"] for each in found["failures"]] == ["RESOURCE:MEMORY"] * 2
    task = found["tasks"][0]
    assert task["launchType"] == "EC2"
    assert task["containerInstanceArn"].startswith(
        f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/demo/"
    )
    (cluster,) = demo.describe_clusters(clusters=["demo"], include=["STATISTICS"])["clusters"]
    assert cluster["pendingTasksCount"] == 3
    statistics = {each["name"]: each["value"] for each in cluster["statistics"]}
    assert statistics["pendingEC2TasksCount"] == "3"
    with pytest.raises(ClientError) as caught:
        demo.delete_cluster(cluster="demo")
    assert error(caught)[0] == "ClusterContainsTasksException"


def test_a_host_port_is_given_once(demo: Any) -> None:
    ports = [{"containerPort": 80, "hostPort": 8080}]
    demo.register_task_definition(
        family="port", containerDefinitions=[{**BOX, "portMappings": ports}]
    )
    run(demo, "port")
    found = demo.run_task(cluster="demo", taskDefinition="port")
    assert [each["reason"] for each in found["failures"]] == ["RESOURCE:PORTS"]


def test_distinct_instances_are_distinct_and_other_constraints_refused(demo: Any) -> None:
    constraint = [{"type": "distinctInstance"}]
    run(demo, "plain", placementConstraints=constraint)
    found = demo.run_task(cluster="demo", taskDefinition="plain", placementConstraints=constraint)
    assert found["tasks"] == []
    assert [each["reason"] for each in found["failures"]] == [
        "distinctInstance placement constraint unsatisfied."
    ]
    run(demo, "plain", group="another", placementConstraints=constraint)
    with pytest.raises(ClientError) as caught:
        run(
            demo,
            "plain",
            placementConstraints=[{"type": "memberOf", "expression": "runningTasksCount == 0"}],
        )
    assert "memberOf" in error(caught)[1]


def test_a_request_that_comes_twice_begins_one_task(demo: Any) -> None:
    first = run(demo, clientToken="t1")
    assert run(demo, clientToken="t1")["taskArn"] == first["taskArn"]
    with pytest.raises(ClientError) as caught:
        run(demo, clientToken="t1", startedBy="another")
    assert error(caught)[0] == "ConflictException"
    assert demo.list_tasks(cluster="demo")["taskArns"] == [first["taskArn"]]


def test_a_strategy_spreads_tasks_by_base_and_weight(demo: Any) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    found = demo.run_task(
        cluster="demo",
        taskDefinition="web",
        networkConfiguration=SUBNET,
        capacityProviderStrategy=strategy,
        count=9,
    )["tasks"]
    names = [each["capacityProviderName"] for each in found]
    assert names[0] == "FARGATE"
    assert (names.count("FARGATE"), names.count("FARGATE_SPOT")) == (3, 6)
    assert {each["launchType"] for each in found} == {"FARGATE"}


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"taskDefinition": "no"}, "ClientException", "TaskDefinition not found."),
        (
            {"taskDefinition": "plain", "launchType": "FARGATE"},
            "ClientException",
            "Task definition does not support launch_type FARGATE.",
        ),
        (
            {"taskDefinition": "web", "launchType": "FARGATE"},
            "InvalidParameterException",
            "Network Configuration must be provided",
        ),
        (
            {"taskDefinition": "plain", "networkConfiguration": SUBNET},
            "InvalidParameterException",
            "Network Configuration is not valid for the given networkMode",
        ),
        (
            {"taskDefinition": "plain", "overrides": {"containerOverrides": [{"name": "x"}]}},
            "InvalidParameterException",
            "Override for container named x is not a container in the TaskDefinition.",
        ),
        ({"taskDefinition": "plain", "count": 11}, "InvalidParameterException", "count"),
        ({"taskDefinition": "plain", "group": "service:x"}, "InvalidParameterException", "group"),
        (
            {"taskDefinition": "plain", "cluster": "no"},
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
    ],
)
def test_what_cannot_run_is_refused(
    demo: Any, asked: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ClientError) as caught:
        demo.run_task(**{"cluster": "demo", **asked})
    assert error(caught)[0] == code
    assert words in error(caught)[1]
    assert demo.list_tasks(cluster="demo")["taskArns"] == []


def test_tasks_are_listed_by_what_they_are(demo: Any) -> None:
    arns = {run(demo, startedBy="me")["taskArn"] for _ in range(3)}
    other = run(demo, "plain")["taskArn"]
    pages = demo.get_paginator("list_tasks").paginate(
        cluster="demo", family="web", PaginationConfig={"PageSize": 2}
    )
    listed = [arn for page in pages for arn in page["taskArns"]]
    assert len(listed) == 3
    assert set(listed) == arns
    assert set(demo.list_tasks(cluster="demo", startedBy="me")["taskArns"]) == arns
    assert demo.list_tasks(cluster="demo", launchType="EC2")["taskArns"] == [other]
    missing = demo.describe_tasks(cluster="demo", tasks=["0" * 32])
    assert [each["reason"] for each in missing["failures"]] == ["MISSING"]


def test_stopped_tasks_are_forgotten_after_an_hour(
    demo: Any, dispatcher: Dispatcher, states: States
) -> None:
    arn = run(demo)["taskArn"]
    dispatcher.step()
    states.submit_task(TaskStateChange(arn, TaskStatus.STOPPED))
    assert dispatcher.purge() == 0
    assert dispatcher.purge(datetime.now(UTC) + KEPT + timedelta(seconds=1)) == 1
    assert demo.describe_tasks(cluster="demo", tasks=[arn])["tasks"] == []


def test_policies_decide_by_definition_and_cluster(registry: Registry, demo: Any) -> None:
    allowed = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:*"
    key = registry.user("ada", allow("ecs:RunTask", resource=allowed))
    hers: Any = registry.aws("ecs", key.id, key.secret)
    run(hers)
    with pytest.raises(ClientError) as caught:
        run(hers, "plain")
    assert error(caught)[0] == "AccessDeniedException"
    role = f"arn:aws:iam::{ACCOUNT}:role/work"
    with pytest.raises(ClientError) as caught:
        run(hers, overrides={"taskRoleArn": role})
    assert "iam:PassRole" in error(caught)[1]
