"""What events call it when an upstream gives nothing: the names of ECR's own exceptions.

ECR's events have `failure-code` and `failure-reason` (the event type that the AWS CDK is
generated from); their values are documented nowhere. The exceptions of its operations are:
ECR API reference, BatchGetImage and ValidatePullThroughCacheRule.
"""

from __future__ import annotations

from registry.values import errors, fetching

_CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (fetching.UpstreamUnsupported, "UnsupportedUpstreamRegistryException"),
    (fetching.UpstreamSecretLost, "UnableToAccessSecretException"),
    (errors.ImageNotFound, "ImageNotFoundException"),
    (errors.LimitExceeded, "LimitExceededException"),
)


def code(error: errors.MoorageError) -> str:
    """The name for it; that of everything an upstream itself can do wrong, where none fits."""
    fitting = (name for kind, name in _CODES if isinstance(error, kind))
    return next(fitting, "UnableToGetUpstreamImageException")
