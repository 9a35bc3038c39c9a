"""Repository policies out of files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import repositories, repository_policies
from registry.domain.policyfiles.ledger import Ledger
from registry.domain.policyfiles.outcome import Change, Outcome, same
from registry.domain.policyfiles.problems import Problem

if TYPE_CHECKING:
    from registry.domain.policyfiles.folder import PolicyFile
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
    policies = _RepositoryPolicies(connection, scope, outcome)
    for file in files:
        policies.put(file)
    policies.clear({file.name for file in files}, prune=prune)


class _RepositoryPolicies:
    def __init__(self, connection: sa.Connection, scope: Scope, outcome: Outcome) -> None:
        self._connection = connection
        self._scope = scope
        self._outcome = outcome
        self._ledger = Ledger(connection, scope.account, scope.region, "repository")

    def put(self, file: PolicyFile) -> None:
        found = self._find(file.name)
        if found is None:
            reason = f"waits: there is no repository {file.name!r} yet in {self._scope.region}"
            self._outcome.waiting.append(Problem(file.file, reason))
            return
        if found.document is not None and same(found.document, file.text):
            return
        self._delete(found.id)
        self._connection.execute(
            sa.insert(repository_policies).values(repository_id=found.id, document=file.text)
        )
        self._ledger.add(file.name, _mark(found.id, file.text))
        before = found.document or ""
        self._outcome.changes.append(
            Change("~" if before else "+", f"repository policy {file.name}", before, file.text)
        )

    def clear(self, wanted: set[str], *, prune: bool) -> None:
        for name, mark in self._ledger.entries():
            if name in wanted:
                continue
            found = self._find(name)
            if found is None or not found.document or _mark(found.id, found.document) != mark:
                self._ledger.remove(name)
            elif prune:
                self._delete(found.id)
                self._ledger.remove(name)
                self._outcome.changes.append(
                    Change("-", f"repository policy {name}", found.document)
                )
            else:
                self._outcome.kept.append(f"repository policy {name}")

    def _find(self, name: str) -> sa.Row[Any, Any] | None:
        """The repository's id and the text of its policy."""
        query = (
            sa.select(repositories.c.id, repository_policies.c.document)
            .outerjoin(
                repository_policies, repository_policies.c.repository_id == repositories.c.id
            )
            .where(
                repositories.c.account == self._scope.account,
                repositories.c.region == self._scope.region,
                repositories.c.name == name,
            )
        )
        return self._connection.execute(query).first()

    def _delete(self, repository_id: int) -> None:
        self._connection.execute(
            sa.delete(repository_policies).where(
                repository_policies.c.repository_id == repository_id
            )
        )


def _mark(repository_id: int, text: str) -> str:
    """Tells the text that was set from one that somebody set since."""
    return f"{repository_id} {hashlib.sha256(text.encode()).hexdigest()}"
