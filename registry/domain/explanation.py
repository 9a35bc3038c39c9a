"""A decision explained: who would ask, what would be decided, by which statement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.aws.policy import PolicyKind
from registry.domain.access import NOBODY
from registry.domain.identities.arns import ROBOT
from registry.values.errors import EntityNotFound

if TYPE_CHECKING:
    from registry.aws.policy import Decision
    from registry.domain.access import Access, Circumstances
    from registry.domain.identities.directory import Directory
    from registry.domain.identities.identity import Document, Identity
    from registry.domain.identities.robots import Robots

ANONYMOUS = ("anonymous", "*")
SESSION = "explain"
"""Name of the session that stands for a role."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, what the client would read, and the statement that decided."""

    decision: Decision
    message: str
    statement: Any
    """As JSON has it; None where no statement decided."""


class Principals:
    """Finds who is meant by an ARN, a robot's id or `anonymous`."""

    def __init__(self, directory: Directory, robots: Robots) -> None:
        self._directory = directory
        self._robots = robots

    def find(self, name: str, now: datetime) -> Identity | None:
        """The identity; None is an anonymous caller. Raises EntityNotFound."""
        if name in ANONYMOUS:
            return None
        found = self._robots.find(name, now) if name.startswith(ROBOT) else self._of_arn(name)
        if found is None:
            raise EntityNotFound(f"there is no active user, role, session or robot {name}")
        return found

    def _of_arn(self, arn: str) -> Identity | None:
        parts = arn.split(":", 5)
        if len(parts) != 6:
            return None
        kind, _, name = parts[5].partition("/")
        if kind == "user":
            user = self._directory.user_named(parts[4], name.rpartition("/")[2])
            return user if user is not None and user.arn == arn else None
        if kind == "role":
            role, session = self._directory.role_of_arn(arn), SESSION
        else:
            name, _, session = name.partition("/")
            role = self._directory.role_named(parts[4], name) if session else None
        return None if role is None else self._directory.role_session(role, session)


def explain(
    access: Access,
    identity: Identity | None,
    action: str,
    resource: str,
    circumstances: Circumstances,
) -> Explanation:
    """What would be decided now. Nothing is recorded."""
    decision = access.decide(identity, action, resource, circumstances)
    message = decision.message(identity.arn if identity else None, action, resource)
    guarded = access.guarded(resource)
    documents: dict[PolicyKind, tuple[Document | None, ...]] = {
        PolicyKind.RESOURCE: (guarded.policy, guarded.beside(circumstances)),
        PolicyKind.TRUST: (guarded.trust or NOBODY,),
    }
    if identity is not None:
        documents[PolicyKind.IDENTITY] = identity.policies
        documents[PolicyKind.BOUNDARY] = (identity.boundary,)
        documents[PolicyKind.SESSION] = identity.session_policies
    if decision.kind is None or decision.statement is None:
        return Explanation(decision, message, None)
    candidates = documents[decision.kind]
    text = next(each.text for each in candidates if each and each.name == decision.policy)
    return Explanation(decision, message, _statement(text, decision.statement))


def _statement(text: str, index: int) -> Any:
    statements = json.loads(text)["Statement"]
    return statements[index] if isinstance(statements, list) else statements
