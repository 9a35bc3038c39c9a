"""IAM's operations on managed policies and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.identities.aws_managed import PREFIX
from registry.domain.identities.entities import GROUPS, HOLDERS, ROLES, USERS
from registry.domain.identities.usage import Usage
from registry.iam import shapes
from registry.iam.service import Operations, iam, new_arn, policy_arn, request_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.identities.policies import Policy, Version
    from registry.domain.identities.usage import User

_SCOPES = {"All": (True, False), "AWS": (True,), "Local": (False,)}
_ENTITIES = {"User": (USERS,), "Role": (ROLES,), "Group": (GROUPS,)}
_NEWEST = 10**9


class PolicyOperations(Operations):
    """Create, get, list, delete; who uses a policy."""

    @iam.operation(resource=new_arn("policy", "policy_name"), conditions=request_conditions)
    def create_policy(
        self,
        context: Context,
        *,
        policy_name: str,
        policy_document: str,
        path: str = "/",
        description: str = "",
        tags: Sequence[Mapping[str, str]] = (),
    ) -> Mapping[str, Any]:
        """Make a policy with one version."""
        policy = self._stores.policies.create(
            context.account,
            policy_name,
            policy_document,
            path=path,
            description=description,
            tags=shapes.read_tags(tags),
        )
        return {"Policy": shapes.policy(policy, Usage(), whole=True)}

    @iam.operation(resource=policy_arn)
    def get_policy(self, context: Context, *, policy_arn: str) -> Mapping[str, Any]:
        """A policy without its document."""
        policy = self._stores.policies.get(context.account, policy_arn)
        usage = self._stores.usage.of_account(context.account).get(policy.arn, Usage())
        return {"Policy": shapes.policy(policy, usage, whole=True)}

    @iam.operation(resource=ANY)
    def list_policies(
        self,
        context: Context,
        *,
        scope: str = "All",
        only_attached: bool = False,
        path_prefix: str = "/",
        policy_usage_filter: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """The account's policies and AWS's, by name."""
        usages = self._stores.usage.of_account(context.account)
        chosen = [
            policy
            for policy in self._stores.policies.all(context.account, path_prefix)
            if policy.arn.startswith(PREFIX) in _SCOPES[scope]
            and _used(usages.get(policy.arn, Usage()), policy_usage_filter, only=only_attached)
        ]
        listing = f"policies {scope} {only_attached} {policy_usage_filter} {path_prefix}"
        paging = self._paging(context, listing, marker, max_items)
        found, more = paging.cut(chosen, _position)
        shown = [shapes.policy(policy, usages.get(policy.arn, Usage())) for policy in found]
        return {"Policies": shown, **more}

    @iam.operation(resource=policy_arn)
    def delete_policy(self, context: Context, *, policy_arn: str) -> None:
        """Remove a policy that nothing uses, with its one version."""
        self._stores.policies.delete(context.account, policy_arn)

    @iam.operation(resource=policy_arn)
    def list_entities_for_policy(
        self,
        context: Context,
        *,
        policy_arn: str,
        entity_filter: str | None = None,
        path_prefix: str = "/",
        policy_usage_filter: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Groups, users and roles that use a policy."""
        arn = self._stores.policies.get(context.account, policy_arn).arn
        kinds = HOLDERS if entity_filter is None else _ENTITIES.get(entity_filter, ())
        chosen = [
            user
            for user in self._stores.usage.entities(context.account, arn, path_prefix)
            if user.entity.kind in kinds
            and _used(Usage(user.attached, user.as_boundary), policy_usage_filter, only=True)
        ]
        listing = f"entities {arn} {entity_filter} {policy_usage_filter} {path_prefix}"
        found, more = self._paging(context, listing, marker, max_items).cut(chosen, _place)
        answer: dict[str, Any] = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
        for entity in (user.entity for user in found):
            title = entity.kind.title
            shown = {f"{title}Name": entity.name, f"{title}Id": entity.id}
            answer[f"Policy{title}s"].append(shown)
        return {**answer, **more}


class VersionOperations(Operations):
    """Create, get, list, delete versions; choose the one that counts."""

    @iam.operation(resource=policy_arn)
    def create_policy_version(
        self,
        context: Context,
        *,
        policy_arn: str,
        policy_document: str,
        set_as_default: bool = False,
    ) -> Mapping[str, Any]:
        """Another version of a policy."""
        version = self._stores.policies.add_version(
            context.account, policy_arn, policy_document, default=set_as_default
        )
        return {"PolicyVersion": shapes.version(version)}

    @iam.operation(resource=policy_arn)
    def get_policy_version(
        self, context: Context, *, policy_arn: str, version_id: str
    ) -> Mapping[str, Any]:
        """One version with its document."""
        version = self._stores.policies.version(context.account, policy_arn, version_id)
        return {"PolicyVersion": shapes.version(version, whole=True)}

    @iam.operation(resource=policy_arn)
    def list_policy_versions(
        self,
        context: Context,
        *,
        policy_arn: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """All versions, the newest first."""
        versions = self._stores.policies.versions(context.account, policy_arn)
        paging = self._paging(context, f"versions {policy_arn}", marker, max_items)
        found, more = paging.cut(versions, _age)
        return {"Versions": [shapes.version(version) for version in found], **more}

    @iam.operation(resource=policy_arn)
    def delete_policy_version(self, context: Context, *, policy_arn: str, version_id: str) -> None:
        """Remove a version that is not the default."""
        self._stores.policies.delete_version(context.account, policy_arn, version_id)

    @iam.operation(resource=policy_arn)
    def set_default_policy_version(
        self, context: Context, *, policy_arn: str, version_id: str
    ) -> None:
        """Let another version count, for everyone who has the policy, at once."""
        self._stores.policies.set_default(context.account, policy_arn, version_id)


def _used(usage: Usage, wanted: str | None, *, only: bool) -> bool:
    """Whether a policy is used as wanted: as permissions, as a boundary, or at all."""
    if wanted == "PermissionsPolicy":
        return usage.attached > 0
    if wanted == "PermissionsBoundary":
        return usage.as_boundary > 0
    return not only or usage.attached > 0 or usage.as_boundary > 0


def _position(policy: Policy) -> str:
    return f"{policy.name} {policy.arn.startswith(PREFIX):d}"


def _place(user: User) -> str:
    return f"{HOLDERS.index(user.entity.kind)} {user.entity.name.lower()}"


def _age(version: Version) -> str:
    return f"{_NEWEST - int(version.id[1:]):010}"
