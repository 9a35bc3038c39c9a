"""ECR's operations on the scan of one image: start it, and tell what it found.

Source: ECR API reference, StartImageScan and DescribeImageScanFindings.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.domain.api.identifiers import Failure, find, identifier, not_found
from registry.domain.scanning.requests import scannable
from registry.domain.scanning.rules import Configuration
from registry.domain.tasks import now
from registry.ecr.scan_findings import Enhanced, basic
from registry.ecr.scan_status import Statuses, summary
from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.errors import Damaged, KeyNotFound, KeyUnavailable
from registry.values.manifest import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.images import Image, Images, Stored
    from registry.domain.registries import Registries
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.scanning.asking import Asking
    from registry.domain.scanning.findings import Finding
    from registry.domain.scanning.scans import ScanResult, Scans
    from registry.values.scope import Scope

PAGE = 100
"""Findings in one answer, where `maxResults` says nothing."""


class ImageScans:
    """What other operations tell of scans."""

    def __init__(
        self, scans: Scans, registries: Registries, duration: timedelta | None = None
    ) -> None:
        """`duration` is how long after its push an image is scanned continuously."""
        self._scans = scans
        self._registries = registries
        self._duration = duration

    def statuses(self, scope: Scope) -> Statuses:
        """What tells the statuses of the registry's images."""
        configuration = Configuration(**self._registries.scanning(scope))
        return Statuses(configuration, self._duration, now())

    def details(self, repository: Repository, images: Sequence[Image]) -> dict[int, dict[str, Any]]:
        """What DescribeImages tells of the scans of images, by their ids."""
        states = self._scans.states([image.id for image in images])
        statuses = self.statuses(repository.scope)
        found: dict[int, dict[str, Any]] = {}
        for image in images:
            state = states.get(image.id)
            if state is None:
                continue
            found[image.id] = {"imageScanStatus": statuses.of(repository, image, state)}
            if state.completed_at is not None:
                found[image.id]["imageScanFindingsSummary"] = summary(state)
        return found


class ImageScanOperations:
    """Start and describe."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        scans: Scans,
        asking: Asking,
        told: ImageScans,
        *,
        pages: Pages,
    ) -> None:
        self._repositories = repositories
        self._images = images
        self._scans = scans
        self._asking = asking
        self._told = told
        self._pages = pages

    @ecr.operation(resource=repository_arn)
    def start_image_scan(
        self,
        context: Context,
        *,
        repository_name: str,
        image_id: ImageIdentifierTypeDef,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Let an image be scanned; one whose scan goes on already is left alone."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        stored = self._find(repository, image_id)
        statuses = self._told.statuses(repository.scope)
        if statuses.configuration.enhanced:
            raise ServiceError("ValidationException", "This feature is disabled")
        if stored.image.status != "ACTIVE":
            digest = stored.image.digest
            raise ServiceError(
                "ImageArchivedException",
                f"The image with digest {digest} is archived. Restore it before scanning it.",
            )
        if not scannable(parse(stored.content, stored.image.media_type)):
            raise ServiceError(
                "UnsupportedImageTypeException", "The image is of a type that cannot be scanned."
            )
        state = self._asking.start(stored.image)
        return {
            **_named(repository, image_id, stored.image),
            "imageScanStatus": statuses.of(repository, stored.image, state),
        }

    @ecr.operation(resource=repository_arn)
    def describe_image_scan_findings(
        self,
        context: Context,
        *,
        repository_name: str,
        image_id: ImageIdentifierTypeDef,
        registry_id: str | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """What the last scan found, the worst first, in pages."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        image = self._find(repository, image_id).image
        state = self._scans.state(repository, image.digest)
        if state is None:
            raise _no_scan(repository, image_id, image)
        statuses = self._told.statuses(repository.scope)
        answer: dict[str, Any] = {
            **_named(repository, image_id, image),
            "imageScanStatus": statuses.of(repository, image, state),
        }
        if state.completed_at is None:
            return answer
        listing = f"findings {image.id} {state.completed_at.timestamp()} {context.caller.arn}"
        at = self._pages.open(listing, next_token, 0)
        try:
            result = self._scans.report(repository, image.digest, raw=False)
        except (Damaged, KeyNotFound, KeyUnavailable) as error:
            text = f"The findings cannot be opened: {error}"
            return {
                **answer,
                "imageScanStatus": {"status": "FINDINGS_UNAVAILABLE", "description": text},
            }
        if result is None:
            raise _no_scan(repository, image_id, image)
        end = at + (max_results or PAGE)
        shape = _shape(statuses, repository, image, result)
        answer["imageScanFindings"] = {**summary(result.state), **shape(result.findings[at:end])}
        if len(result.findings) > end:
            answer["nextToken"] = self._pages.seal(listing, end)
        return answer

    def _find(self, repository: Repository, image_id: ImageIdentifierTypeDef) -> Stored:
        try:
            return find(self._images, repository, image_id)
        except Failure as failure:
            raise not_found(repository, image_id, failure) from None


def _shape(
    statuses: Statuses, repository: Repository, image: Image, result: ScanResult
) -> Callable[[Sequence[Finding]], dict[str, Any]]:
    """What makes the member of an answer that holds findings."""
    if not statuses.configuration.enhanced:
        return lambda page: {"findings": [basic(each) for each in page]}
    enhanced = Enhanced(repository, image, result)
    return lambda page: {"enhancedFindings": [enhanced.shaped(each) for each in page]}


def _named(
    repository: Repository, image_id: ImageIdentifierTypeDef, image: Image
) -> dict[str, Any]:
    return {
        "registryId": repository.scope.account,
        "repositoryName": repository.name,
        "imageId": identifier(image.digest, image_id.get("imageTag")),
    }


def _no_scan(
    repository: Repository, image_id: ImageIdentifierTypeDef, image: Image
) -> ServiceError:
    tag = image_id.get("imageTag", "null")
    shown = f"{{imageDigest:'{image.digest}', imageTag:'{tag}'}}"
    return ServiceError(
        "ScanNotFoundException",
        f"Image scan does not exist for the image with '{shown}' in the repository with name"
        f" '{repository.name}' in the registry with id '{repository.scope.account}'",
    )
