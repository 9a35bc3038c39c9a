"""The tags of an entity or policy as a resource: what `aws:ResourceTag/*` asks about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import policies
from registry.domain.identities.entities import PROFILES, ROLES, USERS

if TYPE_CHECKING:
    from registry.database.database import Database

_PARTS = 6
Tags = tuple[tuple[str, str], ...]


class ResourceTags:
    """Finds tags by ARN."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, arn: str) -> Tags:
        """The tags of what the ARN names; none where it names nothing."""
        parts = arn.split(":", _PARTS - 1)
        if len(parts) < _PARTS:
            return ()
        account, (noun, _, rest) = parts[4], parts[5].partition("/")
        if noun == "policy":
            return self._read(sa.select(policies.c.tags).where(policies.c.arn == arn))
        kind = next((each for each in (USERS, ROLES, PROFILES) if each.noun == noun), None)
        if kind is None:
            return ()
        path, _, name = f"/{rest}".rpartition("/")
        table = kind.table
        named = sa.and_(table.c.account == account, table.c.name == name)
        return self._read(sa.select(table.c.tags).where(named, table.c.path == f"{path}/"))

    def _read(self, query: sa.Select[Any]) -> Tags:
        with self._database.read() as connection:
            tags = connection.execute(query).scalar()
        return tuple(sorted(tags.items())) if tags else ()
