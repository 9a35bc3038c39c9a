"""Policies out of files that are one text each: set, compared, remembered, pruned."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.domain.policyfiles.ledger import Ledger
from registry.domain.policyfiles.outcome import Change, Outcome, same
from registry.domain.policyfiles.problems import Problem

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.domain.policyfiles.folder import PolicyFile
    from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Holder:
    """What has a policy, or could have one."""

    id: str
    """Of its own: another holder of the same name has another one."""
    text: str | None


class Texts(ABC):
    """The policies of one kind in one registry, in one transaction."""

    kind = ""
    noun = ""
    """What people call it."""

    def __init__(self, connection: sa.Connection, scope: Scope, outcome: Outcome) -> None:
        self.connection = connection
        self.scope = scope
        self._outcome = outcome
        self._ledger = Ledger(connection, scope.account, scope.region, self.kind)

    @abstractmethod
    def find(self, name: str) -> Holder | None:
        """What the name means, with its policy as it is."""

    @abstractmethod
    def put(self, holder: Holder, text: str) -> str:
        """Give it the policy; the text as it is kept."""

    @abstractmethod
    def remove(self, holder: Holder) -> None:
        """Take its policy away."""

    def wanted(self, text: str) -> str:
        """A file's text as it would be kept."""
        return text

    def apply(self, files: Sequence[PolicyFile], *, prune: bool) -> None:
        """Set what is in the files; with `prune`, remove what has left them."""
        for file in files:
            self._apply(file)
        self._clear({file.name for file in files}, prune=prune)

    def _apply(self, file: PolicyFile) -> None:
        found = self.find(file.name)
        if found is None:
            reason = f"waits: there is no repository {file.name!r} yet in {self.scope.region}"
            self._outcome.waiting.append(Problem(file.file, reason))
            return
        before = found.text or ""
        if before and same(before, self.wanted(file.text)):
            return
        kept = self.put(found, file.text)
        self._ledger.add(file.name, _mark(found.id, kept))
        self._tell(Change("~" if before else "+", self._named(file.name), before, kept))

    def _clear(self, wanted: set[str], *, prune: bool) -> None:
        for name, mark in self._ledger.entries():
            if name in wanted:
                continue
            found = self.find(name)
            if found is None or not found.text or _mark(found.id, found.text) != mark:
                self._ledger.remove(name)
            elif prune:
                self.remove(found)
                self._ledger.remove(name)
                self._tell(Change("-", self._named(name), found.text))
            else:
                self._outcome.kept.append(self._named(name))

    def _named(self, name: str) -> str:
        return f"{self.noun} {name}".rstrip()

    def _tell(self, change: Change) -> None:
        self._outcome.changes.append(change)


def _mark(holder: str, text: str) -> str:
    """Tells the text that was set from one that somebody set since."""
    return f"{holder} {hashlib.sha256(text.encode()).hexdigest()}"
