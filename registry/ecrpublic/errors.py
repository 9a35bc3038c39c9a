"""Domain errors as ECR Public's exceptions.

Source: ECR Public API reference, the "Errors" of each operation.
"""

from __future__ import annotations

from registry.aws.errors import ServiceError
from registry.values import errors, publishing

_CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (publishing.RegistryNotFound, "RegistryNotFoundException"),
    (errors.RepositoryNotFound, "RepositoryNotFoundException"),
    (errors.Vanished, "RepositoryNotFoundException"),
    (errors.RepositoryPolicyNotFound, "RepositoryPolicyNotFoundException"),
    (publishing.CatalogDataNotFound, "RepositoryCatalogDataNotFoundException"),
    (errors.RepositoryExists, "RepositoryAlreadyExistsException"),
    (errors.RepositoryNotEmpty, "RepositoryNotEmptyException"),
    (errors.TagImmutable, "ImageTagAlreadyExistsException"),
    (errors.ImageExists, "ImageAlreadyExistsException"),
    (errors.ImageNotFound, "ImageNotFoundException"),
    (errors.BlobNotFound, "LayersNotFoundException"),
    (errors.BlobExists, "LayerAlreadyExistsException"),
    (errors.UploadNotFound, "UploadNotFoundException"),
    (errors.UploadConflict, "UploadNotFoundException"),
    (errors.EmptyUpload, "EmptyUploadException"),
    (errors.PartTooSmall, "LayerPartTooSmallException"),
    (errors.SizeInvalid, "LimitExceededException"),
    (errors.Protected, "InvalidParameterException"),
    (errors.TooManyTags, "TooManyTagsException"),
    (errors.LimitExceeded, "LimitExceededException"),
    (errors.ResourceTagInvalid, "InvalidTagParameterException"),
    (errors.DigestMismatch, "ImageDigestDoesNotMatchException"),
    (errors.Invalid, "InvalidParameterException"),
)


def service_error(error: Exception) -> ServiceError | None:
    """The exception that ECR Public's model has for it, if any."""
    if isinstance(error, errors.ManifestReferenceUnknown):
        kind = "ReferencedImagesNotFound" if error.images else "LayersNotFound"
        return ServiceError(f"{kind}Exception", str(error))
    if isinstance(error, errors.KeyNotFound | errors.KeyUnavailable):
        return ServiceError("ServerException", str(error), 500, "Receiver")
    for kind_of_error, code in _CODES:
        if isinstance(error, kind_of_error):
            return ServiceError(code, str(error))
    return None
