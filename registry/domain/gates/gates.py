"""The gates of a registry, as rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import gates
from registry.domain.gates.gate import Gate, read_gate
from registry.domain.tasks import now
from registry.values.digest import shown
from registry.values.errors import EntityNotFound, LimitExceeded, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from registry.database.database import Cache, Database
    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

MOST = 100
"""Gates of one registry."""

_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kept:
    """A gate's document, as it was put."""

    name: str
    document: str
    changed_at: datetime


class Gates:
    """Keeps them."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def list(self, scope: Scope) -> list[Kept]:
        """All of a registry, by name."""
        with self._database.read() as connection:
            return list_in(connection, scope)

    def get(self, scope: Scope, name: str) -> Kept:
        """One. Raises EntityNotFound."""
        with self._database.read() as connection:
            found = find(connection, scope, name)
        if found is None:
            raise _unknown(name)
        return found

    def put(self, scope: Scope, name: str, document: str) -> None:
        """Make or change one. Raises ParameterInvalid, PolicyDocumentInvalid, LimitExceeded."""
        if _NAME.fullmatch(name) is None:
            raise ParameterInvalid(f"{shown(name)} is no name of a gate: A-Z a-z 0-9 and +=,.@_-")
        read_gate(name, document)
        with self._database.write() as connection:
            others = [each for each in list_in(connection, scope) if each.name != name]
            if len(others) >= MOST:
                raise LimitExceeded(f"a registry has at most {MOST} gates")
            put(connection, scope, name, document)

    def delete(self, scope: Scope, name: str) -> None:
        """Remove one. Raises EntityNotFound."""
        with self._database.write() as connection:
            if find(connection, scope, name) is None:
                raise _unknown(name)
            remove(connection, scope, name)

    def before(self, repository: Repository) -> Sequence[Gate]:
        """Those that stand before a repository; kept in memory until something changes."""
        key = ("gates", repository.id)
        return self._cache.get(key, lambda: self._before(repository))

    def _before(self, repository: Repository) -> Sequence[Gate]:
        read = [read_gate(each.name, each.document) for each in self.list(repository.scope)]
        return tuple(gate for gate in read if gate.concerns(repository.name))


def list_in(connection: sa.Connection, scope: Scope) -> list[Kept]:
    """All of a registry, by name."""
    query = sa.select(gates).where(*_of(scope)).order_by(gates.c.name)
    return [Kept(row.name, row.document, row.changed_at) for row in connection.execute(query)]


def find(connection: sa.Connection, scope: Scope, name: str) -> Kept | None:
    """The gate of that name."""
    row = connection.execute(sa.select(gates).where(*_of(scope), gates.c.name == name)).first()
    return None if row is None else Kept(row.name, row.document, row.changed_at)


def put(connection: sa.Connection, scope: Scope, name: str, document: str) -> None:
    """Keep a checked document, in the place of what was there."""
    remove(connection, scope, name)
    connection.execute(
        sa.insert(gates).values(
            account=scope.account,
            region=scope.region,
            name=name,
            document=document,
            changed_at=now(),
        )
    )


def remove(connection: sa.Connection, scope: Scope, name: str) -> None:
    """Forget it, if it is there."""
    connection.execute(sa.delete(gates).where(*_of(scope), gates.c.name == name))


def _of(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return gates.c.account == scope.account, gates.c.region == scope.region


def _unknown(name: str) -> EntityNotFound:
    return EntityNotFound(f"there is no gate {shown(name)}")
