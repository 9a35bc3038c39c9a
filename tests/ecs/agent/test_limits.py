"""Limits of containers and of whole tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.ecs.agent.cgroups import Cgroups
from registry.ecs.agent.collaborators import Unavailable
from registry.ecs.agent.limits import (
    MIB,
    check_gpus,
    kernel,
    resources,
    task_cpu,
    task_memory,
)
from registry.ecs.protocol import TaskPayload
from registry.ecs.statuses import DesiredStatus


@pytest.mark.parametrize(
    ("text", "units"),
    [("256", 256), (".5 vCPU", 512), ("1 vcpu", 1024), ("2VCPU", 2048), (None, 0)],
)
def test_a_tasks_cpu(text: str | None, units: int) -> None:
    assert task_cpu({"cpu": text}) == units


@pytest.mark.parametrize(
    ("text", "mib"), [("512", 512), ("1GB", 1024), ("0.5 gb", 512), ("30 GB", 30720), (None, 0)]
)
def test_a_tasks_memory(text: str | None, mib: int) -> None:
    assert task_memory({"memory": text}) == mib


@pytest.mark.parametrize(("cpu", "shares"), [(0, 2), (None, 2), (100, 100), (10**6, 262144)])
def test_cpu_shares_stay_within_what_linux_takes(cpu: int | None, shares: int) -> None:
    assert resources({}, {"cpu": cpu}, 2)["CpuShares"] == shares


def test_a_container_gets_no_more_than_its_task_and_its_machine_have() -> None:
    found = resources({"cpu": "8 vCPU", "memory": "100"}, {"memory": 4}, 2)
    assert found["NanoCpus"] == 2 * 10**9
    assert found["Memory"] == 6 * MIB, "the least that the engine takes"
    assert resources({"memory": "100"}, {}, 2)["Memory"] == 100 * MIB
    assert "Memory" not in resources({}, {"memoryReservation": 10}, 2)


def test_swap() -> None:
    linux = {"linuxParameters": {"maxSwap": 64, "swappiness": 10}}
    found = resources({}, {"memory": 32, **linux}, 1)
    assert (found["MemorySwap"], found["MemorySwappiness"]) == (96 * MIB, 10)
    assert "MemorySwap" not in resources({}, linux, 1), "only beside a limit of memory"


def test_gpus() -> None:
    wanted = {"resourceRequirements": [{"type": "GPU", "value": "2"}]}
    check_gpus(wanted, {"Runtimes": {"nvidia": {}}})
    with pytest.raises(Unavailable, match="GPU"):
        check_gpus(wanted, {"Runtimes": {"runc": {}}})
    check_gpus({}, {})
    request = kernel(wanted, fargate=False)["DeviceRequests"][0]
    assert (request["Count"], request["Capabilities"]) == (2, [["gpu"]])


def payload(**definition: Any) -> TaskPayload:
    arn = "arn:aws:ecs:us-east-1:1:task/demo/0123"
    return TaskPayload(arn, "arn:cluster", definition, DesiredStatus.RUNNING, "EC2", {})


def direct() -> dict[str, str]:
    return {"CgroupDriver": "cgroupfs"}


def test_control_groups_of_the_first_kind(tmp_path: Path) -> None:
    for controller in ("cpu", "memory", "pids"):
        (tmp_path / controller / "moorage" / "0123").mkdir(parents=True)
    groups = Cgroups(direct, tmp_path)
    assert groups.parent(payload(cpu="512", memory="64")) == "/moorage/0123"
    memory, cpu = tmp_path / "memory/moorage/0123", tmp_path / "cpu/moorage/0123"
    assert (memory / "memory.limit_in_bytes").read_text() == str(64 * MIB)
    assert (cpu / "cpu.cfs_period_us").read_text() == "100000"
    assert (cpu / "cpu.cfs_quota_us").read_text() == "50000"


def test_control_groups_of_the_second_kind(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    groups = Cgroups(direct, tmp_path)
    assert groups.parent(payload(cpu="256", memory="32")) == "/moorage/0123"
    group = tmp_path / "moorage/0123"
    assert (group / "memory.max").read_text() == str(32 * MIB)
    assert (group / "cpu.max").read_text() == "25000 100000"
    for parent in (tmp_path, tmp_path / "moorage"):
        assert (parent / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_control_groups_go_with_their_task(tmp_path: Path) -> None:
    folders = [tmp_path / "memory/moorage/0123", tmp_path / "pids/moorage/0123"]
    other = tmp_path / "memory/moorage/4567"
    for folder in (*folders, other):
        folder.mkdir(parents=True)
    Cgroups(direct, tmp_path).remove("arn:aws:ecs:us-east-1:1:task/demo/0123")
    assert not any(folder.exists() for folder in folders)
    assert other.exists()


def test_where_there_can_be_none(tmp_path: Path) -> None:
    limited = payload(cpu="256", memory="32")
    assert Cgroups(lambda: {"CgroupDriver": "systemd"}, tmp_path).parent(limited) is None
    assert Cgroups(direct, tmp_path / "nowhere").parent(limited) is None
    assert Cgroups(direct, tmp_path).parent(payload()) is None
    assert Cgroups(direct, tmp_path).parent(limited) is None, "no controllers are there"
    assert list(tmp_path.iterdir()) == []
