"""Log streams: create, find, list, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.domain.logs.errors import GroupNotFound, StreamExists, StreamNotFound
from registry.domain.logs.groups import Group, now
from registry.domain.logs.tables import doomed_streams, log_groups, log_streams

if TYPE_CHECKING:
    from registry.database.database import Database


@dataclass(frozen=True, slots=True)
class Stream:
    """One log stream, as stored. Times are milliseconds since 1970 UTC."""

    id: int
    name: str
    created: int
    first_event: int | None
    last_event: int | None
    last_ingestion: int | None

    def arn(self, group: Group) -> str:
        """Its ARN."""
        return f"{group.arn}:log-stream:{self.name}"


class Streams:
    """The streams of all groups."""

    def __init__(self, database: Database, clock: Callable[[], int] = now) -> None:
        self._database = database
        self._clock = clock

    def create(self, group: Group, name: str) -> None:
        """Raises StreamExists, GroupNotFound."""
        row = {"group_id": group.id, "name": name, "created": self._clock()}
        there = sa.select(log_groups.c.id).where(log_groups.c.id == group.id)
        with self._database.write() as connection:
            if connection.execute(there).first() is None:
                raise GroupNotFound
            if connection.execute(_named(group, name)).first() is not None:
                raise StreamExists
            connection.execute(sa.insert(log_streams).values(row))

    def get(self, group: Group, name: str) -> Stream:
        """Raises StreamNotFound."""
        with self._database.read() as connection:
            row = connection.execute(_named(group, name)).first()
        if row is None:
            raise StreamNotFound
        return _stream(row)

    def delete(self, group: Group, name: str) -> None:
        """Its blocks go later. Raises StreamNotFound."""
        with self._database.write() as connection:
            row = connection.execute(_named(group, name)).first()
            if row is None:
                raise StreamNotFound
            connection.execute(sa.insert(doomed_streams).values(stream_id=row.id))
            connection.execute(sa.delete(log_streams).where(log_streams.c.id == row.id))

    def by_name(
        self, group: Group, *, after: str | None, limit: int, prefix: str, descending: bool
    ) -> list[Stream]:
        """Up to `limit` streams in the order of their names, those after one."""
        name = log_streams.c.name
        query = sa.select(log_streams).where(log_streams.c.group_id == group.id)
        if prefix:
            query = query.where(name >= prefix)
            query = query.where(sa.func.substr(name, 1, len(prefix)) == prefix)
        if after is not None:
            query = query.where(name < after if descending else name > after)
        return self._all(query.order_by(name.desc() if descending else name).limit(limit))

    def by_last_event(
        self, group: Group, *, after: tuple[int, str] | None, limit: int, descending: bool
    ) -> list[Stream]:
        """Up to `limit` streams in the order of their latest events; those without count as 0."""
        last = sa.func.coalesce(log_streams.c.last_event, 0)
        name = log_streams.c.name
        query = sa.select(log_streams).where(log_streams.c.group_id == group.id)
        if after is not None:
            place = sa.tuple_(last, name)
            query = query.where(place < after if descending else place > after)
        order = (last.desc(), name.desc()) if descending else (last, name)
        return self._all(query.order_by(*order).limit(limit))

    def _all(self, query: sa.Select[Any]) -> list[Stream]:
        with self._database.read() as connection:
            return [_stream(row) for row in connection.execute(query)]


def _named(group: Group, name: str) -> sa.Select[Any]:
    return sa.select(log_streams).where(
        log_streams.c.group_id == group.id, log_streams.c.name == name
    )


def _stream(row: sa.Row[Any]) -> Stream:
    return Stream(
        row.id, row.name, row.created, row.first_event, row.last_event, row.last_ingestion
    )
