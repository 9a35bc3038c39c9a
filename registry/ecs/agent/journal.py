"""What an agent must not forget: its tasks, and how far each of their containers is.

A small SQLite file. Every change is durable when the method that makes it returns; what the
engine can tell itself (that a container runs) is not kept here. Memory holds the same, so that
reading costs nothing: one process has one journal, and nobody else writes its file.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry.database.database import Database
from registry.ecs.agent.facts import Record
from registry.ecs.agent.payloads import payload_from_json, payload_to_json
from registry.ecs.protocol import TaskPayload
from registry.ecs.statuses import StopCode

_metadata = sa.MetaData()
_agent = sa.Table(
    "agent",
    _metadata,
    sa.Column("id", sa.String, primary_key=True, comment="of this agent; containers carry it"),
)
_tasks = sa.Table(
    "tasks",
    _metadata,
    sa.Column("arn", sa.String, primary_key=True),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
_containers = sa.Table(
    "containers",
    _metadata,
    sa.Column("task_arn", sa.ForeignKey("tasks.arn", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TaskState:
    """How far a task is. Times in seconds since the epoch."""

    stop_code: StopCode | None = None
    """Why it stops, where the agent itself found a reason."""
    stop_reason: str | None = None
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    execution_stopped_at: float | None = None
    stopped_at: float | None = None
    interface: Mapping[str, str] | None = None
    """The fields of its protocol.Interface: it is told even after the network is gone."""
    cleaned: bool = False
    """Its containers, networks and volumes are gone."""
    forgotten: bool = False
    """The control plane knows that it has stopped."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One task in the journal."""

    payload: TaskPayload
    state: TaskState = TaskState()
    records: Mapping[str, Record] = field(default_factory=dict)

    def record(self, name: str) -> Record:
        """Of a container; an empty one where nothing has happened yet."""
        return self.records.get(name) or Record()


class JournalClosed(Exception):
    """Something was to be written down after the agent's end."""


class Journal:
    """The journal of one agent, in a file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._database = Database(path)
        self._lock = threading.RLock()
        self._closed = False
        with self._database.write() as connection:
            _metadata.create_all(connection)
            self.agent_id = _identity(connection)
        self._entries = self._load()

    def close(self) -> None:
        """Let go of the file. A step that is still being done writes nothing any more: the file
        may be another agent's by then."""
        with self._lock:
            self._closed = True
            self._database.close()

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        if self._closed:
            raise JournalClosed("the agent has been closed")
        with self._database.write() as connection:
            yield connection

    def arns(self) -> list[str]:
        """All tasks that are known."""
        with self._lock:
            return list(self._entries)

    def entry(self, arn: str) -> Entry | None:
        """One task, as it is now."""
        with self._lock:
            return self._entries.get(arn)

    def keep(self, payloads: list[TaskPayload]) -> None:
        """Write down these payloads, of new tasks and of known ones, all or none."""
        newest = {payload.arn: payload for payload in payloads}
        with self._lock:
            with self._write() as connection:
                for arn, payload in newest.items():
                    _keep(connection, payload, known=arn in self._entries)
            for arn, payload in newest.items():
                known = self._entries.get(arn) or Entry(payload)
                self._entries[arn] = replace(known, payload=payload)

    def note(self, arn: str, **changes: Any) -> Entry | None:
        """Change fields of a task's state; None if the task is gone."""
        with self._lock:
            entry = self._entries.get(arn)
            if entry is None:
                return None
            state = replace(entry.state, **changes)
            update = _tasks.update().where(_tasks.c.arn == arn)
            with self._write() as connection:
                connection.execute(update.values(state=json.dumps(asdict(state))))
            self._entries[arn] = replace(entry, state=state)
            return self._entries[arn]

    def record(self, arn: str, name: str, **changes: Any) -> Record | None:
        """Change fields of a container's record; None if the task is gone."""
        with self._lock:
            entry = self._entries.get(arn)
            if entry is None:
                return None
            record = replace(entry.record(name), **changes)
            row = {"task_arn": arn, "name": name, "record": json.dumps(asdict(record))}
            with self._write() as connection:
                connection.execute(_containers.insert().prefix_with("OR REPLACE").values(row))
            self._entries[arn] = replace(entry, records={**entry.records, name: record})
            return record

    def drop(self, arn: str) -> None:
        """Forget a task altogether."""
        with self._lock:
            with self._write() as connection:
                connection.execute(_tasks.delete().where(_tasks.c.arn == arn))
            self._entries.pop(arn, None)

    def _load(self) -> dict[str, Entry]:
        with self._database.read() as connection:
            tasks = connection.execute(sa.select(_tasks)).all()
            containers = connection.execute(sa.select(_containers)).all()
        records: dict[str, dict[str, Record]] = {}
        for row in containers:
            records.setdefault(row.task_arn, {})[row.name] = Record(**json.loads(row.record))
        return {
            row.arn: Entry(
                payload_from_json(row.payload), _state(row.state), records.get(row.arn, {})
            )
            for row in tasks
        }


def _keep(connection: sa.Connection, payload: TaskPayload, *, known: bool) -> None:
    text = payload_to_json(payload)
    if known:
        update = _tasks.update().where(_tasks.c.arn == payload.arn)
        connection.execute(update.values(payload=text))
    else:
        row = {"arn": payload.arn, "payload": text, "state": "{}"}
        connection.execute(_tasks.insert().values(row))


def _identity(connection: sa.Connection) -> str:
    found = connection.execute(sa.select(_agent.c.id)).scalar()
    if found is None:
        found = uuid.uuid4().hex
        connection.execute(_agent.insert().values(id=found))
    return str(found)


def _state(text: str) -> TaskState:
    document = json.loads(text)
    code = document.get("stop_code")
    return TaskState(**{**document, "stop_code": StopCode(code) if code else None})
