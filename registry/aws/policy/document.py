"""Policy documents, parsed strictly and compiled once.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy
elements reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from registry.aws.policy import matching
from registry.aws.policy.conditions import AnyCondition, conditions
from registry.aws.policy.principals import Principals, principals
from registry.aws.policy.reading import Node, PolicyInvalid, located, read
from registry.aws.policy.request import Request
from registry.values.digest import shown

OLD, CURRENT = "2008-10-17", "2012-10-17"
LIMIT = 131_072
"""Characters of a document, white space included (IAM's policyDocumentType)."""

_POLICY_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"}
    | {"Resource", "NotResource", "Condition"}
)
_ACTION = re.compile(r"\*|\*:\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+", re.ASCII)
_SID = re.compile(r"[A-Za-z0-9]*", re.ASCII)
_WHITE_SPACE = re.compile(r"\s+")
_VARIABLE = re.compile(r"\$\{[^}]*\}")


class PolicyKind(Enum):
    """What a policy is attached to, in the words of AWS's messages."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"

    @property
    def names_principals(self) -> bool:
        """Whether its statements say whom they are about."""
        return self in (PolicyKind.RESOURCE, PolicyKind.TRUST)


class Effect(Enum):
    """What a statement does when it applies."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A compiled statement; `index` counts from 0."""

    index: int
    sid: str | None
    effect: Effect
    matches_action: Callable[[str], bool] = field(repr=False)
    """Takes the action in lower case."""
    matches_resource: Callable[[Request], bool] = field(repr=False)
    principals: Principals | None = field(repr=False)
    conditions: tuple[AnyCondition, ...] = field(repr=False)

    def applies(self, action: str, request: Request) -> bool:
        """Whether action (in lower case), resource and conditions match; not the principal."""
        if not self.matches_action(action) or not self.matches_resource(request):
            return False
        return all(condition.holds(request.value) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy. Equal, with the same hash, if kind, name and text are."""

    kind: PolicyKind
    name: str
    text: str = field(repr=False)
    version: str = field(compare=False)
    statements: tuple[Statement, ...] = field(compare=False, repr=False)
    allows: tuple[Statement, ...] = field(init=False, compare=False, repr=False)
    denies: tuple[Statement, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, effect in (("allows", Effect.ALLOW), ("denies", Effect.DENY)):
            chosen = tuple(each for each in self.statements if each.effect is effect)
            object.__setattr__(self, name, chosen)


def parse(
    document: str | Mapping[str, object], kind: PolicyKind, *, name: str = "", limit: int = LIMIT
) -> Policy:
    """Compile a document, given as JSON text or as the value of one.

    `limit` bounds the characters, which IAM counts without white space and a resource's
    policy with it. Raises PolicyInvalid naming the place.
    """
    text = document if isinstance(document, str) else _as_text(document)
    _check_size(text, kind, limit)
    try:
        return _policy(read(text), kind, name, text)
    except PolicyInvalid as error:
        if isinstance(document, str):
            raise located(error, text) from None
        raise


def _as_text(document: Mapping[str, object]) -> str:
    try:
        return json.dumps(document, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise PolicyInvalid("not a JSON object") from None


def _check_size(text: str, kind: PolicyKind, limit: int) -> None:
    counted = text if kind is PolicyKind.RESOURCE else _WHITE_SPACE.sub("", text)
    if len(text) > LIMIT or len(counted) > limit:
        raise PolicyInvalid(
            f"the policy has {len(counted)} characters, more than {min(limit, LIMIT)}"
        )


def _policy(root: Node, kind: PolicyKind, name: str, text: str) -> Policy:
    members = _members(root, _POLICY_ELEMENTS)
    version = members["Version"].text() if "Version" in members else OLD
    if version not in (OLD, CURRENT):
        raise members["Version"].refused(f"{shown(version)} is neither {CURRENT} nor {OLD}")
    if "Id" in members:
        members["Id"].text()
    if "Statement" not in members:
        raise root.refused("Statement is missing")
    read_statement = _Statements(kind, variables=version == CURRENT)
    nodes = members["Statement"].some()
    statements = tuple(read_statement(index, node) for index, node in enumerate(nodes))
    return Policy(kind, name, text, version, statements)


def _members(node: Node, known: frozenset[str]) -> dict[str, Node]:
    members = node.members()
    unknown = next((name for name in members if name not in known), None)
    if unknown is not None:
        meant = next((name for name in sorted(known) if name.lower() == unknown.lower()), None)
        hint = f" ({meant} is)" if meant else ""
        raise node.refused(f"{shown(unknown)} is not an element of a policy{hint}")
    return members


class _Statements:
    """Compiles the statements of one policy, one after the other."""

    def __init__(self, kind: PolicyKind, *, variables: bool) -> None:
        self._kind = kind
        self._variables = variables
        self._sids: set[str] = set()

    def __call__(self, index: int, node: Node) -> Statement:
        members = _members(node, _ELEMENTS)
        effect = self._effect(node, members)
        condition = members.get("Condition")
        return Statement(
            index=index,
            sid=self._sid(members["Sid"]) if "Sid" in members else None,
            effect=effect,
            principals=self._principals(node, members, effect),
            matches_action=self._action(node, members),
            matches_resource=self._resource(node, members),
            conditions=conditions(condition, variables=self._variables) if condition else (),
        )

    def _effect(self, node: Node, members: dict[str, Node]) -> Effect:
        if "Effect" not in members:
            raise node.refused("Effect is missing")
        try:
            return Effect(members["Effect"].text())
        except ValueError:
            found = shown(members["Effect"].text())
            raise members["Effect"].refused(f"must be Allow or Deny, not {found}") from None

    def _sid(self, node: Node) -> str:
        sid = node.text()
        # Services whose resources have policies accept any text, and the same one twice.
        if self._kind is not PolicyKind.RESOURCE:
            if _SID.fullmatch(sid) is None:
                raise node.refused(f"{shown(sid)} has other characters than A-Z, a-z and 0-9")
            if sid and sid in self._sids:
                raise node.refused(f"{shown(sid)} is the Sid of another statement")
        self._sids.add(sid)
        return sid

    def _principals(
        self, node: Node, members: dict[str, Node], effect: Effect
    ) -> Principals | None:
        chosen = _either(node, members, "Principal")
        if not self._kind.names_principals:
            if chosen is not None:
                raise chosen[1].refused(f"{chosen[0]} cannot be in an {PolicyKind.IDENTITY.value}")
            return None
        if chosen is None:
            raise node.refused("Principal is missing")
        name, value = chosen
        negated = name == "NotPrincipal"
        if negated and self._kind is PolicyKind.TRUST:
            raise value.refused("NotPrincipal cannot be in a role trust policy")
        if negated and effect is Effect.ALLOW:
            raise value.refused("NotPrincipal cannot be used with Allow")
        return principals(value, negated=negated)

    def _action(self, node: Node, members: dict[str, Node]) -> Callable[[str], bool]:
        chosen = _either(node, members, "Action")
        if chosen is None:
            raise node.refused("Action (or NotAction) is missing")
        name, value = chosen
        patterns = [_action_pattern(each) for each in value.some()]
        test = matching.texts(
            matching.template(each, variables=False, wildcards=True) for each in patterns
        )
        if name == "NotAction":
            return lambda action: not test(action, _nothing)
        return lambda action: test(action, _nothing)

    def _resource(self, node: Node, members: dict[str, Node]) -> Callable[[Request], bool]:
        chosen = _either(node, members, "Resource")
        if chosen is not None and self._kind is PolicyKind.TRUST:
            raise chosen[1].refused(f"{chosen[0]} cannot be in a role trust policy")
        if chosen is None:
            if self._kind.names_principals:
                return lambda _request: True
            raise node.refused("Resource (or NotResource) is missing")
        name, value = chosen
        test = matching.texts([self._resource_pattern(each) for each in value.some()])
        if name == "NotResource":
            return lambda request: not test(request.resource, request.value)
        return lambda request: test(request.resource, request.value)

    def _resource_pattern(self, node: Node) -> matching.Template:
        text = node.text()
        if text != "*" and not text.startswith("arn:"):
            raise node.refused(f"{shown(text)} is neither an ARN nor *")
        # AWS's guide keeps variables behind the fifth colon; policies it publishes do not.
        bare = _VARIABLE.sub("", text) if self._variables else text
        missing = matching.ARN_COMPONENTS - 1 - bare.count(":")
        if text != "*" and missing > 0:
            text += ":*" * missing  # AWS completes ARNs that are too short
        try:
            return matching.template(text, variables=self._variables, wildcards=True)
        except ValueError as error:
            raise node.refused(str(error)) from None


def _either(node: Node, members: dict[str, Node], name: str) -> tuple[str, Node] | None:
    """The element or its Not form, of which a statement has one at most."""
    present = [each for each in (name, f"Not{name}") if each in members]
    if len(present) > 1:
        raise node.refused(f"{present[0]} and {present[1]} exclude each other")
    return (present[0], members[present[0]]) if present else None


def _action_pattern(node: Node) -> str:
    text = node.text()
    if _ACTION.fullmatch(text) is None:
        raise node.refused(f"{shown(text)} is not an action (service:Name, wildcards allowed)")
    return text.lower()


def _nothing(_key: str) -> None:
    return None
