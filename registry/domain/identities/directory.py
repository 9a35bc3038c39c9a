"""Finds who acts, by access key, session or id; from memory while nothing has changed.

Whatever ends somebody's rights is a change of rows, which every worker notices at its next
look (`database.Cache`): deactivating a key, a user, deleting a role, detaching a policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import (
    access_keys,
    accounts,
    attachments,
    group_members,
    groups,
    inline_policies,
    policies,
    policy_versions,
    roles,
    users,
)
from registry.domain.identities import aws_managed
from registry.domain.identities.arns import account_of_session_key, iam_arn, session_arn
from registry.domain.identities.identity import Document, Identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.database.database import Cache, Database
    from registry.domain.identities.secrets import Secrets


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An active access key of an active user."""

    id: str
    secret: str = field(repr=False)
    user: Identity


@dataclass(frozen=True, slots=True)
class Role:
    """What STS needs to know of a role."""

    id: str
    account: str
    name: str
    path: str
    trust_policy: str
    session_seconds: int
    tags: tuple[tuple[str, str], ...]

    @property
    def arn(self) -> str:
        """The role's ARN, with its path."""
        return iam_arn(self.account, "role", self.path, self.name)


class Directory:
    """Identities as they are now."""

    def __init__(self, database: Database, cache: Cache, secrets: Secrets) -> None:
        self._database = database
        self._cache = cache
        self._secrets = secrets

    def access_key(self, key_id: str) -> AccessKey | None:
        """The key, if it and its user are active."""
        return self._cache.get(("access key", key_id), lambda: self._find_key(key_id))

    def account_of_key(self, key_id: str) -> str | None:
        """The account that an access key belongs to, whether active or not."""
        account = account_of_session_key(key_id)
        query = (
            sa.select(accounts.c.id).where(accounts.c.id == account)
            if account is not None
            else sa.select(users.c.account)
            .join(access_keys, access_keys.c.user_id == users.c.id)
            .where(access_keys.c.id == key_id)
        )
        with self._database.read() as connection:
            found: str | None = connection.execute(query).scalar()
        return found

    def user(self, user_id: str) -> Identity | None:
        """The user with that unique id, if active."""
        return self._cache.get(("user", user_id), lambda: self._find_user(user_id))

    def user_named(self, account: str, name: str) -> Identity | None:
        """The user of that name, if active."""
        query = sa.select(users.c.id).where(users.c.account == account, users.c.name == name)
        with self._database.read() as connection:
            user_id = connection.execute(query).scalar()
        return None if user_id is None else self.user(user_id)

    def role(self, role_id: str) -> Role | None:
        """The role with that unique id."""
        return self._cache.get(("role", role_id), lambda: self._find_role(roles.c.id == role_id))

    def role_of_arn(self, arn: str) -> Role | None:
        """The role that an ARN names."""
        head, _, rest = arn.partition(":role/")
        path, _, name = ("/" + rest).rpartition("/")
        found = self._find_role(
            sa.and_(
                roles.c.account == head.rpartition(":")[2],
                roles.c.name == name,
                roles.c.path == path + "/",
            )
        )
        return found if found is not None and found.arn == arn else None

    def role_named(self, account: str, name: str) -> Role | None:
        """The role of that name."""
        return self._find_role(sa.and_(roles.c.account == account, roles.c.name == name))

    def role_session(
        self,
        role: Role,
        session: str,
        *,
        session_policies: tuple[Document, ...] = (),
        tags: tuple[tuple[str, str], ...] = (),
        expires_at: float | None = None,
    ) -> Identity:
        """A session of the role, with the policies that the role has now."""
        held, boundary = self._cache.get(
            ("role policies", role.id), lambda: self._policies_of_role(role.id)
        )
        return Identity(
            id=f"{role.id}:{session}",
            account=role.account,
            arn=session_arn(role.account, role.name, session),
            name=session,
            policies=held,
            boundary=boundary,
            session_policies=session_policies,
            tags=tuple({**dict(role.tags), **dict(tags)}.items()),
            role_arn=role.arn,
            expires_at=expires_at,
        )

    def documents(self, arns: Sequence[str]) -> tuple[Document, ...]:
        """Default versions of managed policies; one that is gone allows nothing."""
        with self._database.read() as connection:
            found = {document.name: document for document in _managed(connection, arns)}
        return tuple(found.get(arn, Document(arn, NOTHING)) for arn in arns)

    def _find_key(self, key_id: str) -> AccessKey | None:
        query = sa.select(access_keys).where(access_keys.c.id == key_id, access_keys.c.active)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        user = self._find_user(row.user_id) if row is not None else None
        if row is None or user is None:
            return None
        return AccessKey(row.id, self._secrets.open(row.id, row.secret), user)

    def _find_user(self, user_id: str) -> Identity | None:
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(users).where(users.c.id == user_id, users.c.active)
            ).first()
            if row is None:
                return None
            member_of = sa.select(group_members.c.group_id).where(
                group_members.c.user_id == user_id
            )
            owners = [
                user_id,
                *connection.execute(
                    member_of.order_by(groups.c.id).join(
                        groups, groups.c.id == group_members.c.group_id
                    )
                ).scalars(),
            ]
            return Identity(
                id=row.id,
                account=row.account,
                arn=iam_arn(row.account, "user", row.path, row.name),
                name=row.name,
                policies=held_by(connection, owners),
                boundary=boundary_document(connection, row.boundary),
                tags=tuple(sorted(row.tags.items())),
            )

    def _find_role(self, where: sa.ColumnElement[bool]) -> Role | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(roles).where(where)).first()
        if row is None:
            return None
        return Role(
            id=row.id,
            account=row.account,
            name=row.name,
            path=row.path,
            trust_policy=row.trust_policy,
            session_seconds=row.session_seconds,
            tags=tuple(sorted(row.tags.items())),
        )

    def _policies_of_role(self, role_id: str) -> tuple[tuple[Document, ...], Document | None]:
        with self._database.read() as connection:
            arn = connection.execute(
                sa.select(roles.c.boundary).where(roles.c.id == role_id)
            ).scalar()
            return held_by(connection, [role_id]), boundary_document(connection, arn)


def held_by(connection: sa.Connection, owners: Sequence[str]) -> tuple[Document, ...]:
    """Inline and managed policies of a user with its groups, or of a role.

    An inline policy of a group is named after it, so that no two have one name.
    """
    inline = connection.execute(
        sa.select(inline_policies.c.name, inline_policies.c.document, groups.c.name.label("group"))
        .outerjoin(groups, groups.c.id == inline_policies.c.owner_id)
        .where(inline_policies.c.owner_id.in_(owners))
        .order_by(inline_policies.c.owner_id, inline_policies.c.name)
    )
    attached = connection.execute(
        sa.select(attachments.c.policy_arn)
        .where(attachments.c.owner_id.in_(owners))
        .order_by(attachments.c.policy_arn)
    ).scalars()
    own = tuple(
        Document(
            row.name if row.group is None else f"{row.name} of group {row.group}", row.document
        )
        for row in inline
    )
    return own + _managed(connection, list(dict.fromkeys(attached)))


def _managed(connection: sa.Connection, arns: Sequence[str]) -> tuple[Document, ...]:
    found: list[Document] = []
    for arn in arns:
        text = aws_managed.DOCUMENTS.get(arn)
        if text is None:
            text = connection.execute(_default_version(arn)).scalar()
        if text is not None:
            found.append(Document(arn, text))
    return tuple(found)


def _default_version(arn: str) -> sa.Select[Any]:
    return (
        sa.select(policy_versions.c.document)
        .join(policies, policies.c.arn == policy_versions.c.policy_arn)
        .where(policies.c.arn == arn, policy_versions.c.version == policies.c.default_version)
    )


def boundary_document(connection: sa.Connection, arn: str | None) -> Document | None:
    """The boundary; one whose policy is gone allows nothing, as a boundary must fail closed."""
    if arn is None:
        return None
    return next(iter(_managed(connection, [arn])), Document(arn, NOTHING))


NOTHING = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
)
