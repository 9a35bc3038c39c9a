"""ECR's operations on pull through cache rules.

Source: ECR API reference, CreatePullThroughCacheRule and its like; ECR User Guide, "Creating a
pull through cache rule".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.domain.templates import ROOT, plain
from registry.domain.upstreams.rules import Rule
from registry.ecr.service import ecr, scope_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.upstreams.rules import Rules
    from registry.domain.upstreams.sources import Sources
    from registry.values.scope import Scope

PAGE = 100
"""Entries in one answer, where `maxResults` says nothing."""

_KNOWN = {
    "public.ecr.aws": "ecr-public",
    "quay.io": "quay",
    "registry.k8s.io": "k8s",
    "registry-1.docker.io": "docker-hub",
    "docker.io": "docker-hub",
    "ghcr.io": "github-container-registry",
    "registry.gitlab.com": "gitlab-container-registry",
    "cgr.dev": "chainguard",
}
_ENDINGS = {".azurecr.io": "azure-container-registry", ".amazonaws.com": "ecr"}
_MEMBERS = {
    "ecrRepositoryPrefix": "prefix",
    "upstreamRegistryUrl": "url",
    "upstreamRegistry": "registry",
    "credentialArn": "credential_arn",
    "customRoleArn": "custom_role_arn",
    "upstreamRepositoryPrefix": "upstream_prefix",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}


def registry_arn(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The registry as a whole: `*` for the caller's own; nobody may change another account's."""
    account = parameters.get("registry_id") or context.account
    own = account == context.account
    return ("*" if own else f"arn:aws:ecr:{context.region}:{account}:registry",)


class PullThroughOperations:
    """Create, describe, update, validate, delete."""

    def __init__(self, rules: Rules, sources: Sources, pages: Pages) -> None:
        self._rules = rules
        self._sources = sources
        self._pages = pages

    @ecr.operation(resource=registry_arn)
    def create_pull_through_cache_rule(
        self,
        context: Context,
        *,
        ecr_repository_prefix: str,
        upstream_registry_url: str,
        registry_id: str | None = None,
        upstream_registry: str | None = None,
        credential_arn: str | None = None,
        custom_role_arn: str | None = None,
        upstream_repository_prefix: str | None = None,
    ) -> Mapping[str, Any]:
        """Keep a rule; its upstream is not asked yet."""
        scope, now = scope_of(context, registry_id), datetime.now(UTC)
        rule = Rule(
            prefix=plain(ecr_repository_prefix),
            url=upstream_registry_url,
            registry=upstream_registry or _registry(upstream_registry_url),
            credential_arn=credential_arn,
            custom_role_arn=custom_role_arn,
            upstream_prefix=plain(upstream_repository_prefix or ""),
            created_at=now,
            updated_at=now,
        )
        if rule.prefix == ROOT and not rule.reaches_all:
            raise ParameterInvalid(
                "Invalid parameter at 'upstreamRepositoryPrefix' failed to satisfy constraint:"
                " 'must be ROOT where ecrRepositoryPrefix is ROOT'"
            )
        self._sources.check(scope, rule.url, credential_arn)
        return _told(scope, self._rules.create(scope, rule), without="updatedAt")

    @ecr.operation(resource=registry_arn)
    def describe_pull_through_cache_rules(
        self,
        context: Context,
        *,
        registry_id: str | None = None,
        ecr_repository_prefixes: Sequence[str] | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """Those of the prefixes, or all, in pages."""
        scope = scope_of(context, registry_id)
        answer: dict[str, Any] = {}
        if ecr_repository_prefixes:
            named = dict.fromkeys(map(plain, ecr_repository_prefixes))
            found = [self._rules.get(scope, prefix) for prefix in named]
        else:
            listing = f"pull through cache rules {scope} {context.caller.arn}"
            limit = max_results or PAGE
            after = self._pages.open(listing, next_token, "")
            found = self._rules.page(scope, after, limit + 1)
            if len(found) > limit:
                found = found[:limit]
                answer["nextToken"] = self._pages.seal(listing, found[-1].prefix)
        return {**answer, "pullThroughCacheRules": [_told(scope, rule) for rule in found]}

    @ecr.operation(resource=registry_arn)
    def update_pull_through_cache_rule(
        self,
        context: Context,
        *,
        ecr_repository_prefix: str,
        registry_id: str | None = None,
        credential_arn: str | None = None,
        custom_role_arn: str | None = None,
    ) -> Mapping[str, Any]:
        """Name other credentials or another role."""
        scope = scope_of(context, registry_id)
        rule = self._rules.get(scope, ecr_repository_prefix)
        self._sources.check(scope, rule.url, credential_arn)
        given = {"credential_arn": credential_arn, "custom_role_arn": custom_role_arn}
        changed = {name: text for name, text in given.items() if text is not None}
        told = _told(scope, self._rules.update(scope, ecr_repository_prefix, changed))
        unsaid = {"upstreamRegistryUrl", "upstreamRegistry", "createdAt"}
        return {name: value for name, value in told.items() if name not in unsaid}

    @ecr.operation(resource=registry_arn)
    def validate_pull_through_cache_rule(
        self, context: Context, *, ecr_repository_prefix: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Whether the upstream can be reached and takes the credentials, tried now."""
        scope = scope_of(context, registry_id)
        rule = self._rules.get(scope, ecr_repository_prefix)
        problem = self._sources.problem(scope, rule)
        told = _told(scope, rule)
        unsaid = {"upstreamRegistry", "createdAt", "updatedAt"}
        answer = {name: value for name, value in told.items() if name not in unsaid}
        answer["isValid"] = not problem
        return {**answer, "failure": problem} if problem else answer

    @ecr.operation(resource=registry_arn)
    def delete_pull_through_cache_rule(
        self, context: Context, *, ecr_repository_prefix: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Forget it; what was cached by it stays."""
        scope = scope_of(context, registry_id)
        rule = self._rules.delete(scope, ecr_repository_prefix)
        told = _told(scope, rule, without="updatedAt")
        return {name: value for name, value in told.items() if name != "upstreamRegistry"}


def _told(scope: Scope, rule: Rule, *, without: str = "") -> dict[str, Any]:
    members = {member: getattr(rule, name) for member, name in _MEMBERS.items()}
    found = {name: value for name, value in members.items() if value is not None}
    if not rule.upstream_prefix:  # Terraform replaces a rule that shows what was not given
        found.pop("upstreamRepositoryPrefix")
    found.pop(without, None)
    return {"registryId": scope.account, **found}


def _registry(url: str) -> str | None:
    """AWS's name for an upstream; None for one that only this server takes."""
    host = url.partition("://")[2] or url
    ending = next((name for end, name in _ENDINGS.items() if host.endswith(end)), None)
    return _KNOWN.get(host, ending)
