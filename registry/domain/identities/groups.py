"""Groups and who is in them.

Source: IAM API reference, CreateGroup, AddUserToGroup, DeleteGroup.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.database.schema import group_members, groups, users
from registry.domain.identities.arns import GROUP, unique_id
from registry.domain.identities.entities import (
    GROUPS,
    USERS,
    Entities,
    Entity,
    count,
    entity,
    exceeded,
    named,
    require_free,
    require_room,
)
from registry.domain.identities.holdings import require_nothing_held
from registry.values.errors import DeleteConflict, EntityNotFound

MOST_GROUPS = 10
"""Groups of one user."""


class Groups(Entities[Entity]):
    """Create, get, list, change, delete; add and remove users."""

    kind = GROUPS

    def create(self, account: str, name: str, *, path: str = "/") -> Entity:
        """A new, empty group. Raises EntityExists, LimitExceeded."""
        with self._database.write() as connection:
            require_free(connection, GROUPS, account, name)
            require_room(connection, GROUPS, account)
            connection.execute(
                sa.insert(groups).values(
                    id=unique_id(GROUP),
                    account=account,
                    path=path,
                    name=name,
                    created_at=datetime.now(UTC),
                )
            )
            return entity(GROUPS, named(connection, GROUPS, account, name))

    def delete(self, account: str, name: str) -> None:
        """Remove a group without users and policies. Raises EntityNotFound, DeleteConflict."""
        with self._database.write() as connection:
            group_id = named(connection, GROUPS, account, name).id
            if count(connection, group_members, group_members.c.group_id == group_id):
                raise DeleteConflict("Cannot delete entity, must remove users from group first.")
            require_nothing_held(connection, group_id)
            connection.execute(sa.delete(groups).where(groups.c.id == group_id))

    def add(self, account: str, name: str, user: str) -> None:
        """Put a user in; one that is in stays in. Raises EntityNotFound, LimitExceeded."""
        with self._database.write() as connection:
            group_id = named(connection, GROUPS, account, name).id
            user_id = named(connection, USERS, account, user).id
            if count(connection, group_members, _is_member(group_id, user_id)):
                return
            if count(connection, group_members, group_members.c.user_id == user_id) >= MOST_GROUPS:
                raise exceeded("GroupsPerUser", MOST_GROUPS)
            connection.execute(sa.insert(group_members).values(group_id=group_id, user_id=user_id))

    def remove(self, account: str, name: str, user: str) -> None:
        """Take a user out. Raises EntityNotFound, also where it is not in."""
        with self._database.write() as connection:
            group_id = named(connection, GROUPS, account, name).id
            row = named(connection, USERS, account, user)
            gone = connection.execute(sa.delete(group_members).where(_is_member(group_id, row.id)))
            if gone.rowcount == 0:
                raise EntityNotFound(f"User {row.name} is not in group {name}.")

    def members(self, account: str, name: str, after: str, limit: int) -> list[Entity]:
        """Users in the group behind `after`, by name. Raises EntityNotFound."""
        with self._database.read() as connection:
            group_id = named(connection, GROUPS, account, name).id
            query = (
                sa.select(users)
                .join(group_members, group_members.c.user_id == users.c.id)
                .where(group_members.c.group_id == group_id, users.c.name > after)
                .order_by(users.c.name)
                .limit(limit)
            )
            return [entity(USERS, row) for row in connection.execute(query)]

    def of_user(self, account: str, user: str, after: str, limit: int) -> list[Entity]:
        """Groups that the user is in behind `after`, by name. Raises EntityNotFound."""
        with self._database.read() as connection:
            user_id = named(connection, USERS, account, user).id
            query = (
                sa.select(groups)
                .join(group_members, group_members.c.group_id == groups.c.id)
                .where(group_members.c.user_id == user_id, groups.c.name > after)
                .order_by(groups.c.name)
                .limit(limit)
            )
            return [entity(GROUPS, row) for row in connection.execute(query)]

    def _entity(self, _connection: sa.Connection, row: sa.Row[Any]) -> Entity:
        return entity(GROUPS, row)


def _is_member(group_id: str, user_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(group_members.c.group_id == group_id, group_members.c.user_id == user_id)
