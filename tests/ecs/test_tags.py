"""Tags of resources, as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.ecs.control import instances
from registry.ecs.protocol import Instance
from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecs.test_clusters import error

BEGIN = f"arn:aws:ecs:{REGION}:{ACCOUNT}:"
SEA = [{"key": "team", "value": "sea"}]
BOX: Any = {"name": "box", "image": "localhost:5000/box:v1", "memory": 64}
SUBNET: Any = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def resources(registry: Registry, ecs: Any) -> list[str]:
    """ARNs of one thing of each kind that can have tags here."""
    cluster = ecs.create_cluster(clusterName="demo")["cluster"]["clusterArn"]
    with registry.ground.ecs.write() as connection:
        instances.keep_local(connection, Instance("demo", [], [], "1", "2"))
    made = ecs.register_task_definition(
        family="web", networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[BOX]
    )
    ran = ecs.run_task(
        cluster="demo", taskDefinition="web", launchType="FARGATE", networkConfiguration=SUBNET
    )
    with registry.ground.ecs.read() as connection:
        row = connection.exec_driver_sql("select id from container_instances").one()
    return [
        cluster,
        made["taskDefinition"]["taskDefinitionArn"],
        ran["tasks"][0]["taskArn"],
        f"{BEGIN}container-instance/demo/{row.id}",
    ]


def test_tags_are_put_changed_listed_and_taken_off(registry: Registry, ecs: Any) -> None:
    for arn in resources(registry, ecs):
        ecs.tag_resource(resourceArn=arn, tags=[*SEA, {"key": "a", "value": "1"}])
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "2"}])
        listed = ecs.list_tags_for_resource(resourceArn=arn)["tags"]
        assert listed == [{"key": "a", "value": "2"}, *SEA]
        ecs.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
        assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == SEA
    shown = ecs.describe_clusters(clusters=["demo"], include=["TAGS"])["clusters"][0]
    assert shown["tags"] == SEA


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("cluster/no", "ClusterNotFoundException"),
        ("task/no/0", "ClusterNotFoundException"),
        ("task/demo/0", "ResourceNotFoundException"),
        ("service/demo/no", "ResourceNotFoundException"),
        ("container-instance/demo/0", "ResourceNotFoundException"),
        ("capacity-provider/no", "ResourceNotFoundException"),
        ("task-definition/no:1", "ClientException"),
        ("task/0", "InvalidParameterException"),
        ("thing/demo/0", "InvalidParameterException"),
    ],
)
def test_what_is_not_there_is_said(ecs: Any, rest: str, code: str) -> None:
    ecs.create_cluster(clusterName="demo")
    calls: list[tuple[str, dict[str, Any]]] = [
        ("tag_resource", {"tags": SEA}),
        ("untag_resource", {"tagKeys": ["a"]}),
        ("list_tags_for_resource", {}),
    ]
    for name, more in calls:
        with pytest.raises(ClientError) as caught:
            getattr(ecs, name)(resourceArn=BEGIN + rest, **more)
        assert error(caught)[0] == code


def test_other_identifiers_and_bad_tags_are_refused(ecs: Any) -> None:
    arn = ecs.create_cluster(clusterName="demo")["cluster"]["clusterArn"]
    with pytest.raises(ClientError) as caught:
        ecs.list_tags_for_resource(resourceArn=arn.replace(ACCOUNT, "999999999999"))
    assert error(caught)[0] == "AccessDeniedException"
    for given in ("demo", "arn:aws:s3:::demo"):
        with pytest.raises(ClientError) as caught:
            ecs.list_tags_for_resource(resourceArn=given)
        assert error(caught)[0] == "InvalidParameterException"
    with pytest.raises(ClientError) as caught:
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "aws:x", "value": "1"}])
    assert error(caught)[0] == "InvalidParameterException"
    with pytest.raises(ClientError) as caught:
        ecs.untag_resource(resourceArn=arn, tagKeys=["aws:x"])
    assert error(caught)[0] == "InvalidParameterException"
    ecs.delete_cluster(cluster="demo")
    with pytest.raises(ClientError) as caught:
        ecs.tag_resource(resourceArn=arn, tags=SEA)
    assert "inactive" in error(caught)[1]


def test_a_permission_holds_for_its_resource_alone(registry: Registry, ecs: Any) -> None:
    ecs.create_cluster(clusterName="demo")
    ecs.create_cluster(clusterName="other")
    key = registry.user("ada", allow("ecs:TagResource", resource=f"{BEGIN}cluster/demo"))
    hers: Any = registry.aws("ecs", key.id, key.secret)
    hers.tag_resource(resourceArn=f"{BEGIN}cluster/demo", tags=SEA)
    with pytest.raises(ClientError) as caught:
        hers.tag_resource(resourceArn=f"{BEGIN}cluster/other", tags=SEA)
    assert error(caught)[0] == "AccessDeniedException"
