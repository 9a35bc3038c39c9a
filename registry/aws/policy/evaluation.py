"""The decision: AWS's evaluation logic as one pure function.

Sources: IAM User Guide, "Policy evaluation logic" (with "Determining whether a request is
allowed or denied within an account") and "Cross-account policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from registry.aws.policy.decision import Decision, Reason, decided
from registry.aws.policy.document import Policy, PolicyKind, Statement
from registry.aws.policy.principals import Grant
from registry.aws.policy.request import Principal, PrincipalType, Request

Found = tuple[Policy, Statement]


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that applies to one request.

    `identity` holds the caller's and its groups' policies, `boundary` the caller's permissions
    boundary, `session` what was passed when the session was made (none where it is empty),
    `resource` the policy of the resource, of kind RESOURCE or TRUST, `around` one of kind
    RESOURCE that guards everything of its sort in an account, such as an ECR registry's. A
    policy that cannot stand where it is put is a ValueError.

    `required` says that those of the resource must allow, whatever the caller's own do, as the
    policy of a KMS key must (KMS Developer Guide, "Key policies").
    """

    identity: tuple[Policy, ...] = ()
    resource: Policy | None = None
    boundary: Policy | None = None
    session: tuple[Policy, ...] = ()
    around: Policy | None = None
    required: bool = False

    @property
    def of_resource(self) -> tuple[Policy, ...]:
        """The policies on the resource's side."""
        return _one(self.resource) + _one(self.around)

    def __post_init__(self) -> None:
        for policy in self.of_resource:
            if not policy.kind.names_principals:
                raise ValueError(f"policy {policy.name!r} cannot be a resource's policy")
        for policy in (*self.identity, *self.session, *_one(self.boundary)):
            if policy.kind.names_principals:
                raise ValueError(f"policy {policy.name!r} can only be a resource's policy")


def decide(policies: Policies, request: Request) -> Decision:
    """Whether the request is allowed, and by what or why not. Never raises, reads no clock."""
    action = request.action.lower()
    denial = _explicit_denial(policies, action, request)
    if denial is not None:
        return denial
    principal = request.principal
    if principal is None or principal.type is not PrincipalType.AWS:
        return _by_resource_alone(policies, action, request)
    if principal.account != request.resource_account:
        return _across_accounts(policies, principal, action, request)
    return _within_account(policies, principal, action, request)


def _explicit_denial(policies: Policies, action: str, request: Request) -> Decision | None:
    for kind, policy in _limiting(policies):
        for statement in policy.denies:
            if statement.applies(action, request):
                return decided(Reason.EXPLICIT_DENY, kind, policy, statement)
    for policy in policies.of_resource:
        for statement in policy.denies:
            if _covered(statement, request) and statement.applies(action, request):
                return decided(Reason.EXPLICIT_DENY, policy.kind, policy, statement)
    return None


def _limiting(policies: Policies) -> Iterator[tuple[PolicyKind, Policy]]:
    """The policies on the caller's side, with the role in which each stands."""
    for policy in policies.identity:
        yield PolicyKind.IDENTITY, policy
    if policies.boundary is not None:
        yield PolicyKind.BOUNDARY, policies.boundary
    for policy in policies.session:
        yield PolicyKind.SESSION, policy


def _covered(statement: Statement, request: Request) -> bool:
    return statement.principals is not None and statement.principals.covers(request.principal)


def _by_resource_alone(policies: Policies, action: str, request: Request) -> Decision:
    """Callers without an account: anonymous ones, services, federated identities."""
    _, found = _grant(policies.of_resource, action, request)
    if found is None:
        return _no_resource_policy(policies)
    return decided(Reason.ALLOWED, found[0].kind, *found)


def _within_account(
    policies: Policies, principal: Principal, action: str, request: Request
) -> Decision:
    """Either side suffices; how the resource's policy names the caller says what limits it."""
    grant, by_resource = _grant(policies.of_resource, action, request)
    if by_resource is not None and grant is Grant.DIRECT:
        return decided(Reason.ALLOWED, by_resource[0].kind, *by_resource)
    if by_resource is None and (policies.required or _must_allow(policies.resource)):
        return _no_resource_policy(policies)
    by_role = by_resource if grant is Grant.ROLE else None
    by_identity = _allowing(policies.identity, action, request)
    if by_identity is None and by_role is None and not principal.is_root:
        return Decision(False, Reason.NO_IDENTITY_POLICY, PolicyKind.IDENTITY)
    return _limit(policies, principal, action, request) or _allowed(by_identity, by_role)


def _across_accounts(
    policies: Policies, principal: Principal, action: str, request: Request
) -> Decision:
    """Both sides must allow: the caller's account in full, and the resource's policy."""
    by_identity = _allowing(policies.identity, action, request)
    if by_identity is None and not principal.is_root:
        return Decision(False, Reason.NO_IDENTITY_POLICY, PolicyKind.IDENTITY)
    limit = _limit(policies, principal, action, request)
    if limit is not None:
        return limit
    _, by_resource = _grant(policies.of_resource, action, request)
    if by_resource is None:
        return _no_resource_policy(policies)
    return decided(Reason.ALLOWED, by_resource[0].kind, *by_resource)


def _limit(
    policies: Policies, principal: Principal, action: str, request: Request
) -> Decision | None:
    """The refusal by a boundary or by session policies that do not allow."""
    if policies.boundary and _allowing((policies.boundary,), action, request) is None:
        return Decision(False, Reason.NO_BOUNDARY, PolicyKind.BOUNDARY)
    # A federated user session without a session policy has no permissions of its own.
    limited = bool(policies.session) or principal.is_federated_user
    if limited and _allowing(policies.session, action, request) is None:
        return Decision(False, Reason.NO_SESSION_POLICY, PolicyKind.SESSION)
    return None


def _allowed(by_identity: Found | None, by_role: Found | None) -> Decision:
    if by_identity is not None:
        return decided(Reason.ALLOWED, PolicyKind.IDENTITY, *by_identity)
    if by_role is not None:
        return decided(Reason.ALLOWED, by_role[0].kind, *by_role)
    return Decision(True, Reason.ALLOWED)


def _allowing(policies: tuple[Policy, ...], action: str, request: Request) -> Found | None:
    for policy in policies:
        for statement in policy.allows:
            if statement.applies(action, request):
                return policy, statement
    return None


def _grant(
    policies: tuple[Policy, ...], action: str, request: Request
) -> tuple[Grant, Found | None]:
    """The strongest grant of the resource's policies, with its statement."""
    best, found = Grant.NONE, None
    for policy in policies:
        for statement in policy.allows:
            element = statement.principals
            grant = element.grant(request.principal) if element is not None else Grant.NONE
            if grant > best and statement.applies(action, request):
                best, found = grant, (policy, statement)
    return best, found


def _must_allow(policy: Policy | None) -> bool:
    """A role's trust policy is never bypassed by what the caller's own policies allow."""
    return policy is not None and policy.kind is PolicyKind.TRUST


def _no_resource_policy(policies: Policies) -> Decision:
    kind = policies.resource.kind if policies.resource is not None else PolicyKind.RESOURCE
    return Decision(False, Reason.NO_RESOURCE_POLICY, kind)


def _one(policy: Policy | None) -> tuple[Policy, ...]:
    return () if policy is None else (policy,)
