"""CreateService, UpdateService, DeleteService, DescribeServices, ListServices."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.ecs.statuses import HealthStatus
from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecs.services.conftest import SUBNET, Machine, change, create, said, shown
from tests.ecs.test_clusters import error

ONCE: Any = {"Delay": 0, "MaxAttempts": 1}
BREAKER: Any = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def test_a_service_comes_up_and_is_steady(demo: Any, machine: Machine) -> None:
    made = create(
        demo, enableECSManagedTags=True, propagateTags="SERVICE", tags=[{"key": "a", "value": "1"}]
    )
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/demo/web"
    assert (made["serviceArn"], made["status"], made["desiredCount"]) == (arn, "ACTIVE", 2)
    assert made["tags"] == [{"key": "a", "value": "1"}]
    assert made["deploymentConfiguration"] == {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    }
    (deployment,) = made["deployments"]
    assert (deployment["status"], deployment["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    with pytest.raises(Exception, match="Max attempts"):
        demo.get_waiter("services_stable").wait(cluster="demo", services=["web"], WaiterConfig=ONCE)
    machine.settle()
    found = shown(demo)
    assert (found["runningCount"], found["pendingCount"]) == (2, 0)
    (deployment,) = found["deployments"]
    assert deployment["rolloutState"] == "COMPLETED"
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."
    demo.get_waiter("services_stable").wait(cluster="demo", services=["web"], WaiterConfig=ONCE)
    started, completed, steady = said(demo)
    assert started.startswith("(service web) has started 2 tasks: (task ")
    assert completed == f"(service web) (deployment {deployment['id']}) deployment completed."
    assert steady == "(service web) has reached a steady state."
    (one, _) = machine.living()
    assert (one.group, one.started_by) == ("service:web", deployment["id"])
    (task,) = demo.describe_tasks(cluster="demo", tasks=[one.id], include=["TAGS"])["tasks"]
    assert {each["key"]: each["value"] for each in task["tags"]} == {
        "a": "1",
        "aws:ecs:serviceName": "web",
        "aws:ecs:clusterName": "demo",
    }
    listed = demo.list_tasks(cluster="demo", serviceName="web")["taskArns"]
    assert set(listed) == {each.arn for each in machine.living()}


def test_a_lost_task_is_replaced(demo: Any, machine: Machine) -> None:
    create(demo)
    machine.settle()
    (lost, kept) = machine.living()
    machine.end(lost)
    machine.settle()
    now = {task.id for task in machine.living()}
    assert kept.id in now
    assert lost.id not in now
    assert shown(demo)["runningCount"] == 2
    assert said(demo)[-1] == "(service web) has reached a steady state."


def test_scaling_makes_no_new_deployment(demo: Any, machine: Machine) -> None:
    (first,) = create(demo)["deployments"]
    machine.settle()
    change(demo, desiredCount=4)
    machine.settle()
    assert shown(demo)["runningCount"] == 4
    change(demo, desiredCount=1)
    machine.settle()
    found = shown(demo)
    assert found["runningCount"] == 1
    assert [each["id"] for each in found["deployments"]] == [first["id"]]
    assert any("has stopped 3 running tasks: (task " in each for each in said(demo))
    stopped = demo.list_tasks(cluster="demo", desiredStatus="STOPPED")["taskArns"]
    (task, *_) = demo.describe_tasks(cluster="demo", tasks=stopped)["tasks"]
    assert task["stopCode"] == "ServiceSchedulerInitiated"
    reason = f"Scaling activity initiated by (deployment {first['id']})"
    assert task["stoppedReason"] == reason


def test_a_new_definition_rolls(demo: Any, machine: Machine) -> None:
    create(demo)
    machine.settle()
    changed = change(demo, taskDefinition="web:2")
    assert [each["status"] for each in changed["deployments"]] == ["PRIMARY", "ACTIVE"]
    machine.settle()
    found = shown(demo)
    assert found["taskDefinition"].endswith("/web:2")
    assert len(found["deployments"]) == 1
    assert {task.definition_arn for task in machine.living()} == {found["taskDefinition"]}
    assert machine.most <= 4
    again = change(demo, taskDefinition="web:2")
    assert len(again["deployments"]) == 1
    forced = change(demo, forceNewDeployment=True)
    assert len(forced["deployments"]) == 2


def test_a_failing_definition_rolls_back(demo: Any, machine: Machine) -> None:
    create(demo, deploymentConfiguration=BREAKER)
    machine.settle()
    (first,) = shown(demo)["deployments"]
    before = {task.id for task in machine.living()}
    machine.broken.add("web:2")
    (second, _) = change(demo, taskDefinition="web:2")["deployments"]
    machine.turn(30)
    found = shown(demo)
    (primary,) = found["deployments"]
    assert primary["id"] == first["id"]
    assert primary["rolloutState"] == "COMPLETED"
    assert {task.id for task in machine.living()} == before
    words = said(demo)
    failed = f"(service web) (deployment {second['id']}) deployment failed: tasks failed to start."
    assert failed in words
    assert words.index(f"(service web) rolling back to deployment {first['id']}.") > words.index(
        failed
    )


def test_a_first_definition_that_fails_is_given_up(demo: Any, machine: Machine) -> None:
    machine.broken.add("web:1")
    create(demo, deploymentConfiguration=BREAKER)
    machine.turn(30)
    (deployment,) = shown(demo)["deployments"]
    assert deployment["rolloutState"] == "FAILED"
    assert deployment["rolloutStateReason"].endswith("tasks failed to start.")
    count = len(said(demo))
    machine.turn(5, seconds=1000)
    assert len(said(demo)) == count


def test_failing_tasks_are_waited_for(demo: Any, machine: Machine) -> None:
    machine.broken.add("web:1")
    create(demo, desiredCount=1)
    machine.turn(100)
    starts = [each for each in said(demo) if "has started" in each]
    assert 5 <= len(starts) <= 9
    assert sum("unable to consistently start" in each for each in said(demo)) == 1
    assert shown(demo)["deployments"][0]["failedTasks"] == len(starts)
    machine.broken.clear()
    machine.turn(1, seconds=3600)
    machine.settle()
    assert shown(demo)["runningCount"] == 1


def test_no_room_is_said_and_tried_again(demo: Any, machine: Machine) -> None:
    create(demo, desiredCount=12)
    machine.turn(3)
    assert shown(demo)["runningCount"] == 10
    (instance,) = {task.instance_id for task in machine.living()}
    assert said(demo)[-1].startswith(
        "(service web) was unable to place a task because no container instance met all of its"
        f" requirements. The closest matching (container-instance {instance}) has insufficient"
        " memory available."
    )
    change(demo, desiredCount=5)
    machine.settle()
    assert shown(demo)["runningCount"] == 5


def test_unhealthy_tasks_are_replaced_and_unknown_ones_awaited(demo: Any, machine: Machine) -> None:
    create(demo, definition="checked")
    machine.turn(5)
    assert shown(demo)["runningCount"] == 2
    assert shown(demo)["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    machine.health = HealthStatus.HEALTHY
    change(demo, forceNewDeployment=True)
    machine.settle()
    assert shown(demo)["deployments"][0]["rolloutState"] == "COMPLETED"
    (sick, well) = machine.living()
    machine.sick(sick)
    machine.turn()
    assert {sick.id, well.id} < {task.id for task in machine.living()}
    machine.settle()
    assert sick.id not in {task.id for task in machine.living()}
    assert f"(service web) (task {sick.id}) failed container health checks." in said(demo)


def test_a_daemon_runs_once_on_each_instance(demo: Any, machine: Machine) -> None:
    demo.create_service(
        cluster="demo", serviceName="web", taskDefinition="web:1", schedulingStrategy="DAEMON"
    )
    machine.settle()
    found = shown(demo)
    assert (found["desiredCount"], found["runningCount"]) == (1, 1)
    (task,) = machine.living()
    change(demo, taskDefinition="web:2")
    machine.settle()
    assert machine.most == 1
    (newer,) = machine.living()
    assert newer.id != task.id
    with pytest.raises(ClientError) as failed:
        change(demo, desiredCount=2)
    assert "does not support a desired count" in str(failed.value)


def test_fargate_services_follow_their_strategy(demo: Any, machine: Machine) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    create(
        demo,
        definition="serverless",
        capacityProviderStrategy=strategy,
        networkConfiguration=SUBNET,
    )
    machine.settle()
    found = shown(demo)
    assert (found["platformVersion"], "launchType" in found) == ("LATEST", False)
    providers = sorted(task.document["capacityProviderName"] for task in machine.living())
    assert providers == ["FARGATE", "FARGATE_SPOT"]


def test_deleting(demo: Any, machine: Machine) -> None:
    create(demo)
    machine.settle()
    with pytest.raises(ClientError) as failed:
        demo.delete_service(cluster="demo", service="web")
    assert error(failed) == (
        "InvalidParameterException",
        "The service cannot be stopped while it is scaled above 0.",
    )
    gone = demo.delete_service(cluster="demo", service="web", force=True)["service"]
    assert gone["status"] == "DRAINING"
    with pytest.raises(ClientError) as failed:
        create(demo)
    assert error(failed)[1] == "Unable to Start a service that is still Draining."
    with pytest.raises(ClientError) as failed:
        change(demo, desiredCount=1)
    assert error(failed) == ("ServiceNotActiveException", "Service was not ACTIVE.")
    machine.turn(2)
    demo.get_waiter("services_inactive").wait(cluster="demo", services=["web"], WaiterConfig=ONCE)
    assert machine.living() == []
    assert demo.list_services(cluster="demo")["serviceArns"] == []
    with pytest.raises(ClientError) as failed:
        demo.delete_service(cluster="demo", service="web")
    assert error(failed) == ("ServiceNotFoundException", "Service not found.")
    assert create(demo)["status"] == "ACTIVE"


def test_creating_twice(demo: Any) -> None:
    first = create(demo, clientToken="t")
    again = create(demo, clientToken="t")
    assert again["deployments"] == first["deployments"]
    for more in ({"clientToken": "t", "desiredCount": 3}, {"clientToken": "u"}, {}):
        with pytest.raises(ClientError) as failed:
            create(demo, **more)
        assert error(failed) == (
            "InvalidParameterException",
            "Creation of service was not idempotent.",
        )


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({"deploymentController": {"type": "EXTERNAL"}}, "UnsupportedFeatureException", "EXTERNAL"),
        (
            {"deploymentConfiguration": {"strategy": "BLUE_GREEN"}},
            "UnsupportedFeatureException",
            "BLUE_GREEN",
        ),
        (
            {"deploymentConfiguration": {"maximumPercent": 100}},
            "InvalidParameterException",
            "this will block",
        ),
        (
            {"loadBalancers": [{"containerName": "box", "containerPort": 80}]},
            "InvalidParameterException",
            "loadBalancers",
        ),
        ({"launchType": "FARGATE"}, "ClientException", "FARGATE"),
        ({"definition": "none"}, "ClientException", "TaskDefinition not found."),
        ({"desiredCount": -1}, "InvalidParameterException", "non-negative"),
        ({"name": "a b"}, "InvalidParameterException", "Service name"),
        (
            {"capacityProviderStrategy": [{"capacityProvider": "mine"}]},
            "InvalidParameterException",
            "not associated with the cluster",
        ),
        (
            {"schedulingStrategy": "DAEMON"},
            "InvalidParameterException",
            "does not support a desired count",
        ),
    ],
)
def test_what_is_refused(demo: Any, given: dict[str, Any], code: str, text: str) -> None:
    with pytest.raises(ClientError) as failed:
        create(demo, **given)
    assert error(failed)[0] == code
    assert text in error(failed)[1]
    assert demo.list_services(cluster="demo")["serviceArns"] == []


def test_what_is_not_there(demo: Any) -> None:
    found = demo.describe_services(cluster="demo", services=["none"])
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/demo/none"
    assert found["failures"] == [{"arn": arn, "reason": "MISSING"}]
    for call in (change, lambda ecs: ecs.delete_service(cluster="demo", service="web")):
        with pytest.raises(ClientError) as failed:
            call(demo)
        assert error(failed) == ("ServiceNotFoundException", "Service not found.")
    with pytest.raises(ClientError) as failed:
        demo.describe_services(cluster="nowhere", services=["web"])
    assert error(failed)[0] == "ClusterNotFoundException"


def test_listing_in_pages(demo: Any) -> None:
    names = [f"s{number}" for number in range(5)]
    for name in names:
        create(demo, name=name)
    pages = demo.get_paginator("list_services").paginate(
        cluster="demo", PaginationConfig={"PageSize": 2}
    )
    found = [page["serviceArns"] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    assert [arn.rpartition("/")[2] for page in found for arn in page] == names
    assert demo.list_services(cluster="demo", launchType="FARGATE")["serviceArns"] == []
    assert demo.list_services_by_namespace(namespace="n")["serviceArns"] == []


def test_a_caller_needs_the_permission(demo: Any, registry: Registry) -> None:
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/demo/mine"
    key = registry.user("deployer", allow("ecs:*Service*", resource=arn))
    other: Any = registry.aws("ecs", key.id, key.secret)
    create(other, name="mine")
    assert shown(other, "mine")["status"] == "ACTIVE"
    with pytest.raises(ClientError) as failed:
        create(other, name="theirs")
    assert error(failed)[0] == "AccessDeniedException"
    with pytest.raises(ClientError) as failed:
        other.delete_service(cluster="demo", service="theirs")
    assert error(failed)[0] == "AccessDeniedException"
    other.close()
