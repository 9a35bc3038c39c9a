"""What a caller registers, made the document that is kept.

Source: ECS API reference, RegisterTaskDefinition, ContainerDefinition; Developer Guide, "Amazon
ECS task definition parameters".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.ecs.errors import client_error

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_ALWAYS: Mapping[str, Any] = {
    "cpu": 0,
    "portMappings": [],
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
}
"""Members that a container definition is always shown with."""


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a task definition, from the input of RegisterTaskDefinition by the
    model's names, without its tags.

    Raises ServiceError (ClientException, InvalidParameterException).
    """
    if not given["family"]:
        raise client_error("Family can not be blank.")
    if not _FAMILY.fullmatch(given["family"]):
        raise client_error("Family contains invalid characters.")
    if not given["containerDefinitions"]:
        raise client_error("Container list cannot be empty.")
    document = {name: value for name, value in given.items() if name != "tags"}
    document["containerDefinitions"] = [
        {**_ALWAYS, **container} for container in given["containerDefinitions"]
    ]
    document.setdefault("volumes", [])
    document.setdefault("placementConstraints", [])
    document["compatibilities"] = _compatibilities(document)
    return document


def _compatibilities(document: Mapping[str, Any]) -> list[str]:
    fargate = document.get("networkMode") == "awsvpc" and "cpu" in document
    return ["EC2", *(["FARGATE"] if fargate and "memory" in document else [])]
