"""What would be decided: policies of an entity, or any documents, put to the decision.

Source: IAM API reference, SimulatePrincipalPolicy and SimulateCustomPolicy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.aws.policy import Policies, PolicyInvalid, PolicyKind, Principal, Request, parse
from registry.aws.policy import decide as decide_purely
from registry.domain.identities.identity import Document
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.aws.policy import Decision, Policy

Value = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Simulated:
    """One decision, and what it would have liked to know."""

    action: str
    resource: str
    decision: Decision
    missing: tuple[str, ...]
    """Context keys that a condition asked for and nobody gave."""
    within_boundary: bool | None
    """Whether the boundary allows it; None without one."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """Who would act, with which policies, in which context (keys in lower case)."""

    principal: Principal | None
    policies: Policies
    context: Mapping[str, Value] = field(default_factory=dict)

    def decide(self, action: str, resource: str, resource_account: str) -> Simulated:
        """The decision on one action and one resource."""
        seen = _Asked({**_now(), **self.context})
        request = Request(self.principal, action, resource, resource_account, seen)
        decision = decide_purely(self.policies, request)
        return Simulated(action, resource, decision, tuple(seen.missing), self._bounded(request))

    def _bounded(self, request: Request) -> bool | None:
        boundary = self.policies.boundary
        if boundary is None:
            return None
        return decide_purely(Policies(identity=(boundary,)), request).allowed


class _Asked(dict[str, Value]):
    """A context that writes down what it was asked for in vain."""

    def __init__(self, given: Mapping[str, Value]) -> None:
        super().__init__(given)
        self.missing: dict[str, None] = {}

    def get(self, key: str, default: Value | None = None) -> Value | None:  # type: ignore[override]  # narrower: only what `Request` calls
        """The value, if it was given."""
        if key not in self:
            self.missing[key] = None
        return super().get(key, default)


def compiled(documents: Iterable[Document], kind: PolicyKind) -> tuple[Policy, ...]:
    """Policies, ready for a simulation. Raises ParameterInvalid naming the one that is wrong."""
    found = []
    for document in documents:
        try:
            found.append(parse(document.text, kind, name=document.name))
        except PolicyInvalid as error:
            raise ParameterInvalid(f"{document.name}: {error}") from None
    return tuple(found)


def _now() -> dict[str, Value]:
    now = datetime.now(UTC)
    return {
        "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now.timestamp())),
    }
