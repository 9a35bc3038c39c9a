"""Task payloads as JSON, for the agent's own table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from registry.ecs.protocol import RoleCredentials, TaskPayload
from registry.ecs.statuses import DesiredStatus

_PLAIN = (
    "arn", "cluster_arn", "launch_type", "service_name", "execute_command", "assign_public_ip",
)  # fmt: skip


def payload_to_json(payload: TaskPayload) -> str:
    """With its credentials: the table's file is readable by its owner only."""
    document: dict[str, Any] = {name: getattr(payload, name) for name in _PLAIN}
    document["definition"] = dict(payload.definition)
    document["desired_status"] = str(payload.desired_status)
    document["container_arns"] = dict(payload.container_arns)
    document["tags"] = dict(payload.tags)
    document["task_credentials"] = _credentials(payload.task_credentials)
    document["execution_credentials"] = _credentials(payload.execution_credentials)
    return json.dumps(document, default=_plain)


def payload_from_json(text: str) -> TaskPayload:
    """The inverse of `payload_to_json`."""
    document = json.loads(text)
    return TaskPayload(
        **{name: document[name] for name in _PLAIN},
        definition=document["definition"],
        desired_status=DesiredStatus(document["desired_status"]),
        container_arns=document["container_arns"],
        tags=document["tags"],
        task_credentials=_credentials_from(document["task_credentials"]),
        execution_credentials=_credentials_from(document["execution_credentials"]),
    )


def _plain(value: object) -> object:
    # A definition has moments in it (`registeredAt`), which no container setting depends on.
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _credentials(credentials: RoleCredentials | None) -> Mapping[str, Any] | None:
    if credentials is None:
        return None
    return {**asdict(credentials), "expiration": credentials.expiration.isoformat()}


def _credentials_from(document: Mapping[str, Any] | None) -> RoleCredentials | None:
    if document is None:
        return None
    expiration = datetime.fromisoformat(document["expiration"])
    return RoleCredentials(**{**document, "expiration": expiration})
