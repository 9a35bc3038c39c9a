"""Lifecycle policies out of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import lifecycle_policies, repositories
from registry.domain.lifecycle import policies
from registry.domain.lifecycle.language import in_order
from registry.domain.policyfiles.texts import Holder, Texts
from registry.domain.tasks import now

if TYPE_CHECKING:
    from registry.domain.policyfiles.folder import PolicyFile
    from registry.domain.policyfiles.outcome import Outcome
    from registry.values.scope import Scope


def apply_lifecycle(
    connection: sa.Connection,
    scope: Scope,
    files: Sequence[PolicyFile],
    outcome: Outcome,
    *,
    prune: bool,
) -> None:
    """Set the lifecycle policies of repositories that exist; with `prune`, remove what left."""
    _LifecyclePolicies(connection, scope, outcome).apply(files, prune=prune)


class _LifecyclePolicies(Texts):
    kind = "lifecycle"
    noun = "lifecycle policy"

    def find(self, name: str) -> Holder | None:
        query = (
            sa.select(repositories.c.id, lifecycle_policies.c.document)
            .outerjoin(lifecycle_policies, lifecycle_policies.c.repository_id == repositories.c.id)
            .where(
                repositories.c.account == self.scope.account,
                repositories.c.region == self.scope.region,
                repositories.c.name == name,
            )
        )
        row = self.connection.execute(query).first()
        return None if row is None else Holder(str(row.id), row.document)

    def wanted(self, text: str) -> str:
        return in_order(text)

    def put(self, holder: Holder, text: str) -> str:
        return policies.put(self.connection, int(holder.id), text, now())

    def remove(self, holder: Holder) -> None:
        policies.remove(self.connection, int(holder.id))
