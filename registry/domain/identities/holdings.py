"""The policies that users, groups and roles have: inline ones, and attached managed ones.

Source: IAM User Guide, "Managed policies and inline policies", "IAM and AWS STS quotas".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import attachments, inline_policies
from registry.domain.identities.directory import held_by
from registry.domain.identities.documents import check_identity, size
from registry.domain.identities.entities import count, exceeded, named
from registry.domain.identities.policies import require_attachable, split_arn
from registry.values.errors import DeleteConflict, EntityNotFound, LimitExceeded

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.identities.entities import Kind
    from registry.domain.identities.identity import Document

MOST_ATTACHED = 20
"""Managed policies of one entity; the default of AWS is 10, this is how far it can be raised."""


class Holdings:
    """Put, attach, list and remove. Everything raises EntityNotFound for an unknown holder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, kind: Kind, account: str, name: str, policy: str, document: str) -> None:
        """Add or replace an inline policy. Raises LimitExceeded, PolicyDocumentInvalid."""
        check_identity(document)
        with self._database.write() as connection:
            owner = named(connection, kind, account, name).id
            others = connection.execute(
                sa.select(inline_policies.c.document).where(
                    inline_policies.c.owner_id == owner, inline_policies.c.name != policy
                )
            ).scalars()
            if sum(map(size, others)) + size(document) > kind.inline_limit:
                raise LimitExceeded(
                    f"Maximum policy size of {kind.inline_limit} bytes exceeded"
                    f" for {kind.noun} {name}"
                )
            connection.execute(sa.delete(inline_policies).where(_is_inline(owner, policy)))
            connection.execute(
                sa.insert(inline_policies).values(owner_id=owner, name=policy, document=document)
            )

    def inline(self, kind: Kind, account: str, name: str, policy: str) -> str:
        """The document of an inline policy. Raises EntityNotFound."""
        with self._database.read() as connection:
            owner = named(connection, kind, account, name).id
            found = connection.execute(
                sa.select(inline_policies.c.document).where(_is_inline(owner, policy))
            ).scalar()
        if found is None:
            raise _no_inline(kind, policy)
        return str(found)

    def inline_names(
        self, kind: Kind, account: str, name: str, after: str, limit: int
    ) -> list[str]:
        """Names of inline policies behind `after`."""
        with self._database.read() as connection:
            owner = named(connection, kind, account, name).id
            return list(
                connection.execute(
                    sa.select(inline_policies.c.name)
                    .where(inline_policies.c.owner_id == owner, inline_policies.c.name > after)
                    .order_by(inline_policies.c.name)
                    .limit(limit)
                ).scalars()
            )

    def delete_inline(self, kind: Kind, account: str, name: str, policy: str) -> None:
        """Remove an inline policy. Raises EntityNotFound."""
        with self._database.write() as connection:
            owner = named(connection, kind, account, name).id
            gone = connection.execute(sa.delete(inline_policies).where(_is_inline(owner, policy)))
            if gone.rowcount == 0:
                raise _no_inline(kind, policy)

    def attach(self, kind: Kind, account: str, name: str, arn: str) -> None:
        """Attach a managed policy; one that is attached stays so. Raises LimitExceeded."""
        with self._database.write() as connection:
            owner = named(connection, kind, account, name).id
            require_attachable(connection, account, arn)
            if count(connection, attachments, _is_attached(owner, arn)):
                return
            if count(connection, attachments, attachments.c.owner_id == owner) >= MOST_ATTACHED:
                raise exceeded(kind.policies, MOST_ATTACHED)
            connection.execute(
                sa.insert(attachments).values(owner_id=owner, policy_arn=arn, at=datetime.now(UTC))
            )

    def attached(
        self, kind: Kind, account: str, name: str, path_prefix: str = "/"
    ) -> list[tuple[str, str]]:
        """Names and ARNs of attached policies whose path begins so, in the order of both."""
        with self._database.read() as connection:
            owner = named(connection, kind, account, name).id
            query = sa.select(attachments.c.policy_arn).where(attachments.c.owner_id == owner)
            found = [(*split_arn(arn), arn) for arn in connection.execute(query).scalars()]
        return sorted((name, arn) for path, name, arn in found if path.startswith(path_prefix))

    def detach(self, kind: Kind, account: str, name: str, arn: str) -> None:
        """Detach a managed policy. Raises EntityNotFound where it is not attached."""
        with self._database.write() as connection:
            owner = named(connection, kind, account, name).id
            gone = connection.execute(sa.delete(attachments).where(_is_attached(owner, arn)))
            if gone.rowcount == 0:
                raise EntityNotFound(f"Policy {arn} was not found.")

    def documents(self, kind: Kind, account: str, name: str) -> tuple[Document, ...]:
        """All of the entity's own policies, inline and attached."""
        with self._database.read() as connection:
            return held_by(connection, [named(connection, kind, account, name).id])

    def bound(self, kind: Kind, account: str, name: str, boundary: str | None) -> None:
        """Set the permissions boundary of a user or role, or take it away."""
        table = kind.table
        with self._database.write() as connection:
            row = named(connection, kind, account, name)
            if boundary is None and row.boundary is None:
                raise EntityNotFound(
                    f"The permissions boundary for {kind.noun} {name} cannot be found."
                )
            require_boundary(connection, account, boundary)
            connection.execute(
                sa.update(table).where(table.c.id == row.id).values(boundary=boundary)
            )


def require_boundary(connection: sa.Connection, account: str, arn: str | None) -> None:
    """Raise EntityNotFound unless the policy can be a boundary in the account."""
    try:
        if arn is not None:
            require_attachable(connection, account, arn)
    except EntityNotFound:
        raise EntityNotFound(f"Scope ARN: {arn} does not exist or is not attachable.") from None


def require_nothing_held(connection: sa.Connection, owner: str) -> None:
    """Raise DeleteConflict while the entity has policies."""
    if count(connection, attachments, attachments.c.owner_id == owner):
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if count(connection, inline_policies, inline_policies.c.owner_id == owner):
        raise DeleteConflict("Cannot delete entity, must delete policies first.")


def _is_inline(owner: str, policy: str) -> sa.ColumnElement[bool]:
    return sa.and_(inline_policies.c.owner_id == owner, inline_policies.c.name == policy)


def _is_attached(owner: str, arn: str) -> sa.ColumnElement[bool]:
    return sa.and_(attachments.c.owner_id == owner, attachments.c.policy_arn == arn)


def _no_inline(kind: Kind, policy: str) -> EntityNotFound:
    return EntityNotFound(f"The {kind.noun} policy with name {policy} cannot be found.")
