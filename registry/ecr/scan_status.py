"""A scan's status as ECR's API has it.

Source: ECR API reference, ImageScanStatus; Amazon Inspector User Guide, "Scanning Amazon ECR
container images": a continuous scan is ACTIVE, until the image is too old for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from registry.domain.scanning import states
from registry.domain.scanning.rescans import eligible
from registry.domain.scanning.rules import CONTINUOUS, Configuration, frequency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.domain.images import Image
    from registry.domain.repositories import Repository
    from registry.domain.scanning.scans import ScanState

ACTIVE = "Continuous scan is selected for image."
EXPIRED = "The image was pushed too long ago for continuous scans. What was found last is kept."
ARCHIVED = "The image is archived, and is not scanned."


@dataclass(frozen=True, slots=True)
class Statuses:
    """Tells the statuses of a registry's images."""

    configuration: Configuration
    duration: timedelta | None
    """For how long after its push an image is scanned continuously."""
    moment: datetime

    def of(self, repository: Repository, image: Image, state: ScanState) -> Mapping[str, Any]:
        """ECR's ImageScanStatus."""
        status, description = self._of(repository, image, state)
        return {"status": status, "description": description}

    def _of(self, repository: Repository, image: Image, state: ScanState) -> tuple[str, str]:
        if image.status != "ACTIVE":
            return "IMAGE_ARCHIVED", ARCHIVED
        enhanced = self.configuration.enhanced
        if state.status in states.OPEN:
            waits = enhanced and state.status == states.PENDING
            return ("PENDING" if waits else "IN_PROGRESS"), state.description
        continuous = enhanced and frequency(self.configuration, repository) == CONTINUOUS
        if state.status != states.COMPLETE or not continuous:
            return state.status, state.description
        if not eligible(image.pushed_at, self.duration, self.moment):
            return "SCAN_ELIGIBILITY_EXPIRED", EXPIRED
        return "ACTIVE", ACTIVE


def summary(state: ScanState) -> dict[str, Any]:
    """ECR's ImageScanFindingsSummary, of the last scan that was completed."""
    found: dict[str, Any] = {"findingSeverityCounts": dict(state.counts)}
    if state.completed_at is not None:
        found["imageScanCompletedAt"] = state.completed_at
    if state.database_at is not None:
        found["vulnerabilitySourceUpdatedAt"] = state.database_at
    return found
