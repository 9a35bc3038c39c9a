"""Errors of lifecycle policies and of those who keep images from them."""

from __future__ import annotations

from registry.values.errors import Conflict, NotFound


class LifecyclePolicyNotFound(NotFound):
    """The repository has no lifecycle policy."""


class LifecyclePreviewNotFound(NotFound):
    """Nobody has asked for a preview of a lifecycle policy of the repository."""


class LifecyclePreviewInProgress(Conflict):
    """The preview that was asked for before is not there yet."""


class ReporterNotFound(NotFound):
    """Nobody of that name has reported images in use."""
