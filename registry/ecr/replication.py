"""ECR's operations on replication: how far an image is, and backfills.

Source: ECR API reference, DescribeImageReplicationStatus, StartReplicationBackfill and its like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.identifiers import Failure, find, identifier, not_found
from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.digest import Digest
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef, ReplicationDestinationTypeDef

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.images import Images
    from registry.domain.replication.backfills import Backfill, Backfills, Result
    from registry.domain.replication.statuses import Status, Statuses
    from registry.domain.repositories import Repositories

BACKFILLS, RESULTS = 25, 100
"""Entries in one answer, where `maxResults` says nothing."""


def registry(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """One's own registry is `*`; another account's is all of its repositories."""
    scope = scope_of(context, parameters.get("registry_id"))
    return ("*",) if scope.account == context.account else (scope.repository_arn("*"),)


class ReplicationOperations:
    """Describe."""

    def __init__(self, repositories: Repositories, images: Images, statuses: Statuses) -> None:
        self._repositories = repositories
        self._images = images
        self._statuses = statuses

    @ecr.operation(resource=repository_arn)
    def describe_image_replication_status(
        self,
        context: Context,
        *,
        repository_name: str,
        image_id: ImageIdentifierTypeDef,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """How far the image is at each destination."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        try:
            image = find(self._images, repository, image_id).image
        except Failure as failure:
            raise not_found(repository, image_id, failure) from None
        return {
            "repositoryName": repository.name,
            "imageId": identifier(image.digest, image_id.get("imageTag")),
            "replicationStatuses": [_status(each) for each in self._statuses.of(image)],
        }


class BackfillOperations:
    """Start, stop, list, describe."""

    def __init__(self, backfills: Backfills, pages: Pages) -> None:
        self._backfills = backfills
        self._pages = pages

    @ecr.operation(resource=registry)
    def start_replication_backfill(
        self,
        context: Context,
        *,
        destination: ReplicationDestinationTypeDef,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Replicate the images that are there already."""
        scope = scope_of(context, registry_id)
        where = Scope(destination["registryId"], destination["region"])
        return {"registryId": scope.account, **_short(self._backfills.start(scope, where))}

    @ecr.operation(resource=registry)
    def stop_replication_backfill(
        self, context: Context, *, replication_backfill_id: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """End one; an image that is on its way arrives."""
        scope = scope_of(context, registry_id)
        backfill = self._backfills.stop(scope, replication_backfill_id)
        return {"registryId": scope.account, **_short(backfill)}

    @ecr.operation(resource=registry)
    def list_replication_backfills(
        self,
        context: Context,
        *,
        registry_id: str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> Mapping[str, Any]:
        """All of the last 90 days, the newest first."""
        scope, limit = scope_of(context, registry_id), max_results or BACKFILLS
        listing = f"backfills {scope} {context.caller.arn}"
        after = self._pages.open(listing, next_token, (0, ""))
        found = self._backfills.page(scope, after, limit + 1)
        answer: dict[str, Any] = {
            "registryId": scope.account,
            "backfills": [_described(each) for each in found[:limit]],
        }
        if len(found) > limit:
            last = found[limit - 1]
            moment = round(last.started_at.timestamp() * 1_000_000)
            answer["nextToken"] = self._pages.seal(listing, (moment, last.id))
        return answer

    @ecr.operation(resource=registry)
    def describe_replication_backfill_results(
        self,
        context: Context,
        *,
        replication_backfill_id: str,
        registry_id: str | None = None,
        result_status_filter: str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> Mapping[str, Any]:
        """One, and when it has ended what came of each image."""
        scope, limit = scope_of(context, registry_id), max_results or RESULTS
        backfill = self._backfills.get(scope, replication_backfill_id)
        answer = {"registryId": scope.account, **_described(backfill)}
        if backfill.ended_at is None:
            return answer
        listing = f"backfill {backfill.id} {result_status_filter} {context.caller.arn}"
        after = self._pages.open(listing, next_token, 0)
        found = self._backfills.results(backfill, after, limit + 1, result_status_filter)
        answer["results"] = [_result(each) for each in found[:limit]]
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].id)
        return answer


def _status(found: Status) -> dict[str, Any]:
    described = {**_place(found.destination), "status": found.status}
    if found.failure:
        described["failureCode"] = found.failure
    return described


def _place(scope: Scope) -> dict[str, str]:
    return {"region": scope.region, "registryId": scope.account}


def _short(backfill: Backfill) -> dict[str, Any]:
    return {
        "replicationBackfillId": backfill.id,
        "destination": _place(backfill.destination),
        "status": backfill.status,
        "startedAt": backfill.started_at,
    }


def _described(backfill: Backfill) -> dict[str, Any]:
    described = _short(backfill)
    if backfill.failure:
        described["failureCode"] = backfill.failure
    if backfill.progress is not None:
        described["progress"] = {
            "totalReplicationCount": backfill.progress.total,
            "completedReplicationCount": backfill.progress.completed,
            "failedReplicationCount": backfill.progress.failed,
            "failureCodes": list(backfill.progress.codes),
        }
    if backfill.ended_at is not None:
        described["endedAt"] = backfill.ended_at
    return described


def _result(found: Result) -> dict[str, Any]:
    described = {
        "repositoryName": found.repository,
        "imageId": identifier(Digest.parse(found.digest), found.tag),
        "status": found.status,
    }
    if found.failure:
        described["failureCode"] = found.failure
    return described
