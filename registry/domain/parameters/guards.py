"""What a parameter brings to a decision about it: its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.domain.access import UNGUARDED, Guarded
from registry.domain.parameters.names import reference
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.parameters.parameters import Parameters


class ParameterGuards:
    """By the ARN of a parameter."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def __call__(self, arn: str) -> Guarded:
        """Its tags; nothing where there is no such parameter."""
        named = reference(Scope("", ""), arn)
        found = self._parameters.find(named.scope, named.key)
        return UNGUARDED if found is None else Guarded(tags=tuple(sorted(found.tags.items())))
