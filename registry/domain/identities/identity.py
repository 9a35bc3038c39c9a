"""An identity: whoever a request is made by, with everything that limits it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Document:
    """A policy's text, under the name that a refusal or an explanation gives it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, or a session of a role or user, who may act now.

    Source: IAM User Guide, "IAM identifiers"; STS API reference, AssumedRoleUser.
    """

    id: str
    """The unique id: `AIDA…`, or `AROA…:session`."""
    account: str
    arn: str
    name: str
    """The user's name, or the session's."""
    policies: tuple[Document, ...] = ()
    """Managed and inline, its own and its groups'."""
    boundary: Document | None = None
    session_policies: tuple[Document, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    role_arn: str | None = None
    """Of a role's session, the role."""
    expires_at: float | None = None
    """When a session ends, in seconds since 1970."""
    service: bool = False
    """Whether it is a service of this server, which belongs to no account."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What an identity was proven with, without its secret: enough to find it again."""

    access_key_id: str
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """An identity and how it was proven."""

    identity: Identity
    credential: Credential
