"""From a container definition to what the engine is asked to create.

Sources: API reference, ContainerDefinition, each of whose members names the one of Docker's API
that it maps to; amazon-ecs-agent, `agent/api/task/task.go` (`dockerConfig`, `dockerHostConfig`);
Docker Engine API, `POST /containers/create`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.ecs.agent import limits, ports
from registry.ecs.agent.collaborators import Entry, Resolved
from registry.ecs.agent.definition import PAUSE, has_health_check, network_mode
from registry.ecs.agent.names import Names
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.protocol import TaskPayload

NANOSECOND = 10**9
SHIPPED = "awslogs"
"""The log driver whose lines the agent's own collaborator carries away."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known when a container is created."""

    payload: TaskPayload
    definition: Mapping[str, Any]
    image: str
    names: Names
    settings: AgentSettings
    cores: int
    entry: Entry = Entry()
    resolved: Resolved = Resolved()
    binds: Sequence[str] = ()
    pause: str | None = None
    """The id of the container whose name spaces are shared."""
    cgroup_parent: str | None = None
    siblings: Mapping[str, str] = field(default_factory=dict)
    """The engine's names of the task's containers, by their own."""


def configuration(shape: Shape) -> dict[str, Any]:
    """The body of `POST /containers/create`."""
    definition = shape.definition
    labels = dict(definition.get("dockerLabels") or {})
    found: dict[str, Any] = {
        "Image": shape.image,
        "Env": [f"{name}={value}" for name, value in environment(shape).items()],
        "Labels": {**labels, **shape.names.labels(shape.payload, definition["name"])},
        "ExposedPorts": ports.exposed(definition) if _publishes(shape) else {},
        "OpenStdin": bool(definition.get("interactive")),
        "Tty": bool(definition.get("pseudoTerminal")),
        "HostConfig": _host(shape),
    }
    optional = {
        "Cmd": definition.get("command"),
        "Entrypoint": definition.get("entryPoint"),
        "WorkingDir": definition.get("workingDirectory"),
        "User": definition.get("user"),
        "Hostname": definition.get("hostname") if not _joined(shape) else None,
        "NetworkDisabled": definition.get("disableNetworking"),
        "Healthcheck": _health_check(definition),
    }
    found.update({name: value for name, value in optional.items() if value})
    return found


def environment(shape: Shape) -> dict[str, str]:
    """A container's variables. Files are overruled by the definition, and both by secrets."""
    own = {one["name"]: one.get("value", "") for one in shape.definition.get("environment") or ()}
    return {
        **shape.resolved.files,
        **own,
        **shape.resolved.secrets,
        **shape.entry.environment,
    }


def _mode(shape: Shape) -> str:
    return network_mode(shape.payload)


def _joined(shape: Shape) -> bool:
    """Whether its network is that of another container."""
    return _mode(shape) == "awsvpc"


def _publishes(shape: Shape) -> bool:
    return _mode(shape) == "bridge"


def _host(shape: Shape) -> dict[str, Any]:
    definition, payload = shape.definition, shape.payload
    fargate = payload.launch_type == "FARGATE"
    found: dict[str, Any] = {
        "Binds": list(shape.binds),
        "VolumesFrom": _volumes_from(shape),
        "LogConfig": _logs(shape),
        **limits.resources(payload.definition, definition, shape.cores),
        **limits.kernel(definition, fargate=fargate),
        **_network(shape),
        **_name_spaces(shape),
    }
    if controls := _own_sysctls(shape):
        found["Sysctls"] = controls
    if shape.cgroup_parent:
        found["CgroupParent"] = shape.cgroup_parent
    return found


def _network(shape: Shape) -> dict[str, Any]:
    definition, mode = shape.definition, _mode(shape)
    if mode == "awsvpc":
        return {"NetworkMode": f"container:{shape.pause}"}
    found: dict[str, Any] = {"NetworkMode": mode, **_resolver([definition], shape.entry)}
    if mode == "bridge":
        found["PortBindings"] = ports.bindings(definition)
        found["Links"] = [_link(link, shape.siblings) for link in definition.get("links") or ()]
    return found


def _resolver(definitions: Sequence[Mapping[str, Any]], entry: Entry) -> dict[str, Any]:
    hosts = list(entry.extra_hosts)
    servers: list[str] = []
    domains: list[str] = []
    for definition in definitions:
        servers += definition.get("dnsServers") or ()
        domains += definition.get("dnsSearchDomains") or ()
        hosts += [
            f"{one['hostname']}:{one['ipAddress']}" for one in definition.get("extraHosts") or ()
        ]
    return {
        "Dns": list(dict.fromkeys(servers)),
        "DnsSearch": list(dict.fromkeys(domains)),
        "ExtraHosts": list(dict.fromkeys(hosts)),
    }


def _link(link: str, siblings: Mapping[str, str]) -> str:
    name, _, alias = link.partition(":")
    return f"{siblings[name]}:{alias or name}"


def _volumes_from(shape: Shape) -> list[str]:
    return [
        f"{shape.siblings[one['sourceContainer']]}:{'ro' if one.get('readOnly') else 'rw'}"
        for one in shape.definition.get("volumesFrom") or ()
    ]


def _logs(shape: Shape) -> dict[str, Any]:
    asked = shape.definition.get("logConfiguration") or {}
    driver = asked.get("logDriver")
    if driver in (None, SHIPPED):
        size, files = shape.settings.log_file_size, shape.settings.log_files
        return {"Type": "json-file", "Config": {"max-size": size, "max-file": str(files)}}
    options = {**(asked.get("options") or {}), **shape.resolved.log_options}
    return {"Type": driver, "Config": options}


def _name_spaces(shape: Shape) -> dict[str, str]:
    found = {}
    for member, key in (("pidMode", "PidMode"), ("ipcMode", "IpcMode")):
        mode = shape.payload.definition.get(member)
        if mode == "task":
            found[key] = f"container:{shape.pause}"
        elif mode:
            found[key] = mode
    return found


def _own_sysctls(shape: Shape) -> dict[str, str]:
    found = limits.sysctls(shape.definition)
    if not _joined(shape):
        return found
    # Those of the network belong to the name space, which is the pause container's.
    return {name: value for name, value in found.items() if not name.startswith("net.")}


def _health_check(definition: Mapping[str, Any]) -> dict[str, Any] | None:
    check = definition.get("healthCheck") or {}
    if not check:
        return None
    if not has_health_check(definition):
        return {"Test": ["NONE"]}
    test = list(check["command"])
    if test[0] not in ("CMD", "CMD-SHELL"):
        test = ["CMD", *test]
    return {
        "Test": test,
        "Interval": (check.get("interval") or 30) * NANOSECOND,
        "Timeout": (check.get("timeout") or 5) * NANOSECOND,
        "Retries": check.get("retries") or 3,
        "StartPeriod": (check.get("startPeriod") or 0) * NANOSECOND,
    }


def pause_configuration(shape: Shape, network: str) -> dict[str, Any]:
    """The container that holds the name spaces of a task: what its containers ask of a network
    is set on it, as the real agent does."""
    payload = shape.payload
    definitions = list(payload.definition.get("containerDefinitions") or ())
    controls: dict[str, str] = {}
    for definition in definitions:
        controls |= limits.sysctls(definition)
    host: dict[str, Any] = {
        "NetworkMode": network,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
        "CpuShares": limits.LEAST_SHARES,
    }
    if network != "none":
        host.update(_resolver(definitions, shape.entry))
        host["Sysctls"] = {k: v for k, v in controls.items() if k.startswith("net.")}
    if payload.definition.get("ipcMode") == "task":
        host["IpcMode"] = "shareable"
    if shape.cgroup_parent:
        host["CgroupParent"] = shape.cgroup_parent
    found: dict[str, Any] = {
        "Image": shape.image,
        "Labels": shape.names.labels(payload, PAUSE),
        "HostConfig": host,
    }
    names = [one["hostname"] for one in definitions if one.get("hostname")]
    if names and network != "none":
        found["Hostname"] = names[0]
    return found
