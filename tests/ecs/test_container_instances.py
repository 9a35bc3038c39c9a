"""Container instances and their attributes, as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.ecs.control import instances
from registry.ecs.protocol import Instance
from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecs.test_clusters import error

BEGIN = f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/demo/"
BOX: Any = {"name": "box", "image": "localhost:5000/box:v1", "memory": 64}
RESOURCES: Any = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
    {"name": "MEMORY", "type": "INTEGER", "integerValue": 200},
    {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]},
]
LINUX: Any = [{"name": "ecs.os-type", "value": "linux"}]


@pytest.fixture
def local(registry: Registry, ecs: Any) -> str:
    """ARN of this machine's engine, in the cluster demo."""
    ecs.create_cluster(clusterName="demo")
    ecs.register_task_definition(family="plain", containerDefinitions=[BOX])
    with registry.ground.ecs.write() as connection:
        instances.keep_local(connection, Instance("demo", RESOURCES, LINUX, "1", "2"))
    (arn,) = ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    return str(arn)


def shown(ecs: Any, arn: str, *include: str) -> dict[str, Any]:
    found = ecs.describe_container_instances(
        cluster="demo", containerInstances=[arn], include=list(include)
    )
    (instance,) = found["containerInstances"]
    return dict(instance)


def refused(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(cluster="demo", **given)
    return error(caught)[0]


def test_an_instance_says_what_it_has_left(ecs: Any, local: str) -> None:
    ecs.run_task(cluster="demo", taskDefinition="plain")
    found = shown(ecs, local, "CONTAINER_INSTANCE_HEALTH")
    assert (found["status"], found["agentConnected"]) == ("ACTIVE", True)
    assert (found["runningTasksCount"], found["pendingTasksCount"]) == (0, 1)
    left = {each["name"]: each for each in found["remainingResources"]}
    assert left["MEMORY"]["integerValue"] == 200 - 64
    assert left["PORTS"]["stringSetValue"] == ["22"]
    assert found["attributes"] == LINUX
    assert found["healthStatus"]["overallStatus"] == "OK"
    missing = ecs.describe_container_instances(cluster="demo", containerInstances=["no"])
    assert missing["failures"] == [{"arn": f"{BEGIN}no", "reason": "MISSING"}]


def test_a_draining_instance_gets_no_new_tasks(ecs: Any, local: str) -> None:
    changed = ecs.update_container_instances_state(
        cluster="demo", containerInstances=[local, "no"], status="DRAINING"
    )
    assert changed["containerInstances"][0]["status"] == "DRAINING"
    assert [each["reason"] for each in changed["failures"]] == ["MISSING"]
    assert ecs.run_task(cluster="demo", taskDefinition="plain")["tasks"] == []
    listed = ecs.list_container_instances(cluster="demo", status="DRAINING")
    assert listed["containerInstanceArns"] == [local]
    active = ecs.list_container_instances(cluster="demo", status="ACTIVE")
    assert active["containerInstanceArns"] == []
    again = {"containerInstances": [local], "status": "ACTIVE"}
    ecs.update_container_instances_state(cluster="demo", **again)
    assert len(ecs.run_task(cluster="demo", taskDefinition="plain")["tasks"]) == 1
    call = ecs.update_container_instances_state
    assert refused(call, containerInstances=[local], status="REGISTERING") == (
        "InvalidParameterException"
    )


def test_one_with_tasks_is_deregistered_only_by_force(ecs: Any, local: str) -> None:
    (task,) = ecs.run_task(cluster="demo", taskDefinition="plain")["tasks"]
    call = ecs.deregister_container_instance
    assert refused(call, containerInstance=local) == "InvalidParameterException"
    gone = call(cluster="demo", containerInstance=local, force=True)["containerInstance"]
    assert (gone["status"], gone["agentConnected"]) == ("INACTIVE", False)
    assert ecs.list_container_instances(cluster="demo")["containerInstanceArns"] == []
    (stopped,) = ecs.describe_tasks(cluster="demo", tasks=[task["taskArn"]])["tasks"]
    assert stopped["desiredStatus"] == "STOPPED"
    assert refused(call, containerInstance=local) == "ClientException"


def test_another_instance_is_kept_but_gets_no_tasks(ecs: Any, local: str) -> None:
    tag = {"key": "a", "value": "1"}
    made = ecs.register_container_instance(
        cluster="demo", totalResources=RESOURCES, attributes=LINUX, tags=[tag]
    )["containerInstance"]
    arn = made["containerInstanceArn"]
    assert (made["agentConnected"], made["tags"]) == (False, [tag])
    ecs.register_container_instance(cluster="demo", containerInstanceArn=arn)
    assert shown(ecs, arn)["attributes"] == []
    pages = ecs.get_paginator("list_container_instances").paginate(
        cluster="demo", PaginationConfig={"PageSize": 1}
    )
    assert sorted(page["containerInstanceArns"][0] for page in pages) == sorted([arn, local])
    started = ecs.start_task(cluster="demo", taskDefinition="plain", containerInstances=[arn])
    assert [each["reason"] for each in started["failures"]] != []
    call = ecs.register_container_instance
    assert refused(call, containerInstanceArn=local) == "ClientException"
    assert refused(call, containerInstanceArn=f"{BEGIN}no") == "ClientException"


def test_attributes_are_put_listed_and_taken_away(ecs: Any, local: str) -> None:
    def one(name: str, value: str | None = None) -> dict[str, str]:
        found = {"name": name, "targetId": local}
        return found if value is None else {**found, "value": value}

    ecs.put_attributes(cluster="demo", attributes=[one("stack", "old"), one("bare")])
    ecs.put_attributes(cluster="demo", attributes=[one("stack", "new")])
    pages = ecs.get_paginator("list_attributes").paginate(
        cluster="demo", targetType="container-instance", PaginationConfig={"PageSize": 2}
    )
    names = [[each["name"] for each in page["attributes"]] for page in pages]
    assert names == [["bare", "ecs.os-type"], ["stack"]]
    chosen = {"attributeName": "stack", "attributeValue": "new"}
    listed = ecs.list_attributes(cluster="demo", targetType="container-instance", **chosen)
    target = {"targetType": "container-instance", "targetId": local}
    assert listed["attributes"] == [{"name": "stack", "value": "new", **target}]
    assert refused(ecs.delete_attributes, attributes=[one("stack", "old")]) == (
        "TargetNotFoundException"
    )
    ecs.delete_attributes(cluster="demo", attributes=[one("stack", "new"), one("bare")])
    assert shown(ecs, local)["attributes"] == LINUX


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ({"name": "a b"}, "InvalidParameterException"),
        ({"name": "ecs.os-type", "value": "mine"}, "InvalidParameterException"),
        ({"name": "a", "value": " x"}, "InvalidParameterException"),
        ({"name": "a", "targetId": f"{BEGIN}no"}, "TargetNotFoundException"),
        ({"name": "a", "targetId": "no"}, "InvalidParameterException"),
    ],
)
def test_attributes_that_cannot_be_are_refused(
    ecs: Any, local: str, attribute: dict[str, str], code: str
) -> None:
    given = {"targetId": local, **attribute}
    assert refused(ecs.put_attributes, attributes=[given]) == code


def test_an_instance_has_ten_attributes_of_ones_own(ecs: Any, local: str) -> None:
    ten = [{"name": f"a{number}", "targetId": local} for number in range(10)]
    ecs.put_attributes(cluster="demo", attributes=ten)
    more = [{"name": "more", "targetId": local}]
    assert refused(ecs.put_attributes, attributes=more) == "AttributeLimitExceededException"
    assert refused(ecs.put_attributes, attributes=[]) == "InvalidParameterException"


def test_permissions_hold_for_their_instances_alone(
    registry: Registry, ecs: Any, local: str
) -> None:
    key = registry.user("ada", allow("ecs:DescribeContainerInstances", resource=f"{BEGIN}other"))
    hers: Any = registry.aws("ecs", key.id, key.secret)
    for call, given in (
        (hers.describe_container_instances, {"containerInstances": [local]}),
        (hers.list_container_instances, {}),
        (hers.put_attributes, {"attributes": [{"name": "a", "targetId": local}]}),
    ):
        assert refused(call, **given) == "AccessDeniedException"
    assert shown(ecs, local)["attributes"] == LINUX
