"""Attachments out of files: which users, groups and roles have which managed policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import attachments
from registry.domain.identities.arns import iam_arn
from registry.domain.identities.entities import named
from registry.domain.identities.holdings import Holdings
from registry.domain.policyfiles.ledger import Joined, Ledger
from registry.domain.policyfiles.outcome import Change, Outcome
from registry.values.errors import Conflict, EntityNotFound

if TYPE_CHECKING:
    from registry.domain.policyfiles.attachments import Attachment
    from registry.domain.policyfiles.folder import Folder
    from registry.domain.policyfiles.problems import Problem


def apply_attachments(
    connection: sa.Connection,
    account: str,
    folder: Folder,
    outcome: Outcome,
    problems: list[Problem],
    *,
    prune: bool,
) -> None:
    """Detach what left the file (with `prune`), then attach what is in it."""
    holders = _Holders(connection, account, folder, outcome)
    wanted = holders.wanted(problems)
    holders.clear(wanted, prune=prune)
    for owner, arn in wanted:
        holders.attach(owner, arn, wanted[owner, arn], problems)


class _Holders:
    def __init__(
        self, connection: sa.Connection, account: str, folder: Folder, outcome: Outcome
    ) -> None:
        self._connection = connection
        self._account = account
        self._folder = folder
        self._outcome = outcome
        self._ledger = Ledger(connection, account, "", "attachment")
        self._holdings = Holdings(Joined(connection))
        self._paths = {file.name: file.path for file in folder.of("identity")}

    def wanted(self, problems: list[Problem]) -> dict[tuple[str, str], Attachment]:
        """Attachments by the holder's unique id and the policy's ARN."""
        found: dict[tuple[str, str], Attachment] = {}
        for each in self._folder.attachments:
            if each.policy.startswith("arn:") and each.policy.split(":")[4] not in self._accounts():
                problems.append(each.problem(f"{each.policy} is not of account {self._account}"))
                continue
            try:
                row = named(self._connection, each.kind, self._account, each.holder)
            except EntityNotFound as error:
                self._outcome.waiting.append(each.problem(f"waits: {error}"))
                continue
            found.setdefault((row.id, self._arn(each.policy)), each)
        return found

    def attach(self, owner: str, arn: str, each: Attachment, problems: list[Problem]) -> None:
        if self._attached(owner, arn):
            return
        try:
            self._holdings.attach(each.kind, self._account, each.holder, arn)
        except EntityNotFound as error:
            self._outcome.waiting.append(each.problem(f"waits: {error}"))
            return
        except Conflict as error:
            problems.append(each.problem(str(error)))
            return
        name = f"{each.kind.noun} {each.holder} {arn}"
        self._ledger.add(name, owner)
        self._outcome.changes.append(Change("+", f"attachment {name}"))

    def clear(self, wanted: dict[tuple[str, str], Attachment], *, prune: bool) -> None:
        for name, owner in self._ledger.entries():
            arn = name.rpartition(" ")[2]
            if (owner, arn) in wanted and self._attached(owner, arn):
                continue
            if not self._attached(owner, arn):
                self._ledger.remove(name)
            elif prune:
                self._connection.execute(sa.delete(attachments).where(*_is(owner, arn)))
                self._ledger.remove(name)
                self._outcome.changes.append(Change("-", f"attachment {name}"))
            else:
                self._outcome.kept.append(f"attachment {name}")

    def _attached(self, owner: str, arn: str) -> bool:
        query = sa.select(attachments.c.owner_id).where(*_is(owner, arn))
        return self._connection.execute(query).first() is not None

    def _accounts(self) -> tuple[str, str]:
        return self._account, "aws"

    def _arn(self, policy: str) -> str:
        if policy.startswith("arn:"):
            return policy
        return iam_arn(self._account, "policy", self._paths[policy], policy)


def _is(owner: str, arn: str) -> tuple[sa.ColumnElement[bool], ...]:
    return attachments.c.owner_id == owner, attachments.c.policy_arn == arn
