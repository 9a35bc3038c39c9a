"""Brings a directory of policy files into force: all of it, in one transaction, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import accounts
from registry.domain.policyfiles.gates import apply_gates
from registry.domain.policyfiles.holders import apply_attachments
from registry.domain.policyfiles.lifecycle import apply_lifecycle
from registry.domain.policyfiles.managed import ManagedPolicies
from registry.domain.policyfiles.outcome import Outcome
from registry.domain.policyfiles.problems import PolicyFilesInvalid, Problem
from registry.domain.policyfiles.registry import apply_registry
from registry.domain.policyfiles.repositories import apply_repositories

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.policyfiles.folder import Folder
    from registry.values.scope import Scope


class PolicyFiles:
    """Applies directories to one account, and to its registry in one region."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database = database
        self._scope = scope

    def apply(self, folder: Folder, *, prune: bool = False) -> Outcome:
        """Make the directory's policies those in force; `prune` removes what left it.

        Only what was made from files is ever removed. Doing it again changes nothing.
        Raises PolicyFilesInvalid, and then nothing was changed.
        """
        with self._database.write() as connection:
            return self._applied(connection, folder, prune)

    def diff(self, folder: Folder, *, prune: bool = False) -> Outcome:
        """What `apply` would do: it is done, looked at and undone, so it cannot differ.

        Raises PolicyFilesInvalid where `apply` would.
        """
        try:
            with self._database.write() as connection:
                raise _Undone(self._applied(connection, folder, prune))
        except _Undone as undone:
            return undone.outcome

    def _applied(self, connection: sa.Connection, folder: Folder, prune: bool) -> Outcome:
        self._require_account(connection, folder)
        outcome, problems = Outcome(), list[Problem]()
        managed = ManagedPolicies(connection, self._scope.account, outcome, problems)
        managed.put(folder.of("identity"))
        apply_attachments(connection, self._scope.account, folder, outcome, problems, prune=prune)
        apply_repositories(connection, self._scope, folder.of("repository"), outcome, prune=prune)
        apply_lifecycle(connection, self._scope, folder.of("lifecycle"), outcome, prune=prune)
        apply_gates(connection, self._scope, folder.of("gate"), outcome, prune=prune)
        apply_registry(connection, self._scope, folder.of("registry"), outcome, prune=prune)
        managed.clear(folder, prune=prune)
        if problems:
            raise PolicyFilesInvalid(problems)
        return outcome

    def _require_account(self, connection: sa.Connection, folder: Folder) -> None:
        known = sa.select(accounts.c.id).where(accounts.c.id == self._scope.account)
        if connection.execute(known).first() is None:
            reason = f"this server has no account {self._scope.account}"
            raise PolicyFilesInvalid([Problem(folder.root, reason)])


class _Undone(Exception):
    """Ends a transaction that was only looked at."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome
