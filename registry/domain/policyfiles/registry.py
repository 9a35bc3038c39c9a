"""The registry's policy out of its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.domain import registries
from registry.domain.policyfiles.texts import Holder, Texts

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.domain.policyfiles.folder import PolicyFile
    from registry.domain.policyfiles.outcome import Outcome
    from registry.values.scope import Scope


def apply_registry(
    connection: sa.Connection,
    scope: Scope,
    files: Sequence[PolicyFile],
    outcome: Outcome,
    *,
    prune: bool,
) -> None:
    """Set the registry's policy; with `prune`, remove one whose file is gone."""
    _RegistryPolicy(connection, scope, outcome).apply(files, prune=prune)


class _RegistryPolicy(Texts):
    kind = "registry"
    noun = "registry"

    def find(self, name: str) -> Holder | None:
        return Holder(name, registries.load(self.connection, self.scope, registries.POLICY))

    def put(self, holder: Holder, text: str) -> str:
        del holder
        registries.keep(self.connection, self.scope, registries.POLICY, text)
        return text

    def remove(self, holder: Holder) -> None:
        del holder
        registries.drop(self.connection, self.scope, registries.POLICY)
