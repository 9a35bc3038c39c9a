"""Identity policies out of files: managed policies of the account, in IAM's own terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.domain.identities.arns import iam_arn
from registry.domain.identities.policies import VERSIONS, Policies
from registry.domain.policyfiles.ledger import Joined, Ledger
from registry.domain.policyfiles.outcome import Change, Outcome, same
from registry.domain.policyfiles.problems import Problem
from registry.values.errors import Conflict, EntityExists, EntityNotFound

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.domain.identities.policies import Version
    from registry.domain.policyfiles.folder import Folder, PolicyFile


class ManagedPolicies:
    """Puts and clears the managed policies of one account, in one transaction."""

    def __init__(
        self, connection: sa.Connection, account: str, outcome: Outcome, problems: list[Problem]
    ) -> None:
        self._policies = Policies(Joined(connection))
        self._account = account
        self._ledger = Ledger(connection, account, "", "identity")
        self._outcome = outcome
        self._problems = problems

    def put(self, files: Sequence[PolicyFile]) -> None:
        """Create what is missing, and give another version to what says something else."""
        for file in files:
            try:
                self._put(file)
            except EntityExists:
                reason = f"a policy {file.name!r} exists with another path or case than the file's"
                self._problems.append(Problem(file.file, reason))
            except Conflict as error:
                self._problems.append(Problem(file.file, str(error)))

    def _put(self, file: PolicyFile) -> None:
        arn = self._arn(file)
        try:
            versions = self._policies.versions(self._account, arn)
        except EntityNotFound:
            created = self._policies.create(self._account, file.name, file.text, path=file.path)
            self._ledger.add(arn, created.id)
            self._tell(Change("+", f"identity policy {file.name}", after=file.text))
            return
        current = next(version for version in versions if version.is_default)
        if same(current.document, file.text):
            return
        self._make_room(arn, versions)
        self._policies.add_version(self._account, arn, file.text, default=True)
        self._tell(Change("~", f"identity policy {file.name}", current.document, file.text))

    def _make_room(self, arn: str, versions: Sequence[Version]) -> None:
        """Let the oldest version go that does not count, where there are as many as can be."""
        spare = [version for version in versions if not version.is_default]
        if len(versions) >= VERSIONS:
            self._policies.delete_version(self._account, arn, spare[-1].id)

    def clear(self, folder: Folder, *, prune: bool) -> None:
        """Remove, or without `prune` report, the policies made from files that are gone."""
        wanted = {self._arn(file) for file in folder.of("identity")}
        for arn, mark in self._ledger.entries():
            if arn in wanted:
                continue
            if not self._stands(arn, mark):
                self._ledger.remove(arn)
            elif prune:
                self._remove(folder, arn)
            else:
                self._outcome.kept.append(f"identity policy {arn}")

    def _stands(self, arn: str, mark: str) -> bool:
        """Whether the policy is the one that was made, not one of its name made since."""
        try:
            return self._policies.get(self._account, arn).id == mark
        except EntityNotFound:
            return False

    def _remove(self, folder: Folder, arn: str) -> None:
        versions = self._policies.versions(self._account, arn)
        current = next(version for version in versions if version.is_default)
        try:
            for version in versions:
                if not version.is_default:
                    self._policies.delete_version(self._account, arn, version.id)
            self._policies.delete(self._account, arn)
        except Conflict as error:
            self._problems.append(Problem(folder.root, f"{arn} has no file any more: {error}"))
            return
        self._ledger.remove(arn)
        self._tell(Change("-", f"identity policy {arn.rpartition('/')[2]}", current.document))

    def _arn(self, file: PolicyFile) -> str:
        return iam_arn(self._account, "policy", file.path, file.name)

    def _tell(self, change: Change) -> None:
        self._outcome.changes.append(change)
