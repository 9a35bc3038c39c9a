"""What was decided, and why, in AWS's words.

Source: IAM User Guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from registry.aws.policy.document import Policy, PolicyKind, Statement


class Reason(Enum):
    """Why a request is allowed or not."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit deny"
    NO_IDENTITY_POLICY = "no identity-based policy allows"
    NO_RESOURCE_POLICY = "no resource-based policy allows"
    NO_BOUNDARY = "no permissions boundary allows"
    NO_SESSION_POLICY = "no session policy allows"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with the statement that decided where there is one.

    `kind` is the role in which the policy stood (a managed policy can be a boundary);
    `statement` its index from 0. All are None for the root user, who needs no policy; after
    an implicit deny only `kind` is set, to what should have allowed.
    """

    allowed: bool
    reason: Reason
    kind: PolicyKind | None = None
    policy: str | None = None
    statement: int | None = None
    sid: str | None = None

    def message(self, principal: str | None, action: str, resource: str) -> str:
        """The sentence for the client; `principal` is an ARN, None for nobody in particular."""
        who = f"User: {principal or 'anonymous'} is"
        asked = f"authorized to perform: {action} on resource: {resource}"
        if self.allowed:
            return f"{who} {asked}"
        return f"{who} not {asked} {self._because(action)}"

    def _because(self, action: str) -> str:
        kind = self.kind.value if self.kind is not None else "policy"
        if self.reason is not Reason.EXPLICIT_DENY:
            return f"because no {kind} allows the {action} action"
        if self.kind is PolicyKind.TRUST:
            return f"with an explicit deny in the {kind}"
        article = "an" if self.kind is PolicyKind.IDENTITY else "a"
        return f"with an explicit deny in {article} {kind}"


def decided(reason: Reason, kind: PolicyKind, policy: Policy, statement: Statement) -> Decision:
    """The decision that a statement brought about."""
    allowed = reason is Reason.ALLOWED
    return Decision(allowed, reason, kind, policy.name, statement.index, statement.sid)
