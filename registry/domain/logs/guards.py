"""What a log group brings to a decision about it: its tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.domain.access import UNGUARDED, Guarded
from registry.domain.logs.tables import log_groups

if TYPE_CHECKING:
    from registry.database.database import Database

_ARN = re.compile(r"arn:aws:logs:([^:]*):([^:]*):log-group:([^:]+)(?::.*)?", re.DOTALL)


class LogGuards:
    """By the ARN of a group or of a stream in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, arn: str) -> Guarded:
        """The group's tags; nothing where there is no such group."""
        match = _ARN.fullmatch(arn)
        if match is None:
            return UNGUARDED
        region, account, name = match.groups()
        table = log_groups.c
        query = sa.select(table.tags).where(
            table.account == account, table.region == region, table.name == name
        )
        with self._database.read() as connection:
            tags = connection.execute(query).scalar()
        return Guarded(tags=tuple(sorted(tags.items()))) if tags else UNGUARDED
