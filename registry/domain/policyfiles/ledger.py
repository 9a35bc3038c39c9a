"""Remembers what came out of policy files, so that pruning takes away nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from registry.database.database import Database
from registry.database.schema import policy_files


class Joined(Database):
    """The database inside one transaction: what is done through it is part of that."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """The transaction's connection."""
        yield self._connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """The transaction's connection; nothing is committed when the block ends."""
        yield self._connection


@dataclass(frozen=True, slots=True)
class Ledger:
    """The entries of one kind in one account (and region, where the kind has one).

    An entry's mark tells what was made from what has its name now: a policy's unique id, a
    holder's, the digest of a text.
    """

    connection: sa.Connection
    account: str
    region: str
    kind: str

    def entries(self) -> list[tuple[str, str]]:
        """Names and marks, in the order of names."""
        query = (
            sa.select(policy_files.c.name, policy_files.c.mark)
            .where(*self._mine())
            .order_by(policy_files.c.name)
        )
        return [(row.name, row.mark) for row in self.connection.execute(query)]

    def add(self, name: str, mark: str) -> None:
        """Remember; in place of what had the name before."""
        self.remove(name)
        self.connection.execute(
            sa.insert(policy_files).values(
                account=self.account, region=self.region, kind=self.kind, name=name, mark=mark
            )
        )

    def remove(self, name: str) -> None:
        """Forget."""
        self.connection.execute(
            sa.delete(policy_files).where(*self._mine(), policy_files.c.name == name)
        )

    def _mine(self) -> list[sa.ColumnElement[bool]]:
        columns = policy_files.c
        return [
            columns.account == self.account,
            columns.region == self.region,
            columns.kind == self.kind,
        ]
