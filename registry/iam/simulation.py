"""IAM's policy simulator: what would be decided, and by which statement.

Of a resource nothing is looked up: its policy and tags are what the request gives.
Source: IAM API reference, SimulatePrincipalPolicy and SimulateCustomPolicy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.policy import Policies, PolicyKind, Principal, Reason
from registry.aws.service import ANY
from registry.domain.identities.arns import iam_arn
from registry.domain.identities.aws_managed import PREFIX
from registry.domain.identities.entities import GROUPS, ROLES, USERS
from registry.domain.identities.identity import Document
from registry.domain.identities.simulation import Simulation, compiled
from registry.iam.service import Operations, iam
from registry.values.errors import EntityNotFound, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.identities.entities import Entity
    from registry.domain.identities.identity import Identity
    from registry.domain.identities.simulation import Simulated
    from registry.iam.service import Parameters

_DENIED = {Reason.EXPLICIT_DENY: "explicitDeny"}
_ACCOUNT_PART = 4
_POLICIES, _BOUNDARIES = "PolicyInputList", "PermissionsBoundaryPolicyInputList"

Question = tuple[int, str, str]
"""Number, action, resource."""


class SimulationOperations(Operations):
    """Simulate the policies of an entity, or any."""

    def source_arn(self, _context: Context, parameters: Parameters) -> Sequence[str]:
        """The user, group or role that PolicySourceArn names."""
        return (parameters["policy_source_arn"],)

    @iam.operation(resource=ANY)
    def simulate_custom_policy(
        self,
        context: Context,
        *,
        policy_input_list: Sequence[str],
        action_names: Sequence[str],
        permissions_boundary_policy_input_list: Sequence[str] = (),
        resource_arns: Sequence[str] = (),
        resource_policy: str | None = None,
        resource_owner: str | None = None,
        caller_arn: str | None = None,
        context_entries: Sequence[Mapping[str, Any]] = (),
        max_items: int | None = None,
        marker: str | None = None,
    ) -> Mapping[str, Any]:
        """Decide by the policies given."""
        simulation = Simulation(
            _caller(caller_arn) or _nobody(context.account),
            _policies(
                _given(_POLICIES, policy_input_list),
                _given(_BOUNDARIES, permissions_boundary_policy_input_list),
                resource_policy,
            ),
            _context(context_entries),
        )
        questions = _Questions(action_names, resource_arns or ("*",))
        paging = self._paging(context, f"simulation {questions.count}", marker, max_items)
        asked, more = paging.load(questions.page, _number)
        owner = _owner(resource_owner)
        results = [_result(_decided(context, simulation, each, owner), "none") for each in asked]
        return {"EvaluationResults": results, **more}

    @iam.operation(resource=source_arn)
    def simulate_principal_policy(
        self,
        context: Context,
        *,
        policy_source_arn: str,
        action_names: Sequence[str],
        policy_input_list: Sequence[str] = (),
        permissions_boundary_policy_input_list: Sequence[str] = (),
        resource_arns: Sequence[str] = (),
        resource_policy: str | None = None,
        resource_owner: str | None = None,
        caller_arn: str | None = None,
        context_entries: Sequence[Mapping[str, Any]] = (),
        max_items: int | None = None,
        marker: str | None = None,
    ) -> Mapping[str, Any]:
        """Decide by the policies that a user, group or role has, and further ones."""
        entity = self._source(context.account, policy_source_arn)
        identity = self._identity(entity)
        held = (
            identity.policies
            if identity
            else self._stores.holdings.documents(entity.kind, entity.account, entity.name)
        )
        boundary = _given(_BOUNDARIES, permissions_boundary_policy_input_list)
        if not boundary and identity is not None and identity.boundary is not None:
            boundary = (identity.boundary,)
        principal = _caller(caller_arn) or (
            _principal(identity) if identity else _nobody(context.account)
        )
        simulation = Simulation(
            principal,
            _policies((*held, *_given(_POLICIES, policy_input_list)), boundary, resource_policy),
            _context(context_entries),
        )
        questions = _Questions(action_names, resource_arns or ("*",))
        listing = f"simulation {entity.id} {questions.count}"
        paging = self._paging(context, listing, marker, max_items)
        asked, more = paging.load(questions.page, _number)
        owner, noun = _owner(resource_owner), entity.kind.noun
        results = [_result(_decided(context, simulation, each, owner), noun) for each in asked]
        return {"EvaluationResults": results, **more}

    def _source(self, account: str, arn: str) -> Entity:
        noun, _, rest = arn.split(":", 5)[-1].partition("/") if arn.count(":") > 4 else ("", "", "")
        kind = next((each for each in (USERS, GROUPS, ROLES) if each.noun == noun), None)
        found = self._stores.find(kind, account, rest.rpartition("/")[2]) if kind else None
        if found is None or found.arn != arn:
            raise EntityNotFound(f"The policy source {arn} cannot be found.")
        return found

    def _identity(self, entity: Entity) -> Identity | None:
        directory = self._stores.directory
        if entity.kind is USERS:
            return directory.user(entity.id)
        role = directory.role(entity.id) if entity.kind is ROLES else None
        return directory.role_session(role, "simulated") if role is not None else None


class _Questions:
    """Every action on every resource, one page of them at a time."""

    def __init__(self, actions: Sequence[str], resources: Sequence[str]) -> None:
        self._actions = actions
        self._resources = resources
        self.count = len(actions) * len(resources)

    def page(self, after: str, limit: int) -> list[Question]:
        """Number, action and resource of those behind a number."""
        first = int(after) + 1 if after else 0
        found = []
        for number in range(first, min(first + limit, self.count)):
            action, resource = divmod(number, len(self._resources))
            found.append((number, self._actions[action], self._resources[resource]))
        return found


def _number(question: Question) -> str:
    return f"{question[0]:09}"


def _decided(
    context: Context, simulation: Simulation, question: Question, owner: str | None
) -> Simulated:
    _, action, resource = question
    return simulation.decide(action, resource, owner or _account(resource) or context.account)


def _given(what: str, texts: Sequence[str]) -> tuple[Document, ...]:
    return tuple(Document(f"{what}.{number}", text) for number, text in enumerate(texts, 1))


def _policies(
    identity: Sequence[Document], boundary: Sequence[Document], resource: str | None
) -> Policies:
    """Raises ParameterInvalid naming the document that is wrong."""
    boundaries = compiled(boundary, PolicyKind.BOUNDARY)
    if len(boundaries) > 1:
        raise ParameterInvalid("Only one permissions boundary can be simulated at a time.")
    of_resource = () if resource is None else (Document("ResourcePolicy", resource),)
    return Policies(
        identity=compiled(identity, PolicyKind.IDENTITY),
        boundary=next(iter(boundaries), None),
        resource=next(iter(compiled(of_resource, PolicyKind.RESOURCE)), None),
    )


def _context(entries: Sequence[Mapping[str, Any]]) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {}
    for entry in entries:
        values = tuple(entry.get("ContextKeyValues") or ())
        key, kind = entry.get("ContextKeyName"), entry.get("ContextKeyType", "string")
        if key is None or (len(values) != 1 and not kind.endswith("List")):
            raise ParameterInvalid(
                "A context entry has a name, and one value unless its type is a list."
            )
        found[key.lower()] = values if kind.endswith("List") else values[0]
    return found


def _principal(identity: Identity) -> Principal:
    return Principal(
        arn=identity.arn,
        account=identity.account,
        user_id=identity.id,
        name=identity.name,
        tags=dict(identity.tags),
        role_arn=identity.role_arn,
    )


def _caller(arn: str | None) -> Principal | None:
    if arn is None:
        return None
    if ":user/" not in arn or not _account(arn):
        raise ParameterInvalid(f"Invalid CallerArn: {arn} is not the ARN of a user.")
    return Principal(arn, _account(arn), name=arn.rpartition("/")[2])


def _nobody(account: str) -> Principal:
    """A user of the account without a name, for policies that nobody has."""
    return Principal(iam_arn(account, "user", "/", ""), account)


def _owner(arn: str | None) -> str | None:
    if arn is not None and not _account(arn):
        raise ParameterInvalid(f"Invalid ResourceOwner: {arn} is not the ARN of an account.")
    return None if arn is None else _account(arn)


def _account(arn: str) -> str:
    parts = arn.split(":", _ACCOUNT_PART + 1)
    return parts[_ACCOUNT_PART] if len(parts) > _ACCOUNT_PART else ""


def _result(simulated: Simulated, source: str) -> dict[str, Any]:
    decision = simulated.decision
    denied = _DENIED.get(decision.reason, "implicitDeny")
    result: dict[str, Any] = {
        "EvalActionName": simulated.action,
        "EvalResourceName": simulated.resource,
        "EvalDecision": "allowed" if decision.allowed else denied,
        "MatchedStatements": [],
        "MissingContextValues": list(simulated.missing),
    }
    if decision.policy is not None:
        kind = _source_type(decision.policy, decision.kind, source)
        result["MatchedStatements"].append(
            {"SourcePolicyId": decision.policy, "SourcePolicyType": kind}
        )
    if simulated.within_boundary is not None:
        detail = {"AllowedByPermissionsBoundary": simulated.within_boundary}
        result["PermissionsBoundaryDecisionDetail"] = detail
    return result


def _source_type(policy: str, kind: PolicyKind | None, source: str) -> str:
    if kind is PolicyKind.RESOURCE:
        return "resource"
    if policy.startswith("arn:"):
        return "aws-managed" if policy.startswith(PREFIX) else "user-managed"
    given = policy.startswith((f"{_POLICIES}.", f"{_BOUNDARIES}."))
    return "none" if given else source
