"""Domain errors as ECR's exceptions.

Source: ECR API reference, the "Errors" of each operation.
"""

from __future__ import annotations

from registry.aws.errors import ServiceError
from registry.values import backfilling, errors, expiring, fetching
from registry.values.gating import GateRefused

_CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (errors.RepositoryNotFound, "RepositoryNotFoundException"),
    (errors.RepositoryPolicyNotFound, "RepositoryPolicyNotFoundException"),
    (errors.RegistryPolicyNotFound, "RegistryPolicyNotFoundException"),
    (expiring.LifecyclePolicyNotFound, "LifecyclePolicyNotFoundException"),
    (expiring.LifecyclePreviewNotFound, "LifecyclePolicyPreviewNotFoundException"),
    (expiring.LifecyclePreviewInProgress, "LifecyclePolicyPreviewInProgressException"),
    (errors.TemplateNotFound, "TemplateNotFoundException"),
    (errors.SigningConfigurationNotFound, "SigningConfigurationNotFoundException"),
    (errors.ExclusionNotFound, "ExclusionNotFoundException"),
    (errors.ExclusionExists, "ExclusionAlreadyExistsException"),
    (errors.StorageClassFixed, "ImageStorageClassUpdateNotSupportedException"),
    (errors.TemplateExists, "TemplateAlreadyExistsException"),
    (fetching.RuleNotFound, "PullThroughCacheRuleNotFoundException"),
    (fetching.RuleExists, "PullThroughCacheRuleAlreadyExistsException"),
    (fetching.UpstreamUnsupported, "UnsupportedUpstreamRegistryException"),
    (errors.SecretNotFound, "SecretNotFoundException"),
    (errors.SecretInaccessible, "UnableToAccessSecretException"),
    (errors.SecretDamaged, "UnableToDecryptSecretValueException"),
    (fetching.UpstreamDenied, "UnableToGetUpstreamImageException"),
    (fetching.UpstreamFailed, "UnableToGetUpstreamImageException"),
    (backfilling.BackfillNotFound, "ReplicationBackfillNotFoundException"),
    (backfilling.BackfillRunning, "ReplicationBackfillInProgressException"),
    (backfilling.BackfillEnded, "ReplicationBackfillInvalidStatusException"),
    (errors.RepositoryExists, "RepositoryAlreadyExistsException"),
    (errors.RepositoryNotEmpty, "RepositoryNotEmptyException"),
    (errors.TagImmutable, "ImageTagAlreadyExistsException"),
    (errors.ImageExists, "ImageAlreadyExistsException"),
    (errors.ImageNotFound, "ImageNotFoundException"),
    (errors.KeyNotFound, "KmsException"),
    (errors.KeyUnavailable, "KmsException"),
    (errors.Vanished, "RepositoryNotFoundException"),
    (errors.BlobNotFound, "LayersNotFoundException"),
    (errors.BlobUnreferenced, "LayerInaccessibleException"),
    (GateRefused, "LayerInaccessibleException"),
    (errors.BlobExists, "LayerAlreadyExistsException"),
    (errors.UploadNotFound, "UploadNotFoundException"),
    (errors.UploadConflict, "UploadNotFoundException"),
    (errors.EmptyUpload, "EmptyUploadException"),
    (errors.PartTooSmall, "LayerPartTooSmallException"),
    (errors.SizeInvalid, "LimitExceededException"),
    (errors.ResourceTagInvalid, "InvalidTagParameterException"),
    (errors.TooManyTags, "TooManyTagsException"),
    (errors.Protected, "InvalidParameterException"),
    (errors.LimitExceeded, "LimitExceededException"),
    (errors.DigestMismatch, "ImageDigestDoesNotMatchException"),
    (errors.Invalid, "InvalidParameterException"),
)


def service_error(error: Exception) -> ServiceError | None:
    """The exception that ECR's model has for it, if any."""
    if isinstance(error, errors.ManifestReferenceUnknown):
        kind = "ReferencedImagesNotFound" if error.images else "LayersNotFound"
        return ServiceError(f"{kind}Exception", str(error))
    for kind_of_error, code in _CODES:
        if isinstance(error, kind_of_error):
            return ServiceError(code, str(error))
    return None
