"""Gates out of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.domain.gates import gates
from registry.domain.policyfiles.texts import Holder, Texts

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.domain.policyfiles.folder import PolicyFile
    from registry.domain.policyfiles.outcome import Outcome
    from registry.values.scope import Scope


def apply_gates(
    connection: sa.Connection,
    scope: Scope,
    files: Sequence[PolicyFile],
    outcome: Outcome,
    *,
    prune: bool,
) -> None:
    """Set the registry's gates; with `prune`, remove those whose file is gone."""
    _Gates(connection, scope, outcome).apply(files, prune=prune)


class _Gates(Texts):
    kind = "gate"
    noun = "gate"

    def find(self, name: str) -> Holder | None:
        found = gates.find(self.connection, self.scope, name)
        return Holder(name, None if found is None else found.document)

    def put(self, holder: Holder, text: str) -> str:
        gates.put(self.connection, self.scope, holder.id, text)
        return text

    def remove(self, holder: Holder) -> None:
        gates.remove(self.connection, self.scope, holder.id)
