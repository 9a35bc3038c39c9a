"""Clusters, as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.application import ACCOUNT, REGION, Registry, allow

if TYPE_CHECKING:
    from types_boto3_ecs.client import ECSClient


def arn(name: str) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{name}"


def error(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    found = caught.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_cluster_is_made_described_changed_and_deleted(ecs: ECSClient) -> None:
    made = ecs.create_cluster(
        clusterName="demo",
        tags=[{"key": "team", "value": "sea"}],
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1, "base": 1}],
    )["cluster"]
    assert made["clusterArn"] == arn("demo")
    assert made["status"] == "ACTIVE"
    assert made["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert made["tags"] == [{"key": "team", "value": "sea"}]
    changed = ecs.update_cluster_settings(
        cluster="demo", settings=[{"name": "containerInsights", "value": "enabled"}]
    )["cluster"]
    assert changed["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    ecs.put_cluster_capacity_providers(
        cluster=arn("demo"), capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
    )
    (found,) = ecs.describe_clusters(clusters=["demo"])["clusters"]
    assert found["capacityProviders"] == ["FARGATE"]
    assert found["tags"] == found["settings"] == []
    assert ecs.delete_cluster(cluster="demo")["cluster"]["status"] == "INACTIVE"
    (left,) = ecs.describe_clusters(clusters=["demo"])["clusters"]
    assert left["status"] == "INACTIVE"
    assert ecs.list_clusters()["clusterArns"] == []
    with pytest.raises(ClientError) as caught:
        ecs.delete_cluster(cluster="demo")
    assert error(caught) == (
        "ClusterNotFoundException",
        "The referenced cluster was inactive.",
    )
    assert ecs.create_cluster(clusterName="demo")["cluster"]["status"] == "ACTIVE"


def test_the_same_cluster_twice_is_one(ecs: ECSClient) -> None:
    first = ecs.create_cluster(tags=[{"key": "a", "value": "1"}])["cluster"]
    second = ecs.create_cluster()["cluster"]
    assert first["clusterArn"] == second["clusterArn"] == arn("default")
    assert second["tags"] == [{"key": "a", "value": "1"}]


def test_what_is_missing_is_a_failure_or_an_error(ecs: ECSClient) -> None:
    found = ecs.describe_clusters(clusters=["no", arn("nor")])
    assert found["clusters"] == []
    assert [each["arn"] for each in found["failures"]] == [arn("no"), arn("nor")]
    assert {each["reason"] for each in found["failures"]} == {"MISSING"}
    with pytest.raises(ClientError) as caught:
        ecs.update_cluster(cluster="no")
    assert error(caught) == ("ClusterNotFoundException", "Cluster not found.")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"clusterName": "a/b"}, "letters, numbers, underscores, and hyphens"),
        ({"clusterName": "a" * 256}, "at most 255"),
        ({"capacityProviders": ["MINE"]}, "does not exist"),
        (
            {"defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
            "not associated with the cluster",
        ),
        ({"settings": [{"name": "containerInsights", "value": "maybe"}]}, "maybe"),
        ({"tags": [{"key": "aws:x", "value": "1"}]}, "can't start with aws:"),
        ({"tags": [{"key": "a"}, {"key": "a"}]}, "Duplicate tag keys found: a"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nothing(
    ecs: ECSClient, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError) as caught:
        ecs.create_cluster(**asked)
    code, message = error(caught)
    assert code == "InvalidParameterException"
    assert words in message
    assert ecs.list_clusters()["clusterArns"] == []


def test_clusters_are_listed_page_by_page(ecs: ECSClient) -> None:
    names = [f"c{number}" for number in range(5)]
    for name in reversed(names):
        ecs.create_cluster(clusterName=name)
    pages = list(ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2}))
    assert [page["clusterArns"] for page in pages] == [
        [arn("c0"), arn("c1")],
        [arn("c2"), arn("c3")],
        [arn("c4")],
    ]
    with pytest.raises(ClientError) as caught:
        ecs.list_clusters(nextToken="made up")
    assert error(caught)[0] == "InvalidParameterException"


def test_another_account_has_clusters_of_its_own(registry: Registry, ecs: ECSClient) -> None:
    ecs.create_cluster(clusterName="demo")
    key = registry.user("eve", allow("ecs:*"), account="210987654321")
    other: Any = registry.aws("ecs", key.id, key.secret)
    assert other.list_clusters()["clusterArns"] == []
    with pytest.raises(ClientError) as caught:
        other.delete_cluster(cluster=arn("demo"))
    assert error(caught)[1] == f"Identifier is for {ACCOUNT}. Your accountId is 210987654321"


def test_policies_decide_by_the_clusters_arn(registry: Registry, ecs: ECSClient) -> None:
    ecs.create_cluster(clusterName="demo")
    key = registry.user("ada", allow("ecs:DescribeClusters", resource=arn("demo")))
    hers: Any = registry.aws("ecs", key.id, key.secret)
    assert hers.describe_clusters(clusters=["demo"])["clusters"]
    refused: dict[str, dict[str, Any]] = {
        "describe_clusters": {"clusters": ["demo", "other"]},
        "delete_cluster": {"cluster": "demo"},
        "create_cluster": {"clusterName": "demo"},
        "list_clusters": {},
    }
    for operation, asked in refused.items():
        with pytest.raises(ClientError) as caught:
            getattr(hers, operation)(**asked)
        assert error(caught)[0] == "AccessDeniedException"
