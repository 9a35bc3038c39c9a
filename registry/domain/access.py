"""May this user do that? The rows of policies, compiled and handed to the pure decision.

Source: IAM User Guide, "Policy evaluation logic"; the decision is `aws/policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from registry.aws.policy import Policies, Policy, PolicyKind, Principal, Request, decide, parse
from registry.values.errors import Denied

if TYPE_CHECKING:
    from registry.aws.policy import Decision
    from registry.domain.identities import User

_ACCOUNT_PART = 4


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What conditions may ask about a request, beside who and what."""

    source_ip: str = ""
    secure: bool = False
    user_agent: str = ""

    def context(self) -> Mapping[str, str | tuple[str, ...]]:
        """As condition keys (IAM User Guide, "AWS global condition context keys")."""
        now = datetime.now(UTC)
        found = {
            "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:epochtime": str(int(now.timestamp())),
            "aws:securetransport": "true" if self.secure else "false",
        }
        if self.source_ip:
            found["aws:sourceip"] = self.source_ip
        if self.user_agent:
            found["aws:useragent"] = self.user_agent
        return found


class Access:
    """Decides, for every route and operation, before it runs."""

    def require(
        self, user: User, actions: tuple[str, ...], resource: str, circumstances: Circumstances
    ) -> None:
        """Raise Denied, in AWS's words, unless every action is allowed on the resource."""
        for action in actions:
            decision = _decide(user, action, resource, circumstances)
            if not decision.allowed:
                raise Denied(decision.message(user.arn, action, resource))

    def allows(self, user: User, action: str, resource: str, circumstances: Circumstances) -> bool:
        """Whether the action is allowed on the resource."""
        return _decide(user, action, resource, circumstances).allowed


def _decide(user: User, action: str, resource: str, circumstances: Circumstances) -> Decision:
    request = Request(
        principal=Principal(arn=user.arn, account=user.account, user_id=user.id, name=user.name),
        action=action,
        resource=resource,
        resource_account=_account_of(resource) or user.account,
        context=circumstances.context(),
    )
    return decide(_policies(user), request)


@lru_cache(maxsize=4096)
def _policies(user: User) -> Policies:
    return Policies(identity=tuple(_compiled(name, text) for name, text in user.policies))


@lru_cache(maxsize=1024)
def _compiled(name: str, text: str) -> Policy:
    return parse(text, PolicyKind.IDENTITY, name=name)


def _account_of(resource: str) -> str:
    parts = resource.split(":", 5)
    return parts[_ACCOUNT_PART] if len(parts) > _ACCOUNT_PART else ""
