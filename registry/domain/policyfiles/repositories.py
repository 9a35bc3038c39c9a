"""Repository policies out of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import repositories, repository_policies
from registry.domain.policyfiles.texts import Holder, Texts

if TYPE_CHECKING:
    from registry.domain.policyfiles.folder import PolicyFile
    from registry.domain.policyfiles.outcome import Outcome
    from registry.values.scope import Scope


def apply_repositories(
    connection: sa.Connection,
    scope: Scope,
    files: Sequence[PolicyFile],
    outcome: Outcome,
    *,
    prune: bool,
) -> None:
    """Set the policies of repositories that exist; with `prune`, remove what left the files."""
    _RepositoryPolicies(connection, scope, outcome).apply(files, prune=prune)


class _RepositoryPolicies(Texts):
    kind = "repository"
    noun = "repository policy"

    def find(self, name: str) -> Holder | None:
        query = (
            sa.select(repositories.c.id, repository_policies.c.document)
            .outerjoin(
                repository_policies, repository_policies.c.repository_id == repositories.c.id
            )
            .where(
                repositories.c.account == self.scope.account,
                repositories.c.region == self.scope.region,
                repositories.c.name == name,
            )
        )
        row = self.connection.execute(query).first()
        return None if row is None else Holder(str(row.id), row.document)

    def put(self, holder: Holder, text: str) -> str:
        self.remove(holder)
        row = {"repository_id": int(holder.id), "document": text}
        self.connection.execute(sa.insert(repository_policies).values(row))
        return text

    def remove(self, holder: Holder) -> None:
        mine = repository_policies.c.repository_id == int(holder.id)
        self.connection.execute(sa.delete(repository_policies).where(mine))
