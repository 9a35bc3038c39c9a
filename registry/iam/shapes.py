"""Entities in the form of IAM's model. Listings leave out what AWS leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry.domain.identities.tagging import tag_set

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.domain.identities.entities import Entity
    from registry.domain.identities.policies import Policy, Version
    from registry.domain.identities.roles import Profile, StoredRole
    from registry.domain.identities.usage import Usage

Shape = dict[str, Any]


def encoded(document: str) -> str:
    """A policy document as IAM gives it: percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def read_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """A list of tags. Raises ParameterInvalid, LimitExceeded."""
    return tag_set([(tag["Key"], tag["Value"]) for tag in tags])


def tag_list(tags: Mapping[str, str]) -> list[Shape]:
    """Tags as a list, by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def user(entity: Entity, *, whole: bool = False) -> Shape:
    """A User."""
    return _entity(entity, "User") | (_details(entity) if whole else {})


def group(entity: Entity) -> Shape:
    """A Group."""
    return _entity(entity, "Group")


def role(stored: StoredRole, *, whole: bool = False) -> Shape:
    """A Role."""
    shown = _entity(stored.entity, "Role")
    shown["AssumeRolePolicyDocument"] = encoded(stored.trust_policy)
    shown["MaxSessionDuration"] = stored.session_seconds
    if stored.description:
        shown["Description"] = stored.description
    if whole:
        shown |= _details(stored.entity)
    return shown


def profile(stored: Profile, *, whole: bool = False) -> Shape:
    """An InstanceProfile."""
    shown = _entity(stored.entity, "InstanceProfile")
    shown["Roles"] = [role(stored.role)] if stored.role else []
    if whole and stored.entity.tags:
        shown["Tags"] = tag_list(stored.entity.tags)
    return shown


def policy(stored: Policy, usage: Usage, *, whole: bool = False) -> Shape:
    """A Policy."""
    shown: Shape = {
        "PolicyName": stored.name,
        "PolicyId": stored.id,
        "Arn": stored.arn,
        "Path": stored.path,
        "DefaultVersionId": stored.default_version,
        "AttachmentCount": usage.attached,
        "PermissionsBoundaryUsageCount": usage.as_boundary,
        "IsAttachable": True,
        "CreateDate": stored.created_at,
        "UpdateDate": stored.updated_at,
    }
    if whole and stored.description:
        shown["Description"] = stored.description
    if whole and stored.tags:
        shown["Tags"] = tag_list(stored.tags)
    return shown


def version(stored: Version, *, whole: bool = False) -> Shape:
    """A PolicyVersion; its document only where it is asked for alone."""
    shown: Shape = {
        "VersionId": stored.id,
        "IsDefaultVersion": stored.is_default,
        "CreateDate": stored.created_at,
    }
    if whole:
        shown["Document"] = encoded(stored.document)
    return shown


def _entity(entity: Entity, title: str) -> Shape:
    return {
        "Path": entity.path,
        f"{title}Name": entity.name,
        f"{title}Id": entity.id,
        "Arn": entity.arn,
        "CreateDate": entity.created_at,
    }


def _details(entity: Entity) -> Shape:
    shown: Shape = {}
    if entity.boundary is not None:
        shown["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": entity.boundary,
        }
    if entity.tags:
        shown["Tags"] = tag_list(entity.tags)
    return shown
