"""The Principal and NotPrincipal elements of resource-based policies.

Sources: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal"; "Policy
evaluation logic" (what each way of naming a principal is worth).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from registry.aws.policy.reading import Node
from registry.aws.policy.request import Principal, PrincipalType
from registry.values.digest import shown

_ACCOUNT = re.compile(r"[0-9]{12}|arn:aws[a-z-]*:iam::([0-9]{12}):root", re.ASCII)
_ENTITY = re.compile(
    r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:user|role)/[!-)+->@-~]+"
    r"|arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+"
    r"|arn:aws[a-z-]*:sts::[0-9]{12}:federated-user/[\w+=,.@-]+",
    re.ASCII,
)
_GONE = re.compile(r"A(?:IDA|ROA)[A-Z0-9]{8,124}", re.ASCII)
"""What stands in a policy for a user or role that was deleted: it is nobody's name any more."""
_OTHERS = {
    PrincipalType.SERVICE: re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII),
    PrincipalType.FEDERATED: re.compile(r"[a-z0-9.-]+(?:/[!-)+->@-~]+)?|arn:aws[!-)+->@-~]+", re.A),
    PrincipalType.CANONICAL_USER: re.compile(r"[0-9a-f]{64}", re.ASCII),
}


class Grant(IntEnum):
    """What an Allow is worth to a caller of the same account, from nothing to everything."""

    NONE = 0
    ACCOUNT = 1
    """The account was named: it is for the account's identity policies to allow."""
    ROLE = 2
    """The session's role was named: boundaries and session policies still limit it."""
    DIRECT = 3
    """The caller itself, or everyone, was named: no implicit deny limits it."""


@dataclass(frozen=True, slots=True, eq=False)
class Principals:
    """A compiled element. `negated` for NotPrincipal, which occurs with Deny alone."""

    everyone: bool
    accounts: frozenset[str]
    names: frozenset[tuple[PrincipalType, str]]
    negated: bool = False

    def grant(self, principal: Principal | None) -> Grant:
        """What an Allow with this element gives to the caller."""
        if self.everyone:
            return Grant.DIRECT
        if principal is None:
            return Grant.NONE
        if (principal.type, principal.arn) in self.names:
            return Grant.DIRECT
        if principal.type is not PrincipalType.AWS:
            return Grant.NONE
        if principal.role_arn and (PrincipalType.AWS, principal.role_arn) in self.names:
            return Grant.ROLE
        return Grant.ACCOUNT if principal.account in self.accounts else Grant.NONE

    def covers(self, principal: Principal | None) -> bool:
        """Whether a Deny with this element applies to the caller."""
        if not self.negated:
            return self.grant(principal) is not Grant.NONE
        return not (self.everyone or (principal is not None and self._spares(principal)))

    def _spares(self, principal: Principal) -> bool:
        """NotPrincipal spares a caller only if its session, role (or user) and account are named.

        AWS: "you must also specify the account ARN of the not-denied principal".
        """
        if principal.type is not PrincipalType.AWS:
            return (principal.type, principal.arn) in self.names
        if principal.account not in self.accounts:
            return False
        arns = [] if principal.is_root else [principal.arn, principal.role_arn or principal.arn]
        return all((PrincipalType.AWS, arn) in self.names for arn in arns)


def principals(node: Node, *, negated: bool = False) -> Principals:
    """Compile the element. Raises PolicyInvalid."""
    if isinstance(node.value, str):
        if node.text() != "*":
            raise node.refused('must be "*" or an object such as {"AWS": …}')
        return Principals(everyone=True, accounts=frozenset(), names=frozenset(), negated=negated)
    members = node.members()
    if not members:
        raise node.refused("must not be empty")
    listed = [
        (_type(name, values), value) for name, values in members.items() for value in values.some()
    ]
    named = {_named(kind, value) for kind, value in listed}
    accounts = frozenset(name for kind, name in named if kind is None)
    return Principals(
        everyone="*" in accounts,
        accounts=accounts,
        names=frozenset((kind, name) for kind, name in named if kind is not None),
        negated=negated,
    )


def _type(name: str, node: Node) -> PrincipalType:
    try:
        return PrincipalType(name)
    except ValueError:
        known = ", ".join(each.value for each in PrincipalType)
        raise node.refused(f"{shown(name)} is not a type of principal ({known})") from None


def _named(kind: PrincipalType, node: Node) -> tuple[PrincipalType | None, str]:
    """The type and name; no type for an account's id or for `*`."""
    text = node.text()
    if kind is PrincipalType.AWS:
        return _aws(text, node)
    if _OTHERS[kind].fullmatch(text) is None:
        raise node.refused(f"{shown(text)} is not a principal of type {kind.value}")
    return kind, text


def _aws(text: str, node: Node) -> tuple[PrincipalType | None, str]:
    account = _ACCOUNT.fullmatch(text)
    if account is not None:
        return None, account[1] or text
    if text == "*":
        return None, text
    if _ENTITY.fullmatch(text) is None and _GONE.fullmatch(text) is None:
        raise node.refused(_why_not(text))
    return PrincipalType.AWS, text


def _why_not(text: str) -> str:
    if "*" in text or "?" in text:
        return f"{shown(text)}: a wildcard cannot match part of a principal's name"
    return f"{shown(text)} is not *, an account id, or the ARN of an account, user, role or session"
