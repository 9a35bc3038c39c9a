"""A service kept at what it is meant to be, on a real engine: crashes, rolling updates, the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecs.whole.conftest import SUBNET, World

pytestmark = pytest.mark.slow
SLEEP = ("/bin/busybox", "sleep", "600")
SOON: Any = {"Delay": 1, "MaxAttempts": 60}


def service(world: World) -> dict[str, Any]:
    (found,) = world.client("ecs").describe_services(cluster="demo", services=["web"])["services"]
    return dict(found)


def test_a_service_heals_rolls_and_ends(world: World) -> None:
    ecs = world.client("ecs")
    world.register("served", *SLEEP)
    ecs.create_service(
        cluster="demo",
        serviceName="web",
        taskDefinition="served",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=SUBNET,
    )
    stable = ecs.get_waiter("services_stable")
    stable.wait(cluster="demo", services=["web"], WaiterConfig=SOON)
    first = set(ecs.list_tasks(cluster="demo", serviceName="web")["taskArns"])
    assert len(first) == 2

    victim = sorted(first)[0]
    world.engine.kill(world.running()[victim])
    world.reaches(victim, "STOPPED")
    stable.wait(cluster="demo", services=["web"], WaiterConfig=SOON)
    healed = set(ecs.list_tasks(cluster="demo", serviceName="web")["taskArns"])
    assert len(healed) == 2
    assert victim not in healed

    second = world.register(
        "served", *SLEEP, container={"environment": [{"name": "N", "value": "2"}]}
    )
    ecs.update_service(cluster="demo", service="web", taskDefinition="served")
    stable.wait(cluster="demo", services=["web"], WaiterConfig=SOON)
    rolled = ecs.list_tasks(cluster="demo", serviceName="web")["taskArns"]
    assert {world.task(arn)["taskDefinitionArn"] for arn in rolled} == {second}
    assert set(rolled).isdisjoint(healed)
    assert "has reached a steady state" in service(world)["events"][0]["message"]

    ecs.delete_service(cluster="demo", service="web", force=True)
    ecs.get_waiter("services_inactive").wait(cluster="demo", services=["web"], WaiterConfig=SOON)
    for arn in rolled:
        world.reaches(arn, "STOPPED")


def test_a_definition_that_cannot_start_is_rolled_back(world: World) -> None:
    ecs = world.client("ecs")
    good = world.register("guarded", *SLEEP)
    breaker: Any = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    ecs.create_service(
        cluster="demo",
        serviceName="web",
        taskDefinition="guarded",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=SUBNET,
        deploymentConfiguration=breaker,
    )
    stable = ecs.get_waiter("services_stable")
    stable.wait(cluster="demo", services=["web"], WaiterConfig=SOON)
    world.register("guarded", *SLEEP, container={"image": f"{world.server.address}/team/box:none"})
    ecs.update_service(cluster="demo", service="web", taskDefinition="guarded")
    found = world.until(
        lambda: service(world),
        lambda each: each["taskDefinition"] == good and len(each["deployments"]) == 1,
    )
    assert any("deployment failed" in each["message"] for each in found["events"])
    assert found["runningCount"] == 1
    ecs.delete_service(cluster="demo", service="web", force=True)
    ecs.get_waiter("services_inactive").wait(cluster="demo", services=["web"], WaiterConfig=SOON)
