"""From the rows of tasks to their agent: payloads, refreshed credentials, what can be forgotten.

All of it can be done again at any time: the agent takes a task that it has already as no news.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs.control import definitions, task_rows
from registry.ecs.control import tags as labels
from registry.ecs.control.launching import effective
from registry.ecs.control.roles import RoleRefused, RolesUnreachable
from registry.ecs.protocol import RoleCredentials, TaskPayload
from registry.ecs.statuses import DesiredStatus, StopCode, TaskStatus
from registry.ecs.store.tables import credentials, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.database.database import Database
    from registry.ecs.control.roles import Roles, Session
    from registry.ecs.control.task_rows import Task
    from registry.ecs.protocol import Agent

TASK, EXECUTION = "task", "execution"
KEPT = timedelta(hours=1)
"""How long a stopped task can be described (ECS API reference, DescribeTasks: at least an hour)."""
_RENEWED_BEFORE = timedelta(minutes=15)

_log = logging.getLogger("moorage.ecs")


@dataclass(frozen=True, slots=True)
class _Sent:
    """What an agent was told of a task last."""

    desired: DesiredStatus


class Dispatcher:
    """Tells one agent of its tasks. Not for several threads at once."""

    def __init__(self, database: Database, agent: Agent, roles: Roles) -> None:
        self._database = database
        self._agent = agent
        self._roles = roles
        self._sent: dict[str, _Sent] = {}

    def step(self) -> None:
        """Whatever is to be told now."""
        with self._database.read() as connection:
            living = task_rows.living(connection)
        known = {task.id for task in living}
        self._forget([each for each in self._sent if each not in known])
        for task in living:
            if self._sent.get(task.id) != _Sent(task.desired_status):
                self._tell(task)
        self._refresh()

    def purge(self, now: datetime | None = None) -> int:
        """Drop the rows of tasks that stopped long ago; how many went."""
        before = (now or datetime.now(UTC)) - KEPT
        old = sa.and_(tasks.c.last_status == TaskStatus.STOPPED.value, tasks.c.stopped_at < before)
        with self._database.write() as connection:
            for task_id in connection.execute(sa.select(tasks.c.id).where(old)).scalars().all():
                task = task_rows.by_id(connection, task_id)
                if task is not None:
                    labels.remove(connection, task.arn)
            return connection.execute(sa.delete(tasks).where(old)).rowcount

    def _tell(self, task: Task) -> None:
        try:
            payload = self._payload(task)
        except RoleRefused as error:
            self._refused(task, str(error))
            return
        except RolesUnreachable as error:
            _log.warning("task %s waits for its role: %s", task.id, error)
            return
        self._agent.accept([payload])
        self._sent[task.id] = _Sent(task.desired_status)

    def _payload(self, task: Task) -> TaskPayload:
        with self._database.read() as connection:
            definition = definitions.find(connection, task.cluster.scope, task.definition_arn)
            marked = labels.of(connection, task.arn)
        assert definition is not None  # noqa: S101 - kept as long as a task runs with it
        document = effective(definition.described(), task.document["overrides"])
        wanted = task.desired_status is DesiredStatus.RUNNING
        return TaskPayload(
            arn=task.arn,
            cluster_arn=task.cluster.arn,
            definition=document,
            desired_status=task.desired_status,
            launch_type=task.launch_type,
            container_arns={
                each["name"]: each["containerArn"] for each in task.document["containers"]
            },
            service_name=_service_name(task),
            tags=marked,
            task_credentials=self._issue(task, TASK, document.get("taskRoleArn"), wanted),
            execution_credentials=self._issue(
                task, EXECUTION, document.get("executionRoleArn"), wanted
            ),
            execute_command=bool(task.document["enableExecuteCommand"]),
            assign_public_ip=_public(task.document),
        )

    def _issue(
        self, task: Task, kind: str, role_arn: str | None, wanted: bool
    ) -> RoleCredentials | None:
        if role_arn is None or not wanted:
            return None
        session = self._roles.assume(role_arn, task.id)
        return _named(self._record(task, kind, role_arn, session), role_arn, session)

    def _record(self, task: Task, kind: str, role_arn: str, session: Session) -> str:
        """Keep when the credentials are to be renewed; their id, the same for all of a kind."""
        mine = sa.and_(credentials.c.task_id == task.id, credentials.c.kind == kind)
        renew_at = session.expiration - _RENEWED_BEFORE
        with self._database.write() as connection:
            found = connection.execute(sa.select(credentials.c.id).where(mine)).scalar()
            if found is not None:
                connection.execute(sa.update(credentials).where(mine).values(renew_at=renew_at))
                return str(found)
            values: Mapping[str, Any] = {
                "id": secrets.token_hex(32),
                "task_id": task.id,
                "kind": kind,
                "role_arn": role_arn,
                "renew_at": renew_at,
            }
            connection.execute(sa.insert(credentials).values(values))
            return str(values["id"])

    def _refresh(self) -> None:
        with self._database.read() as connection:
            due = sa.select(credentials).where(credentials.c.renew_at < datetime.now(UTC))
            rows = connection.execute(due).all()
            found = [(row, task_rows.by_id(connection, row.task_id)) for row in rows]
        for row, task in found:
            if task is None or task.last_status is TaskStatus.STOPPED:
                with self._database.write() as connection:
                    mine = credentials.c.id == row.id
                    connection.execute(sa.delete(credentials).where(mine))
                continue
            try:
                session = self._roles.assume(row.role_arn, row.task_id)
            except (RoleRefused, RolesUnreachable) as error:
                _log.warning("credentials of task %s are not renewed: %s", row.task_id, error)
                continue
            self._record(task, row.kind, row.role_arn, session)
            self._agent.refresh(task.arn, _named(row.id, row.role_arn, session))

    def _refused(self, task: Task, reason: str) -> None:
        """End a task whose role it can't have."""
        with self._database.write() as connection:
            found = task_rows.by_id(connection, task.id)
            if found is None:
                return
            stopped = task_rows.stop(connection, found, StopCode.TASK_FAILED_TO_START, reason)
            if task.id in self._sent:
                return
            document = {
                **stopped.document,
                "containers": [
                    {**each, "lastStatus": "STOPPED"} for each in stopped.document["containers"]
                ],
                "executionStoppedAt": datetime.now(UTC).timestamp(),
            }
            task_rows.save(
                connection,
                stopped,
                document,
                desired=DesiredStatus.STOPPED,
                status=TaskStatus.STOPPED,
            )

    def _forget(self, ids: list[str]) -> None:
        if not ids:
            return
        with self._database.read() as connection:
            found = [task_rows.by_id(connection, each) for each in ids]
        self._agent.forget([task.arn for task in found if task is not None])
        for each in ids:
            del self._sent[each]


def _named(number: str, role_arn: str, session: Session) -> RoleCredentials:
    return RoleCredentials(
        number,
        role_arn,
        session.access_key_id,
        session.secret_access_key,
        session.session_token,
        session.expiration,
    )


def _service_name(task: Task) -> str | None:
    kind, _, name = task.group.partition(":")
    return name if kind == "service" else None


def _public(document: Mapping[str, Any]) -> bool:
    return bool(document.get("network", {}).get("assignPublicIp") == "ENABLED")
