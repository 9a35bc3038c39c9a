"""What a machine registers as."""

from __future__ import annotations

from typing import Any

import pytest

from registry.ecs.agent.instance import describe
from registry.ecs.agent.payloads import payload_from_json, payload_to_json
from tests.ecs.agent.test_journal import payload

INFORMATION: dict[str, Any] = {
    "NCPU": 4,
    "MemTotal": 8 * 1024**3,
    "Architecture": "x86_64",
    "OSType": "linux",
    "Plugins": {"Log": ["json-file", "syslog", "local"]},
    "SecurityOptions": ["name=seccomp,profile=default", "name=apparmor"],
}


def attributes(**members: Any) -> dict[str, str | None]:
    found = describe({**INFORMATION, **members}, {"Version": "28.1"}, "demo").attributes
    return {one["name"]: one.get("value") for one in found}


def test_resources() -> None:
    instance = describe(INFORMATION, {"Version": "28.1"}, "demo")
    found = {one["name"]: one for one in instance.resources}
    assert found["CPU"]["integerValue"] == 4096
    assert found["MEMORY"]["integerValue"] == 8192
    assert found["PORTS"]["stringSetValue"] == ["22", "2375", "2376", "51678", "51679"]
    assert found["PORTS_UDP"]["stringSetValue"] == []
    assert (instance.cluster, instance.docker_version) == ("demo", "DockerVersion: 28.1")


def test_attributes_follow_the_engine() -> None:
    found = attributes()
    assert found["ecs.os-type"] == "linux"
    assert found["ecs.cpu-architecture"] == "x86_64"
    drivers = [name.rpartition(".")[2] for name in found if ".logging-driver." in name]
    assert sorted(drivers) == ["awslogs", "json-file", "none", "syslog"]
    assert "com.amazonaws.ecs.capability.apparmor" in found
    assert "com.amazonaws.ecs.capability.selinux" not in found
    for name in ("task-eni", "container-ordering", "container-restart-policy"):
        assert f"ecs.capability.{name}" in found


@pytest.mark.parametrize(("machine", "told"), [("aarch64", "arm64"), ("amd64", "x86_64")])
def test_architectures_have_the_names_of_ecs(machine: str, told: str) -> None:
    assert attributes(Architecture=machine)["ecs.cpu-architecture"] == told


def test_a_payload_comes_back_from_json() -> None:
    once = payload_from_json(payload_to_json(payload()))
    assert once.task_credentials == payload().task_credentials
    assert payload_from_json(payload_to_json(once)) == once
