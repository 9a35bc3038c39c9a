"""What a scan's status can be, as it is stored.

ECR's API has further ones that follow from these and the registry's rules (`ecr/scan_status`).
"""

from __future__ import annotations

from typing import Literal

Status = Literal["PENDING", "IN_PROGRESS", "COMPLETE", "FAILED", "UNSUPPORTED_IMAGE"]
PENDING: Status = "PENDING"
IN_PROGRESS: Status = "IN_PROGRESS"
COMPLETE: Status = "COMPLETE"
FAILED: Status = "FAILED"
UNSUPPORTED: Status = "UNSUPPORTED_IMAGE"

OPEN = (PENDING, IN_PROGRESS)
"""Something is still to come."""

Cause = Literal["push", "manual", "rescan"]

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
"""ECR's, the worst first (ECR API reference, ImageScanFinding)."""

SUCCEEDED = "The scan was completed successfully."
WAITING = "The scan is waiting for its turn."
RUNNING = "The scan is running."
NO_IMAGE = "Nothing in it can be scanned: it is an artifact, not a container image."
