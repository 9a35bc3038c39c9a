"""ECR's operations on principals whose pulls do not count.

All are about the caller's own registry. Source: ECR API reference,
RegisterPullTimeUpdateExclusion, DeregisterPullTimeUpdateExclusion, ListPullTimeUpdateExclusions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.ecr.service import ecr, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.pull_exclusions import PullExclusions

PAGE = 100
"""Entries in one answer, where `maxResults` says nothing."""


class PullExclusionOperations:
    """Register, deregister, list."""

    def __init__(self, exclusions: PullExclusions, pages: Pages) -> None:
        self._exclusions = exclusions
        self._pages = pages

    @ecr.operation(resource=ANY)
    def register_pull_time_update_exclusion(
        self, context: Context, *, principal_arn: str
    ) -> Mapping[str, Any]:
        """Leave the last pull time as it is when this user or role pulls."""
        created = self._exclusions.register(scope_of(context, None), principal_arn)
        return {"principalArn": principal_arn, "createdAt": created}

    @ecr.operation(resource=ANY)
    def deregister_pull_time_update_exclusion(
        self, context: Context, *, principal_arn: str
    ) -> Mapping[str, Any]:
        """Count its pulls again."""
        self._exclusions.deregister(scope_of(context, None), principal_arn)
        return {"principalArn": principal_arn}

    @ecr.operation(resource=ANY)
    def list_pull_time_update_exclusions(
        self, context: Context, *, max_results: int | None = None, next_token: str | None = None
    ) -> Mapping[str, Any]:
        """The ARNs, in pages."""
        scope = scope_of(context, None)
        listing = f"pull time exclusions {scope} {context.caller.arn}"
        limit = max_results or PAGE
        after = self._pages.open(listing, next_token, "")
        found = self._exclusions.page(scope, after, limit + 1)
        answer: dict[str, Any] = {"pullTimeUpdateExclusions": found[:limit]}
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1])
        return answer
