"""May this identity do that? The rows of policies, compiled and handed to the pure decision.

Source: IAM User Guide, "Policy evaluation logic"; the decision is `aws/policy`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.aws.policy import (
    Policies,
    Policy,
    PolicyKind,
    Principal,
    PrincipalType,
    Request,
    decide,
    parse,
)
from registry.domain.audit_events import TEXT_MAX, Event
from registry.domain.identities.arns import AWS_MANAGED
from registry.domain.identities.identity import Document
from registry.values.errors import Denied

if TYPE_CHECKING:
    from registry.aws.policy import Decision
    from registry.domain.identities.identity import Identity

_ACCOUNT_PART = 4

_STS = "sts:"
_IMAGE_TAG = "ecr:imagetag"

Value = str | tuple[str, ...]
Record = Callable[[Event], None]
"""Takes an event for the audit log; must be quick and never raise."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What conditions may ask about a request, beside who and what."""

    source_ip: str = ""
    secure: bool = False
    user_agent: str = ""
    more: Mapping[str, Value] = field(default_factory=dict)
    """Keys of the operation, in lower case, such as `ecr:imagetag`."""
    request_id: str = ""
    access_key_id: str = ""
    """What the caller was proven with; for the audit log alone, as is the next."""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def context(self, tags: Mapping[str, str]) -> dict[str, Value]:
        """As condition keys, with the resource's tags (IAM User Guide, "Global keys")."""
        now = datetime.now(UTC)
        found: dict[str, Value] = {
            "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:epochtime": str(int(now.timestamp())),
            "aws:securetransport": "true" if self.secure else "false",
            **self.more,
        }
        if self.source_ip:
            found["aws:sourceip"] = self.source_ip
        if self.user_agent:
            found["aws:useragent"] = self.user_agent
        for key, value in tags.items():
            found[f"aws:resourcetag/{key.lower()}"] = value
            found[f"ecr:resourcetag/{key.lower()}"] = value
            found[f"ecr-public:resourcetag/{key.lower()}"] = value
            found[f"iam:resourcetag/{key.lower()}"] = value
            found[f"secretsmanager:resourcetag/{key.lower()}"] = value
            found[f"ssm:resourcetag/{key.lower()}"] = value
        return found


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a resource itself brings to a decision about it."""

    policy: Document | None = None
    tags: tuple[tuple[str, str], ...] = ()
    trust: Document | None = None
    """A role's trust policy: the resource's policy where the action is one of STS."""
    around: Document | None = None
    """The policy of the registry that the resource belongs to."""
    required: bool = False
    """Whether the policy must allow, whatever the caller's own do."""
    more: Callable[[Circumstances], Document | None] | None = None
    """What else allows, where only the request tells: the grants of a key."""

    def beside(self, circumstances: Circumstances) -> Document | None:
        """What stands beside the resource's own policy."""
        return self.around if self.more is None else self.more(circumstances)


UNGUARDED = Guarded()


class Found(str):
    """The ARN of what a request's name led to, on which is decided.

    A refusal shows `asked`, the ARN as the request alone tells it: who may not look does not
    learn whether there is such a thing, under which path, or whose it is.
    """

    __slots__ = ("asked",)

    def __new__(cls, arn: str, asked: str) -> Found:
        """The ARN as stored, and as asked for."""
        found = super().__new__(cls, arn)
        found.asked = asked
        return found

    asked: str


NOBODY = Document(
    "no role",
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": {"AWS":'
    ' "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}]}',
)
"""The trust policy of a role that does not exist: a caller cannot tell it from one that does
not trust the caller."""


def no_record(_event: Event) -> None:
    """Where no audit log is kept."""


class Access:
    """Decides, for every route and operation, before it runs; and has it recorded."""

    def __init__(
        self, guarded: Callable[[str], Guarded], record: Record = no_record, region: str = ""
    ) -> None:
        """`guarded` gives the resource-based policy and the tags of an ARN.

        `record` takes every decision for the audit log; `region` is the server's own.
        """
        self._guarded = guarded
        self._record = record
        self._region = region

    def require(
        self,
        identity: Identity | None,
        actions: tuple[str, ...],
        resource: str,
        circumstances: Circumstances,
    ) -> None:
        """Raise Denied, in AWS's words, unless every action is allowed on the resource.

        No identity is an anonymous caller.
        """
        for action in actions:
            decision = self._decided(identity, action, resource, circumstances)
            if not decision.allowed:
                arn = identity.arn if identity else None
                asked = resource.asked if isinstance(resource, Found) else resource
                raise Denied(decision.message(arn, action, asked))

    def allows(
        self, identity: Identity | None, action: str, resource: str, circumstances: Circumstances
    ) -> bool:
        """Whether the action is allowed on the resource."""
        return self._decided(identity, action, resource, circumstances).allowed

    def refused(
        self, action: str, resource: str, circumstances: Circumstances, code: str, message: str
    ) -> None:
        """Record credentials that were refused, before anything could be decided."""
        event = self._event(None, action, resource, circumstances, None)
        self._record(event._replace(error=code, message=message))

    def gated(
        self,
        identity: Identity | None,
        action: str,
        resource: str,
        circumstances: Circumstances,
        refusal: tuple[str, str],
    ) -> None:
        """Record what a gate refused, or would have: code and message."""
        event = self._event(identity, action, resource, circumstances, None)
        self._record(event._replace(error=refusal[0], message=refusal[1]))

    def by_server(
        self, hand: str, action: str, resource: str, circumstances: Circumstances
    ) -> None:
        """Record what a part of the server itself does: nothing is decided."""
        event = self._event(None, action, resource, circumstances, None)
        self._record(event._replace(server=hand))

    def guarded(self, resource: str) -> Guarded:
        """What the resource brings to a decision about it."""
        return self._guarded(resource)

    def decide(
        self,
        identity: Identity | None,
        action: str,
        resource: str,
        circumstances: Circumstances,
        guarded: Guarded | None = None,
    ) -> Decision:
        """The decision, with the statement that made it. Nothing is recorded.

        `guarded` stands in for what the resource has now.
        """
        guarded = guarded or self._guarded(resource)
        request = Request(
            principal=None if identity is None else _principal(identity),
            action=action,
            resource=resource,
            resource_account=_account_of(resource) or (identity.account if identity else ""),
            context=circumstances.context(dict(guarded.tags)),
        )
        if action.startswith(_STS) and resource != "*":
            trust = guarded.trust or NOBODY
            return decide(_policies(identity, trust, PolicyKind.TRUST, None), request)
        around = guarded.beside(circumstances)
        policies = _policies(
            identity, guarded.policy, PolicyKind.RESOURCE, around, required=guarded.required
        )
        return decide(policies, request)

    def _decided(
        self, identity: Identity | None, action: str, resource: str, circumstances: Circumstances
    ) -> Decision:
        decision = self.decide(identity, action, resource, circumstances)
        self._record(self._event(identity, action, resource, circumstances, decision))
        return decision

    def _event(
        self,
        identity: Identity | None,
        action: str,
        resource: str,
        circumstances: Circumstances,
        decision: Decision | None,
    ) -> Event:
        tag = circumstances.more.get(_IMAGE_TAG)
        parameters = circumstances.parameters
        return Event(
            seconds=time.time(),
            action=action,
            resource=resource,
            region=self._region,
            request_id=circumstances.request_id,
            source_ip=circumstances.source_ip,
            user_agent=circumstances.user_agent[:TEXT_MAX],
            identity=identity,
            access_key_id=circumstances.access_key_id,
            parameters=parameters if tag is None else {**parameters, "imageTag": tag},
            decision=decision,
        )


@lru_cache(maxsize=4096)
def _principal(identity: Identity) -> Principal:
    return Principal(
        arn=identity.arn,
        account=identity.account,
        user_id=identity.id,
        name=identity.name,
        tags=dict(identity.tags),
        role_arn=identity.role_arn,
        type=PrincipalType.SERVICE if identity.service else PrincipalType.AWS,
    )


@lru_cache(maxsize=4096)
def _policies(
    identity: Identity | None,
    resource: Document | None,
    kind: PolicyKind,
    around: Document | None,
    *,
    required: bool = False,
) -> Policies:
    of_resource = None if resource is None else _compiled(resource, kind)
    of_registry = None if around is None else _compiled(around, PolicyKind.RESOURCE)
    if identity is None:
        return Policies(resource=of_resource, around=of_registry, required=required)
    boundary = identity.boundary
    return Policies(
        identity=tuple(_compiled(each, PolicyKind.IDENTITY) for each in identity.policies),
        resource=of_resource,
        boundary=None if boundary is None else _compiled(boundary, PolicyKind.BOUNDARY),
        session=tuple(_compiled(each, PolicyKind.SESSION) for each in identity.session_policies),
        around=of_registry,
        required=required,
    )


@lru_cache(maxsize=2048)
def _compiled(document: Document, kind: PolicyKind) -> Policy:
    return parse(document.text, kind, name=document.name)


def _account_of(resource: str) -> str:
    """The account of an ARN; AWS's managed policies are every account's own to read."""
    parts = resource.split(":", 5)
    account = parts[_ACCOUNT_PART] if len(parts) > _ACCOUNT_PART else ""
    return "" if account == AWS_MANAGED else account
