"""What is known of the tasks here: whose credentials have which id, which token means whom."""

from __future__ import annotations

import hashlib
import hmac
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from registry.ecs.protocol import RoleCredentials, TaskPayload


class Place(NamedTuple):
    """A container of a task."""

    payload: TaskPayload
    container: str


class Knowledge:
    """Tasks by their arn, credentials by their id, containers by their token."""

    def __init__(self, key: bytes) -> None:
        """`key` is secret: who has it can tell every container's token."""
        self._key = key
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskPayload] = {}
        self._places: dict[str, Place] = {}

    def keep(self, payload: TaskPayload) -> None:
        """A task that is here, or newer credentials of it."""
        places = {
            self.token(payload.arn, name): Place(payload, name) for name in payload.container_arns
        }
        with self._lock:
            self._tasks[payload.arn] = payload
            self._places.update(places)

    def drop(self, task_arn: str) -> None:
        """A task that has stopped."""
        with self._lock:
            payload = self._tasks.pop(task_arn, None)
            for name in () if payload is None else payload.container_arns:
                self._places.pop(self.token(task_arn, name), None)

    def token(self, task_arn: str, container: str) -> str:
        """What a container finds its metadata by; the same after every restart."""
        text = f"{task_arn} {container}".encode()
        return hmac.digest(self._key, text, hashlib.sha256).hex()

    def credentials(self, number: str) -> RoleCredentials | None:
        """The credentials of an id. As long for each id, whichever it is."""
        found = None
        with self._lock:
            tasks = list(self._tasks.values())
        for payload in tasks:
            for each in (payload.task_credentials, payload.execution_credentials):
                if each is not None and hmac.compare_digest(each.id.encode(), number.encode()):
                    found = each
        return found

    def place(self, token: str) -> Place | None:
        """The container of a token."""
        with self._lock:
            return self._places.get(token)
