"""Domain errors as ECR's exceptions.

Source: ECR API reference, the "Errors" of each operation.
"""

from __future__ import annotations

from registry.aws.errors import ServiceError
from registry.values import errors
from registry.values.gating import GateRefused

_CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (errors.RepositoryNotFound, "RepositoryNotFoundException"),
    (errors.RepositoryPolicyNotFound, "RepositoryPolicyNotFoundException"),
    (errors.RegistryPolicyNotFound, "RegistryPolicyNotFoundException"),
    (errors.LifecyclePolicyNotFound, "LifecyclePolicyNotFoundException"),
    (errors.LifecyclePreviewNotFound, "LifecyclePolicyPreviewNotFoundException"),
    (errors.LifecyclePreviewInProgress, "LifecyclePolicyPreviewInProgressException"),
    (errors.TemplateNotFound, "TemplateNotFoundException"),
    (errors.SigningConfigurationNotFound, "SigningConfigurationNotFoundException"),
    (errors.ExclusionNotFound, "ExclusionNotFoundException"),
    (errors.ExclusionExists, "ExclusionAlreadyExistsException"),
    (errors.StorageClassFixed, "ImageStorageClassUpdateNotSupportedException"),
    (errors.TemplateExists, "TemplateAlreadyExistsException"),
    (errors.RuleNotFound, "PullThroughCacheRuleNotFoundException"),
    (errors.RuleExists, "PullThroughCacheRuleAlreadyExistsException"),
    (errors.UpstreamUnsupported, "UnsupportedUpstreamRegistryException"),
    (errors.SecretNotFound, "SecretNotFoundException"),
    (errors.SecretInaccessible, "UnableToAccessSecretException"),
    (errors.SecretDamaged, "UnableToDecryptSecretValueException"),
    (errors.UpstreamDenied, "UnableToGetUpstreamImageException"),
    (errors.UpstreamFailed, "UnableToGetUpstreamImageException"),
    (errors.BackfillNotFound, "ReplicationBackfillNotFoundException"),
    (errors.BackfillRunning, "ReplicationBackfillInProgressException"),
    (errors.BackfillEnded, "ReplicationBackfillInvalidStatusException"),
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
