"""What a manifest names, held against what its repository has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from registry.domain import blobs
from registry.domain import image_rows as rows
from registry.values.errors import ManifestInvalid, ManifestReferenceUnknown

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.domain.repositories import Repository
    from registry.values.manifest import Manifest

Sparse = Literal["none", "index", "all"]
"""Which manifests may name content that is not here: no one, an index, any manifest."""


def check(
    connection: sa.Connection, repository: Repository, manifest: Manifest, sparse: Sparse
) -> tuple[set[int], set[str]]:
    """Ids of the blobs that the manifest needs, and digests of those that need not be there.

    Raises ManifestInvalid, ManifestReferenceUnknown.
    """
    held: set[int] = set()
    gaps: set[str] = set()
    missing: list[str] = []
    known = blobs.find_all_linked(connection, repository, (part.digest for part in manifest.blobs))
    for part in manifest.blobs:
        blob = known.get(part.digest)
        if blob is None:
            may_miss = sparse == "all" or part.elsewhere
            gaps.add(str(part.digest)) if may_miss else missing.append(str(part.digest))
        elif blob.size != part.size:
            raise ManifestInvalid(
                f"the manifest says that {part.digest} has {part.size} bytes;"
                f" the blob has {blob.size}"
            )
        else:
            held.add(blob.id)
    if missing:
        raise ManifestReferenceUnknown(list(dict.fromkeys(missing)))
    if sparse == "none":
        rows.require_children(connection, repository, manifest)
    return held, gaps
