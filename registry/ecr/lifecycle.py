"""ECR's operations on lifecycle policies and their previews.

Source: ECR API reference, PutLifecyclePolicy, StartLifecyclePolicyPreview and their like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.policy import PolicyInvalid
from registry.domain.api.identifiers import Failure, find, not_found
from registry.domain.lifecycle.language import in_order, parse
from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import (
        ImageIdentifierTypeDef,
        LifecyclePolicyPreviewFilterTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.images import Images
    from registry.domain.lifecycle.policies import LifecyclePolicies, LifecyclePolicy
    from registry.domain.lifecycle.previews import Preview, Previews, Result
    from registry.domain.repositories import Repositories, Repository

PAGE = 100
"""Entries in one answer, where `maxResults` says nothing."""

_TAGGED = {"TAGGED": True, "UNTAGGED": False, "ANY": None}


class LifecycleOperations:
    """Put, get, delete."""

    def __init__(self, repositories: Repositories, policies: LifecyclePolicies) -> None:
        self._repositories = repositories
        self._policies = policies

    @ecr.operation(resource=repository_arn)
    def put_lifecycle_policy(
        self,
        context: Context,
        *,
        repository_name: str,
        lifecycle_policy_text: str,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Set the policy; it runs a minute later, and then once a day."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        check_policy(lifecycle_policy_text)
        return _described(repository, self._policies.put(repository, lifecycle_policy_text))

    @ecr.operation(resource=repository_arn)
    def get_lifecycle_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """The policy, its rules in the order of their priorities."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return _with_time(repository, self._policies.get(repository))

    @ecr.operation(resource=repository_arn)
    def delete_lifecycle_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Remove the policy; a run under way ends at its next step."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return _with_time(repository, self._policies.delete(repository))


class LifecyclePreviewOperations:
    """Start and read previews."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        policies: LifecyclePolicies,
        previews: Previews,
        pages: Pages,
    ) -> None:
        self._repositories = repositories
        self._images = images
        self._policies = policies
        self._previews = previews
        self._pages = pages

    @ecr.operation(resource=repository_arn)
    def start_lifecycle_policy_preview(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        lifecycle_policy_text: str | None = None,
    ) -> Mapping[str, Any]:
        """Ask what the given policy, or that of the repository, would do now."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        if lifecycle_policy_text is None:
            text = self._policies.get(repository).document
        else:
            check_policy(lifecycle_policy_text)
            text = in_order(lifecycle_policy_text)
        self._previews.start(repository, text)
        return {**_described(repository, text), "status": "IN_PROGRESS"}

    @ecr.operation(resource=repository_arn)
    def get_lifecycle_policy_preview(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        image_ids: Sequence[ImageIdentifierTypeDef] | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
        filter: LifecyclePolicyPreviewFilterTypeDef | None = None,  # noqa: A002 - the model's name
    ) -> Mapping[str, Any]:
        """How far it is, what it would do in all, and with which images."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        preview = self._previews.get(repository)
        answer = {**_described(repository, preview.document), "status": preview.status}
        if preview.status == "COMPLETE":
            answer["summary"] = _summary(preview)
        tagged = _TAGGED[(filter or {}).get("tagStatus", "ANY")]
        if image_ids:
            if next_token is not None or max_results is not None:
                raise ParameterInvalid(
                    "Invalid parameter at 'imageIds' failed to satisfy constraint:"
                    " 'nextToken and maxResults do not go with imageIds'"
                )
            found = self._of(repository, preview, image_ids)
            kept = [each for each in found if tagged is None or bool(each.tags) == tagged]
            return {**answer, "previewResults": [_result(each) for each in kept]}
        listing = f"preview {preview.id} {tagged} {context.caller.arn}"
        after, limit = self._pages.open(listing, next_token, 0), max_results or PAGE
        found = self._previews.page(preview, after, limit + 1, tagged=tagged)
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].number)
        return {**answer, "previewResults": [_result(each) for each in found[:limit]]}

    def _of(
        self,
        repository: Repository,
        preview: Preview,
        image_ids: Sequence[ImageIdentifierTypeDef],
    ) -> list[Result]:
        digests = []
        for image_id in image_ids:
            try:
                image = find(self._images, repository, image_id).image
            except Failure as failure:
                raise not_found(repository, image_id, failure) from None
            digests.append(str(image.digest))
        return self._previews.of_digests(preview, digests)


def check_policy(text: str) -> None:
    """Raise ParameterInvalid for what is no lifecycle policy."""
    try:
        parse(text)
    except PolicyInvalid as error:
        raise ParameterInvalid(
            "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint:"
            f" 'Lifecycle policy validation failure: {error}'"
        ) from None


def _described(repository: Repository, text: str) -> dict[str, Any]:
    return {
        "registryId": repository.scope.account,
        "repositoryName": repository.name,
        "lifecyclePolicyText": text,
    }


def _with_time(repository: Repository, policy: LifecyclePolicy) -> Mapping[str, Any]:
    described = _described(repository, policy.document)
    if policy.evaluated_at is not None:
        described["lastEvaluatedAt"] = policy.evaluated_at
    return described


def _summary(preview: Preview) -> Mapping[str, Any]:
    summary: dict[str, Any] = {"expiringImageTotalCount": preview.expiring}
    if preview.archiving:
        moving = {"targetStorageClass": "ARCHIVE", "imageTotalCount": preview.archiving}
        summary["transitioningImageTotalCounts"] = [moving]
    return summary


def _result(result: Result) -> Mapping[str, Any]:
    action = (
        {"type": "EXPIRE"}
        if result.expires
        else {"type": "TRANSITION", "targetStorageClass": "ARCHIVE"}
    )
    found = {
        "imageDigest": result.digest,
        "imagePushedAt": result.pushed_at,
        "action": action,
        "appliedRulePriority": result.priority,
        "storageClass": result.storage.upper(),
    }
    return {**found, "imageTags": list(result.tags)} if result.tags else found
