"""How much CPU and memory a task and its containers may ask for.

Source: RegisterTaskDefinition `cpu`, `memory`; Developer Guide, "Task size".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.ecs.errors import client_error

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = r"(\d{1,9}(?:\.\d{1,4})?)"
_CPU = re.compile(rf"\s*{_NUMBER}\s*(vcpus?)?\s*", re.ASCII | re.IGNORECASE)
_MEMORY = re.compile(rf"\s*{_NUMBER}\s*(gb)?\s*", re.ASCII | re.IGNORECASE)
_CPU_RANGE = (128, 196_608)
_CONTAINER_MEMORY_MIN = 4
_GIB = 1024
FARGATE_SIZES: Mapping[int, frozenset[int]] = {
    256: frozenset({512, 1024, 2048}),
    512: frozenset(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: frozenset(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: frozenset(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: frozenset(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: frozenset(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: frozenset(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""MiB of memory that a Fargate task may have, by its CPU units."""


def normalised(document: Mapping[str, Any]) -> dict[str, str]:
    """The task's `cpu` in units and `memory` in MiB, of those that are given.

    Raises ServiceError (ClientException).
    """
    found = {}
    for name, pattern in (("cpu", _CPU), ("memory", _MEMORY)):
        if document.get(name):
            found[name] = _units(name, pattern, document[name])
    return found


def _units(name: str, pattern: re.Pattern[str], given: str) -> str:
    match = pattern.fullmatch(given)
    value = 0.0
    if match is not None:
        value = float(match[1]) * (1024 if match[2] else 1)
    in_range = name == "memory" or _CPU_RANGE[0] <= value <= _CPU_RANGE[1]
    if value <= 0 or not value.is_integer() or not in_range:
        raise client_error(
            f"Invalid '{name}' setting for task. For more information, see the Troubleshooting"
            " section of the Amazon ECS Developer Guide."
        )
    return str(int(value))


def check_container(container: Mapping[str, Any], *, sized: bool) -> None:
    """One container's memory and CPU; `sized` where its task has a memory of its own.

    Raises ServiceError (ClientException).
    """
    name = container["name"]
    limit, reserved = container.get("memory"), container.get("memoryReservation")
    if limit is None and reserved is None and not sized:
        raise client_error(
            f"Invalid setting for container '{name}'. At least one of 'memory' or"
            " 'memoryReservation' must be specified."
        )
    for member, value in (("memory", limit), ("memoryReservation", reserved)):
        if value is not None and value < _CONTAINER_MEMORY_MIN:
            raise client_error(f"Invalid '{member}' setting for container '{name}'.")
    if limit is not None and reserved is not None and limit < reserved:
        raise client_error(
            f"Invalid setting for container '{name}'. 'memory' must be greater than or equal to"
            " 'memoryReservation'."
        )
    if container.get("cpu", 0) < 0:
        raise client_error(f"Invalid 'cpu' setting for container '{name}'.")


def check_sums(document: Mapping[str, Any]) -> None:
    """What the containers ask for together against what their task has.

    Raises ServiceError (ClientException).
    """
    containers = document["containerDefinitions"]
    if "memory" in document:
        whole = int(document["memory"])
        for container in containers:
            if (container.get("memory") or 0) > whole:
                raise client_error(
                    f"The 'memory' setting for container '{container['name']}' is greater than for"
                    " the task."
                )
        reserved = sum(
            each.get("memoryReservation") or each.get("memory") or 0 for each in containers
        )
        if reserved > whole:
            raise client_error(
                "The sum of all container 'memoryReservation' values cannot be greater than the"
                " value of the task 'memory'."
            )
    if "cpu" in document and sum(each.get("cpu", 0) for each in containers) > int(document["cpu"]):
        raise client_error(
            "The sum of all container 'cpu' values cannot be greater than the value of the task"
            " 'cpu'."
        )
