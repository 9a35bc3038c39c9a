"""Who waits for whom: dependsOn, links, volumesFrom.

Source: ECS API reference, ContainerDependency; Developer Guide, "Container dependency".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs.errors import client_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def check(containers: Sequence[Mapping[str, Any]]) -> None:
    """Raise ServiceError (ClientException) for a container that can never start."""
    known = {container["name"]: container for container in containers}
    for container in containers:
        for each in container.get("dependsOn", ()):
            _check_dependency(container, each, known)
        for each in container["volumesFrom"]:
            source = each.get("sourceContainer", "")
            if source not in known:
                raise client_error(f"Invalid 'volumesFrom' setting. Unknown container: '{source}'.")
        for link in container.get("links", ()):
            if link.partition(":")[0] not in known:
                raise client_error(f"Invalid 'links' setting. Unknown container: '{link}'.")
    waits = {name: _waits(container) for name, container in known.items()}
    if cycle := _cycle(waits):
        raise client_error(
            f"Cyclic dependencies between containers are not allowed: {' -> '.join(cycle)}."
        )


def _check_dependency(
    container: Mapping[str, Any], given: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> None:
    name, condition = given["containerName"], given["condition"]
    if name not in known:
        raise client_error(f"Cannot depend on container + '{name}' because it does not exist")
    if name == container["name"]:
        raise client_error(f"Container '{name}' cannot depend on itself.")
    if condition in {"SUCCESS", "COMPLETE"} and known[name]["essential"]:
        raise client_error(
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential"
            " container"
        )
    command = known[name].get("healthCheck", {}).get("command", ("NONE",))
    if condition == "HEALTHY" and command[0] == "NONE":
        raise client_error(
            "A dependency container with HEALTHY condition must have health check configured"
        )


def _waits(container: Mapping[str, Any]) -> list[str]:
    """The names of those that must have come before it."""
    found = [each["containerName"] for each in container.get("dependsOn", ())]
    found += [link.partition(":")[0] for link in container.get("links", ())]
    found += [each["sourceContainer"] for each in container["volumesFrom"]]
    return found


def _cycle(waits: Mapping[str, Sequence[str]]) -> list[str]:
    """Names that wait for one another in a ring; none is an empty list."""
    done: set[str] = set()
    for start in waits:
        path = [start]
        pending = [iter(waits[start])]
        while pending and start not in done:
            name = next(pending[-1], None)
            if name is None:
                pending.pop()
                done.add(path.pop())
            elif name in path:
                return [*path[path.index(name) :], name]
            elif name not in done:
                path.append(name)
                pending.append(iter(waits[name]))
    return []
