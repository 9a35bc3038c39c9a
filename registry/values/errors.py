"""Every error of the domain and of the ground, in one tree.

    MoorageError
    ├── Invalid                  the request itself is wrong
    │   ├── NameInvalid  TagInvalid  SizeInvalid  RangeInvalid
    │   ├── DigestInvalid ── DigestMismatch
    │   ├── ManifestInvalid ── ManifestTooLarge  ManifestReferenceUnknown
    │   ├── ParameterInvalid ── ResourceTagInvalid
    │   ├── PolicyDocumentInvalid
    │   └── EmptyUpload  PartTooSmall
    ├── NotFound
    │   ├── RepositoryNotFound  BlobNotFound  UploadNotFound
    │   ├── ImageNotFound ── ImageArchived
    │   ├── KeyNotFound  ObjectNotFound  Vanished  RepositoryPolicyNotFound
    │   ├── RegistryPolicyNotFound  TemplateNotFound  RestingNotFound  RuleNotFound
    │   ├── SecretNotFound
    │   ├── LifecyclePolicyNotFound  LifecyclePreviewNotFound  ReporterNotFound
    │   ├── ExclusionNotFound  BackfillNotFound  ScanNotFound
    │   ├── RegistryNotFound  CatalogDataNotFound  SigningConfigurationNotFound
    │   └── EntityNotFound
    ├── Conflict
    │   ├── RepositoryExists  RepositoryNotEmpty  TagImmutable  TagExists
    │   ├── ImageExists  ImageReferenced  BlobReferenced  UploadConflict
    │   ├── BlobExists  BlobUnreferenced  TemplateExists  RuleExists  AliasTaken
    │   ├── ExclusionExists  StorageClassFixed  Protected  LifecyclePreviewInProgress
    │   ├── EntityExists  DeleteConflict
    │   ├── BackfillRunning  BackfillEnded
    │   └── LimitExceeded ── TooManyTags  QuotaExceeded
    ├── Refused
    │   ├── Unauthenticated  TokenExpired  Denied  GateRefused  SecretInaccessible
    │   └── UpstreamDenied ── UpstreamUnsupported  UpstreamSecretLost
    ├── Unavailable              try again later, nothing was stored
    │   ├── StorageUnavailable  StorageFull
    │   ├── KeyUnavailable ── KeyDisabled  KeyServiceUnavailable
    │   └── UpstreamFailed ── UpstreamBusy
    ├── Damaged                  stored bytes that fail their check
    │   └── SecretDamaged
    └── Interrupted              the client went away in mid-body

Those of one subject alone stand beside this file: `GateRefused` in `gating.py`, those of upstream
registries in `fetching.py`, of backfills in `backfilling.py`, of lifecycle policies in
`expiring.py`, of public registries in `publishing.py`.
A wire turns these into its own form in one place (`oci/errors.py`, `ecr/errors.py`).
The message is written for the person at the other end and never holds a secret.
"""


class MoorageError(Exception):
    """The root. `str(error)` is safe to show to a client."""


class Invalid(MoorageError):
    """The request is wrong in itself; repeating it cannot help."""


class NameInvalid(Invalid):
    """A repository name outside the grammar."""


class TagInvalid(Invalid):
    """A tag outside the grammar."""


class DigestInvalid(Invalid):
    """A digest outside the grammar, of an unknown algorithm, or not that of the content."""


class DigestMismatch(DigestInvalid):
    """A digest that is not that of the content."""


class SizeInvalid(Invalid):
    """A body longer or shorter than announced, or longer than allowed."""


class RangeInvalid(Invalid):
    """A Content-Range that is malformed, or does not start where the upload stands."""


class ManifestInvalid(Invalid):
    """Bytes that are not a manifest."""


class ManifestTooLarge(ManifestInvalid):
    """A manifest over 4 MiB."""


class ManifestReferenceUnknown(ManifestInvalid):
    """A manifest that references content which the repository does not hold."""

    def __init__(self, digests: list[str], *, images: bool = False) -> None:
        self.digests = digests
        self.images = images
        """Whether it is images that an index lists, rather than layers."""
        listed = ", ".join(digests[:10]) + (", …" if len(digests) > 10 else "")
        super().__init__(f"the manifest references content that is not in the repository: {listed}")


class ParameterInvalid(Invalid):
    """Any other parameter outside its constraint."""


class ResourceTagInvalid(ParameterInvalid):
    """A tag of a resource outside the grammar."""


class PolicyDocumentInvalid(Invalid):
    """A policy that is not one, or not of the kind that belongs here; the message says where."""


class EmptyUpload(Invalid):
    """An upload that is to end before anything of it came."""


class PartTooSmall(Invalid):
    """A part of an upload that is smaller than ECR's API allows."""


class NotFound(MoorageError):
    """What was named does not exist, or the caller may not know that it does."""


class RepositoryNotFound(NotFound):
    """No repository of that name."""

    def __init__(self, name: str, account: str) -> None:
        self.name = name
        super().__init__(
            f"The repository with name '{name}' does not exist in the registry with id '{account}'"
        )


class ImageNotFound(NotFound):
    """No manifest of that tag or digest."""


class ImageArchived(ImageNotFound):
    """The image is in the archive: it has to be restored before it is pulled."""


class BlobNotFound(NotFound):
    """No blob of that digest in the repository."""


class UploadNotFound(NotFound):
    """No such upload, or it belongs to somebody else."""


class KeyNotFound(NotFound):
    """No such encryption key."""


class ObjectNotFound(NotFound):
    """Storage has no object at a path."""


class RepositoryPolicyNotFound(NotFound):
    """The repository has no policy."""


class RegistryPolicyNotFound(NotFound):
    """The registry has no policy."""


class TemplateNotFound(NotFound):
    """No repository creation template of that prefix."""


class SecretNotFound(NotFound):
    """No secret of that ARN."""


class RestingNotFound(NotFound):
    """Nothing of that number rests here: it was brought back, or its time is over."""


class ExclusionNotFound(NotFound):
    """The principal is not among those whose pulls do not count."""


class SigningConfigurationNotFound(NotFound):
    """The registry signs nothing."""


class ScanNotFound(NotFound):
    """The image was never scanned, nor was it to be."""


class Vanished(NotFound):
    """What the request was about was deleted while it ran."""


class EntityNotFound(NotFound):
    """No user, group, role, instance profile, policy or access key of that name."""


class Conflict(MoorageError):
    """The request is fine, but not against what is stored now."""


class RepositoryExists(Conflict):
    """A repository of that name exists already."""


class RepositoryNotEmpty(Conflict):
    """A repository that still holds images is deleted only with force."""


class TagImmutable(Conflict):
    """The tag stands on another digest and the repository is immutable."""

    def __init__(self, tag: str, repository: str) -> None:
        super().__init__(
            f"The image tag '{tag}' already exists in the '{repository}' repository"
            " and cannot be overwritten because the repository is immutable."
        )


class ImageExists(Conflict):
    """The same digest under the same tag is there already (ECR's PutImage says so)."""


class ImageReferenced(Conflict):
    """An image that an index still references."""


class BlobReferenced(Conflict):
    """A blob that an image of the repository still references."""


class TemplateExists(Conflict):
    """A repository creation template of that prefix exists already."""


class Protected(Conflict):
    """A repository or tag that must not be deleted."""


class ExclusionExists(Conflict):
    """The principal is among those whose pulls do not count already."""


class StorageClassFixed(Conflict):
    """An image that has to stay in its storage class while something else stands."""


class BlobExists(Conflict):
    """The repository holds the layer already (ECR's CompleteLayerUpload says so)."""


class BlobUnreferenced(Conflict):
    """A layer that no image of the repository needs is not given out (ECR's API)."""


class UploadConflict(Conflict):
    """Somebody else wrote to the upload in the meantime."""


class EntityExists(Conflict):
    """The account has an entity of that name, in whatever case."""


class DeleteConflict(Conflict):
    """An entity that still has something, or is still in use, is not deleted."""


class LimitExceeded(Conflict):
    """One more would be more than an account, an entity or a document may have."""


class TooManyTags(LimitExceeded):
    """A resource with more tags of its own than it may have."""


class QuotaExceeded(LimitExceeded):
    """One more would be more than a repository or an account may hold."""


class Refused(MoorageError):
    """The caller may not do that."""


class Unauthenticated(Refused):
    """No credentials, or wrong ones."""


class TokenExpired(Refused):
    """An authorization token older than its 12 hours."""


class Denied(Refused):
    """Known, but not allowed."""


class SecretInaccessible(Refused):
    """A secret of another account or region."""


class Unavailable(MoorageError):
    """Something behind the server does not answer; nothing was stored, try again."""


class StorageUnavailable(Unavailable):
    """The disk or the object store failed."""


class StorageFull(Unavailable):
    """No space left."""


class KeyUnavailable(Unavailable):
    """The key is disabled, pending deletion, or its provider does not answer."""


class KeyDisabled(KeyUnavailable):
    """The provider says that the key itself is not to be used."""


class KeyServiceUnavailable(KeyUnavailable):
    """The key's provider does not answer, or not now."""


class Damaged(MoorageError):
    """Stored bytes that are not what was stored: truncated, swapped, altered, wrong key."""


class SecretDamaged(Damaged):
    """A stored secret that this keyring does not open."""


class Interrupted(MoorageError):
    """The client hung up before its body was complete; nothing of it was kept."""
