"""Task definitions, as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecs.test_clusters import error

BOX: Any = {"name": "box", "image": "localhost:5000/box:v1", "memory": 64}


def arn(family: str, revision: int) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:{revision}"


def register(ecs: Any, family: str, **more: Any) -> str:
    made = ecs.register_task_definition(family=family, containerDefinitions=[BOX], **more)
    return str(made["taskDefinition"]["taskDefinitionArn"])


def test_revisions_count_up_and_are_never_given_twice(ecs: Any) -> None:
    assert [register(ecs, "web") for _ in range(3)] == [arn("web", each) for each in (1, 2, 3)]
    ecs.deregister_task_definition(taskDefinition="web:3")
    found = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]
    assert found["revision"] == 2
    gone = ecs.describe_task_definition(taskDefinition="web:3")["taskDefinition"]
    assert gone["status"] == "INACTIVE"
    assert gone["deregisteredAt"] >= gone["registeredAt"]
    deleted = ecs.delete_task_definitions(taskDefinitions=["web:3", "web:2", "web:9"])
    assert [each["status"] for each in deleted["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    assert [each["arn"] for each in deleted["failures"]] == ["web:2", "web:9"]
    assert register(ecs, "web") == arn("web", 4)


def test_what_was_registered_is_described(ecs: Any) -> None:
    made = ecs.register_task_definition(
        family="web",
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{**BOX, "portMappings": [{"containerPort": 80}]}],
        tags=[{"key": "team", "value": "sea"}],
    )
    assert made["tags"] == [{"key": "team", "value": "sea"}]
    found = ecs.describe_task_definition(taskDefinition=arn("web", 1), include=["TAGS"])
    assert found["taskDefinition"] == made["taskDefinition"]
    assert found["tags"] == made["tags"]
    shown = found["taskDefinition"]
    assert shown["compatibilities"] == ["EC2", "FARGATE"]
    assert shown["volumes"] == shown["placementConstraints"] == []
    (container,) = shown["containerDefinitions"]
    assert container["essential"] is True
    assert container["environment"] == container["mountPoints"] == []
    assert shown["registeredBy"].endswith("user/admin")


def test_lists_are_sorted_filtered_and_paged(ecs: Any) -> None:
    for family in ("b", "a", "b", "ab"):
        register(ecs, family)
    ecs.deregister_task_definition(taskDefinition="a:1")
    pages = ecs.get_paginator("list_task_definitions").paginate(PaginationConfig={"PageSize": 1})
    assert [page["taskDefinitionArns"] for page in pages] == [
        [arn("ab", 1)],
        [arn("b", 1)],
        [arn("b", 2)],
    ]
    down = ecs.list_task_definitions(familyPrefix="b", sort="DESC")["taskDefinitionArns"]
    assert down == [arn("b", 2), arn("b", 1)]
    assert ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"] == [arn("a", 1)]
    listed = ecs.get_paginator("list_task_definition_families").paginate(
        PaginationConfig={"PageSize": 2}
    )
    assert [page["families"] for page in listed] == [["a", "ab"], ["b"]]
    assert ecs.list_task_definition_families(status="ACTIVE")["families"] == ["ab", "b"]
    assert ecs.list_task_definition_families(status="INACTIVE")["families"] == ["a"]
    assert ecs.list_task_definition_families(familyPrefix="a")["families"] == ["a", "ab"]


def test_what_is_not_there_is_said(ecs: Any) -> None:
    with pytest.raises(ClientError) as caught:
        ecs.describe_task_definition(taskDefinition="no")
    assert error(caught) == ("ClientException", "Unable to describe task definition.")
    with pytest.raises(ClientError) as caught:
        ecs.deregister_task_definition(taskDefinition="no:1")
    assert error(caught)[0] == "ClientException"
    for given in ("no", "no:x", "no:0"):
        with pytest.raises(ClientError) as caught:
            ecs.deregister_task_definition(taskDefinition=given)
        assert error(caught)[0] == "InvalidParameterException"


def test_who_registers_must_be_allowed_to_pass_its_roles(registry: Registry) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/work"
    key = registry.user("ada", allow("ecs:RegisterTaskDefinition"))
    hers: Any = registry.aws("ecs", key.id, key.secret)
    register(hers, "web")
    with pytest.raises(ClientError) as caught:
        register(hers, "web", taskRoleArn=role)
    code, message = error(caught)
    assert code == "AccessDeniedException"
    assert "iam:PassRole" in message
    key = registry.user(
        "eve",
        allow("ecs:RegisterTaskDefinition"),
        allow("iam:PassRole", resource=role),
    )
    register(registry.aws("ecs", key.id, key.secret), "web", taskRoleArn=role)
