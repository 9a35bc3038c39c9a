"""Roles and instance profiles.

Source: IAM API reference, CreateRole, DeleteRole, CreateInstanceProfile,
AddRoleToInstanceProfile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.database.schema import instance_profiles, profile_roles, roles
from registry.domain.identities.arns import PROFILE, ROLE, unique_id
from registry.domain.identities.documents import check_trust
from registry.domain.identities.entities import (
    PROFILES,
    ROLES,
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

SESSION_SECONDS = 3600
"""How long a session lasts at most, where the role says nothing."""


@dataclass(frozen=True, slots=True)
class StoredRole:
    """A role with everything that is kept of it."""

    entity: Entity
    trust_policy: str
    description: str
    session_seconds: int

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return self.entity.arn


@dataclass(frozen=True, slots=True)
class Profile:
    """An instance profile and its role, if it has one."""

    entity: Entity
    role: StoredRole | None

    @property
    def arn(self) -> str:
        """The profile's ARN."""
        return self.entity.arn


class Roles(Tagged[StoredRole]):
    """Create, get, list, change, delete."""

    kind = ROLES

    def create(
        self,
        account: str,
        name: str,
        trust_policy: str,
        *,
        path: str = "/",
        description: str = "",
        session_seconds: int = SESSION_SECONDS,
        boundary: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> StoredRole:
        """A new role. Raises EntityExists, LimitExceeded, PolicyDocumentInvalid, EntityNotFound."""
        check_trust(trust_policy)
        row = {"id": unique_id(ROLE), "account": account, "path": path, "name": name}
        row |= {"trust_policy": trust_policy, "description": description}
        with self._database.write() as connection:
            require_free(connection, ROLES, account, name)
            require_room(connection, ROLES, account)
            require_boundary(connection, account, boundary)
            connection.execute(
                sa.insert(roles).values(
                    **row,
                    session_seconds=session_seconds,
                    boundary=boundary,
                    tags=dict(tags or {}),
                    created_at=datetime.now(UTC),
                )
            )
            return self._entity(connection, named(connection, ROLES, account, name))

    def update(
        self,
        account: str,
        name: str,
        *,
        description: str | None = None,
        session_seconds: int | None = None,
    ) -> None:
        """Change what is given. Raises EntityNotFound."""
        given = {"description": description, "session_seconds": session_seconds}
        self._set(account, name, {key: it for key, it in given.items() if it is not None})

    def trust(self, account: str, name: str, trust_policy: str) -> None:
        """Change who may assume the role. Raises EntityNotFound, PolicyDocumentInvalid."""
        check_trust(trust_policy)
        self._set(account, name, {"trust_policy": trust_policy})

    def delete(self, account: str, name: str) -> None:
        """Remove a role without policies and profiles; its sessions end.

        Raises EntityNotFound, DeleteConflict.
        """
        with self._database.write() as connection:
            role = entity(ROLES, named(connection, ROLES, account, name))
            role_id = role.id
            if count(connection, profile_roles, profile_roles.c.role_id == role_id):
                raise DeleteConflict(
                    "Cannot delete entity, must remove roles from instance profile first."
                )
            require_nothing_held(connection, role_id)
            connection.execute(sa.delete(roles).where(roles.c.id == role_id))
            rename_principal(connection, role.arn, role_id)

    def _set(self, account: str, name: str, changed: Mapping[str, object]) -> None:
        with self._database.write() as connection:
            role_id = named(connection, ROLES, account, name).id
            if changed:
                connection.execute(sa.update(roles).where(roles.c.id == role_id).values(**changed))

    def _entity(self, _connection: sa.Connection, row: sa.Row[Any]) -> StoredRole:
        return _role(row)


class Profiles(Tagged[Profile]):
    """Create, get, list, delete; add and remove the role."""

    kind = PROFILES

    def create(
        self, account: str, name: str, *, path: str = "/", tags: Mapping[str, str] | None = None
    ) -> Profile:
        """A new profile without a role. Raises EntityExists, LimitExceeded."""
        with self._database.write() as connection:
            require_free(connection, PROFILES, account, name)
            require_room(connection, PROFILES, account)
            connection.execute(
                sa.insert(instance_profiles).values(
                    id=unique_id(PROFILE),
                    account=account,
                    path=path,
                    name=name,
                    tags=dict(tags or {}),
                    created_at=datetime.now(UTC),
                )
            )
            return self._entity(connection, named(connection, PROFILES, account, name))

    def delete(self, account: str, name: str) -> None:
        """Remove a profile without a role. Raises EntityNotFound, DeleteConflict."""
        with self._database.write() as connection:
            profile_id = named(connection, PROFILES, account, name).id
            if count(connection, profile_roles, _of_profile(profile_id)):
                raise DeleteConflict(
                    "Cannot delete entity, must remove roles from instance profile first."
                )
            connection.execute(
                sa.delete(instance_profiles).where(instance_profiles.c.id == profile_id)
            )

    def add(self, account: str, name: str, role: str) -> None:
        """Give the profile its one role. Raises EntityNotFound, LimitExceeded."""
        with self._database.write() as connection:
            profile_id = named(connection, PROFILES, account, name).id
            role_id = named(connection, ROLES, account, role).id
            if count(connection, profile_roles, _of_profile(profile_id)):
                raise exceeded("InstanceSessionsPerInstanceProfile", 1)
            connection.execute(
                sa.insert(profile_roles).values(instance_profile_id=profile_id, role_id=role_id)
            )

    def remove(self, account: str, name: str, role: str) -> None:
        """Take the role away. Raises EntityNotFound, also where it has another."""
        with self._database.write() as connection:
            profile_id = named(connection, PROFILES, account, name).id
            role_id = named(connection, ROLES, account, role).id
            gone = connection.execute(
                sa.delete(profile_roles).where(
                    _of_profile(profile_id), profile_roles.c.role_id == role_id
                )
            )
            if gone.rowcount == 0:
                raise EntityNotFound(f"Role {role} is not in instance profile {name}.")

    def of_role(self, account: str, role: str, after: str, limit: int) -> list[Profile]:
        """Profiles of a role behind `after`, by name. Raises EntityNotFound."""
        with self._database.read() as connection:
            role_id = named(connection, ROLES, account, role).id
            query = (
                sa.select(instance_profiles)
                .join(profile_roles, profile_roles.c.instance_profile_id == instance_profiles.c.id)
                .where(profile_roles.c.role_id == role_id, instance_profiles.c.name > after)
                .order_by(instance_profiles.c.name)
                .limit(limit)
            )
            return [self._entity(connection, row) for row in connection.execute(query).all()]

    def _entity(self, connection: sa.Connection, row: sa.Row[Any]) -> Profile:
        of_profile = (
            sa.select(roles)
            .join(profile_roles, profile_roles.c.role_id == roles.c.id)
            .where(_of_profile(row.id))
        )
        role = connection.execute(of_profile).first()
        return Profile(entity(PROFILES, row), None if role is None else _role(role))


def _role(row: sa.Row[Any]) -> StoredRole:
    return StoredRole(entity(ROLES, row), row.trust_policy, row.description, row.session_seconds)


def _of_profile(profile_id: str) -> sa.ColumnElement[bool]:
    return profile_roles.c.instance_profile_id == profile_id
