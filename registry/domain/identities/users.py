"""Users and their access keys.

Source: IAM API reference, CreateUser, DeleteUser, CreateAccessKey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import access_keys, group_members, users
from registry.domain.identities.accounts import insert_key, insert_user
from registry.domain.identities.entities import (
    USERS,
    Entity,
    count,
    entity,
    exceeded,
    named,
    require_free,
    require_room,
)
from registry.domain.identities.holdings import require_boundary, require_nothing_held
from registry.domain.identities.naming import rename_principal
from registry.domain.identities.tagging import Tagged
from registry.values.errors import DeleteConflict, EntityNotFound

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.identities.accounts import NewKey
    from registry.domain.identities.secrets import Secrets

MOST_KEYS = 2
"""Access keys of one user: enough to change from one to the other."""


class Users(Tagged[Entity]):
    """Create, get, list, change, delete."""

    kind = USERS

    def create(
        self,
        account: str,
        name: str,
        *,
        path: str = "/",
        tags: Mapping[str, str] | None = None,
        boundary: str | None = None,
    ) -> Entity:
        """A new user. Raises EntityExists, LimitExceeded, EntityNotFound (of the boundary)."""
        with self._database.write() as connection:
            require_free(connection, USERS, account, name)
            require_room(connection, USERS, account)
            require_boundary(connection, account, boundary)
            insert_user(connection, account, name, path=path, tags=tags, boundary=boundary)
            return entity(USERS, named(connection, USERS, account, name))

    def set_active(self, account: str, name: str, *, active: bool) -> None:
        """Allow or end everything of a user at once: signatures, sessions, tokens, robots.

        Ours, not IAM's, which knows only the deactivation of each key. Raises EntityNotFound.
        """
        with self._database.write() as connection:
            user_id = named(connection, USERS, account, name).id
            connection.execute(sa.update(users).where(users.c.id == user_id).values(active=active))

    def inactive(self, account: str) -> list[str]:
        """Names of the users that `set_active` has ended."""
        query = sa.select(users.c.name).where(users.c.account == account, ~users.c.active)
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(users.c.name)).scalars())

    def delete(self, account: str, name: str) -> None:
        """Remove a user without keys, policies and groups; its robots go with it.

        Raises EntityNotFound, DeleteConflict.
        """
        with self._database.write() as connection:
            user = entity(USERS, named(connection, USERS, account, name))
            user_id = user.id
            if count(connection, access_keys, access_keys.c.user_id == user_id):
                raise DeleteConflict("Cannot delete entity, must delete access keys first.")
            require_nothing_held(connection, user_id)
            if count(connection, group_members, group_members.c.user_id == user_id):
                raise DeleteConflict("Cannot delete entity, must remove user from groups first.")
            connection.execute(sa.delete(users).where(users.c.id == user_id))
            rename_principal(connection, user.arn, user_id)

    def _entity(self, _connection: sa.Connection, row: sa.Row[Any]) -> Entity:
        return entity(USERS, row)


@dataclass(frozen=True, slots=True)
class KeyMetadata:
    """An access key without its secret."""

    id: str
    user: Entity
    active: bool
    created_at: datetime


class AccessKeys:
    """The keys of users; what ends one is seen by every worker at its next request."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets

    def create(self, account: str, user: str) -> NewKey:
        """Another key. Raises EntityNotFound, LimitExceeded."""
        with self._database.write() as connection:
            row = named(connection, USERS, account, user)
            if count(connection, access_keys, access_keys.c.user_id == row.id) >= MOST_KEYS:
                raise exceeded("AccessKeysPerUser", MOST_KEYS)
            return insert_key(connection, self._secrets, row.id, row.name)

    def list(self, account: str, user: str) -> list[KeyMetadata]:
        """The keys of a user, by id. Raises EntityNotFound."""
        with self._database.read() as connection:
            row = named(connection, USERS, account, user)
            keys = connection.execute(
                sa.select(access_keys)
                .where(access_keys.c.user_id == row.id)
                .order_by(access_keys.c.id)
            )
            owner = entity(USERS, row)
            return [KeyMetadata(key.id, owner, key.active, key.created_at) for key in keys]

    def owner(self, account: str, key_id: str) -> Entity:
        """Whose key it is. Raises EntityNotFound, for another account's too."""
        query = (
            sa.select(users)
            .join(access_keys, access_keys.c.user_id == users.c.id)
            .where(users.c.account == account, access_keys.c.id == key_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise _no_key(key_id)
        return entity(USERS, row)

    def set_active(self, account: str, user: str, key_id: str, *, active: bool) -> None:
        """Let a key work, or not. Raises EntityNotFound."""
        with self._database.write() as connection:
            where = _is_key(connection, account, user, key_id)
            changed = connection.execute(sa.update(access_keys).where(where).values(active=active))
            if changed.rowcount == 0:
                raise _no_key(key_id)

    def delete(self, account: str, user: str, key_id: str) -> None:
        """Remove a key. Raises EntityNotFound."""
        with self._database.write() as connection:
            where = _is_key(connection, account, user, key_id)
            if connection.execute(sa.delete(access_keys).where(where)).rowcount == 0:
                raise _no_key(key_id)


def _is_key(
    connection: sa.Connection, account: str, user: str, key_id: str
) -> sa.ColumnElement[bool]:
    owner = named(connection, USERS, account, user).id
    return sa.and_(access_keys.c.user_id == owner, access_keys.c.id == key_id)


def _no_key(key_id: str) -> EntityNotFound:
    return EntityNotFound(f"The Access Key with id {key_id} cannot be found.")
