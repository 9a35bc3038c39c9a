"""What this machine offers, as an agent registers it.

Sources: API reference, RegisterContainerInstance; amazon-ecs-agent, `agent/app/
agent_capability.go` (the attributes) and `agent/api/ecsclient` (the resources).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.ecs.agent.limits import MIB
from registry.ecs.protocol import Instance

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import AttributeTypeDef, ResourceTypeDef

AGENT_VERSION = "1.105.0"
"""Of amazon-ecs-agent, whose capabilities these are."""
RESERVED_PORTS = ("22", "2375", "2376", "51678", "51679")
_COM = "com.amazonaws.ecs.capability."
_PLAIN = "ecs.capability."
_CAPABILITIES = (
    f"{_COM}privileged-container",
    f"{_COM}ecr-auth",
    f"{_COM}task-iam-role",
    f"{_COM}task-iam-role-network-host",
    *(f"{_COM}docker-remote-api.1.{minor}" for minor in (*range(17, 26), 28, 29, 30, 32)),
    f"{_PLAIN}execution-role-ecr-pull",
    f"{_PLAIN}execution-role-awslogs",
    f"{_PLAIN}container-health-check",
    f"{_PLAIN}private-registry-authentication.secretsmanager",
    f"{_PLAIN}secrets.ssm.environment-variables",
    f"{_PLAIN}secrets.ssm.bootstrap.log-driver",
    f"{_PLAIN}secrets.asm.environment-variables",
    f"{_PLAIN}secrets.asm.bootstrap.log-driver",
    f"{_PLAIN}pid-ipc-namespace-sharing",
    f"{_PLAIN}ecr-endpoint",
    f"{_PLAIN}task-eni",
    f"{_PLAIN}task-cpu-mem-limit",
    f"{_PLAIN}container-ordering",
    f"{_PLAIN}full-sync",
    f"{_PLAIN}env-files.s3",
    f"{_PLAIN}efs",
    f"{_PLAIN}execute-command",
    f"{_PLAIN}docker-volume-driver.local",
    f"{_PLAIN}network.container-port-range",
    f"{_PLAIN}container-restart-policy",
)
_DRIVERS = ("awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog")
_ARCHITECTURES = {"aarch64": "arm64", "amd64": "x86_64"}


def describe(information: Mapping[str, Any], version: Mapping[str, Any], cluster: str) -> Instance:
    """The instance of an engine, from its `GET /info` and `GET /version`."""
    return Instance(
        cluster=cluster,
        resources=_resources(information),
        attributes=_attributes(information),
        agent_version=AGENT_VERSION,
        docker_version=f"DockerVersion: {version['Version']}",
    )


def _resources(information: Mapping[str, Any]) -> list[ResourceTypeDef]:
    whole: list[ResourceTypeDef] = [
        {"name": name, "type": "INTEGER", "integerValue": value, "longValue": 0, "doubleValue": 0.0}
        for name, value in (
            ("CPU", int(information["NCPU"]) * 1024),
            ("MEMORY", int(information["MemTotal"]) // MIB),
        )
    ]
    taken: list[ResourceTypeDef] = [
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": list(RESERVED_PORTS)},
        {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
    ]
    return [*whole, *taken]


def _attributes(information: Mapping[str, Any]) -> list[AttributeTypeDef]:
    machine = str(information["Architecture"])
    found: list[AttributeTypeDef] = [
        {"name": "ecs.os-type", "value": str(information.get("OSType") or "linux")},
        {"name": "ecs.os-family", "value": "LINUX"},
        {"name": "ecs.cpu-architecture", "value": _ARCHITECTURES.get(machine, machine)},
    ]
    offered = (information.get("Plugins") or {}).get("Log") or ()
    drivers = [one for one in _DRIVERS if one in (*offered, "awslogs")]
    names = [*_CAPABILITIES, *(f"{_COM}logging-driver.{one}" for one in (*drivers, "none"))]
    security = " ".join(information.get("SecurityOptions") or ())
    names += [f"{_COM}{one}" for one in ("apparmor", "selinux") if f"name={one}" in security]
    found += [{"name": name} for name in names]
    return found
