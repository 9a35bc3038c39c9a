"""Images: manifests as pushed, and the tags that point at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.domain import events, image_queries, links, orphans, references, storage_class
from registry.domain import image_rows as rows
from registry.domain.repositories import current
from registry.domain.scanning import requests as scan_requests
from registry.domain.signing import requests as signing
from registry.values.digest import CANONICAL, Digest
from registry.values.errors import ImageArchived, ImageNotFound
from registry.values.manifest import parse

if TYPE_CHECKING:
    from registry.database.database import Cache, Database
    from registry.domain.references import Sparse
    from registry.domain.repositories import Repository
    from registry.domain.resting import Removal
    from registry.domain.vault import Vault

REFERRERS_MAX = 4 * 1024 * 1024
"""Bytes of manifests that one page of referrers is read from; one more may go over it."""


@dataclass(frozen=True, slots=True)
class Image:
    """A stored manifest and what is known of it."""

    id: int
    digest: Digest
    media_type: str
    artifact_type: str | None
    subject: Digest | None
    size: int
    """Bytes, as DescribeImages counts them."""
    pushed_at: datetime
    pulled_at: datetime | None
    """When a client got its manifest last, as far as that is written down already."""
    tags: tuple[str, ...] = ()
    status: str = "ACTIVE"
    archived_at: datetime | None = None
    activated_at: datetime | None = None
    """When it came back from the archive last."""

    def require_active(self) -> None:
        """Raise ImageArchived for an image that nobody may pull before it is restored."""
        if self.status != "ACTIVE":
            raise ImageArchived(
                f"The image with digest {self.digest} is archived. Restore it before pulling it."
            )


@dataclass(frozen=True, slots=True)
class Stored:
    """An image with its manifest."""

    image: Image
    content: bytes = field(repr=False)
    key_id: str
    """What it is sealed under."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push changed."""

    image: Image
    subject: Digest | None
    is_new: bool
    """The repository did not hold this digest before."""
    moved: tuple[str, ...]
    """Tags that did not stand on it before."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One way to name an image: ECR's ImageIdentifier."""

    image_id: int
    digest: Digest
    tag: str | None


def nothing_more(_connection: sa.Connection, _image_id: int) -> None:
    """For who has nothing to add to a push."""


class Images:
    """Put, get, list and delete, each in one transaction."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        vault: Vault,
        *,
        removal: Removal,
        sparse: Sparse = "index",
        pushed: Callable[[sa.Connection, int], None] = nothing_more,
    ) -> None:
        """`pushed` is told the id of an image that is new, or has a new tag, as it is written."""
        self._pushed = pushed
        self._removal = removal
        self._database = database
        self._cache = cache
        self._vault = vault
        self._sparse = sparse

    def put(
        self,
        repository: Repository,
        content: bytes,
        media_type: str | None = None,
        *,
        digest: Digest | None = None,
        tag_names: Sequence[str] = (),
        complete: bool = False,
        told: Callable[[sa.Connection, int], None] = nothing_more,
    ) -> Pushed:
        """Store a manifest under its digest, and let the tags point at it.

        `complete` asks for everything it names to be there, whatever may be sparse elsewhere.
        `told` is called as `pushed` is, for this image alone.

        Raises DigestInvalid, ManifestInvalid and its kinds, TagImmutable, QuotaExceeded,
        KeyUnavailable, Vanished.
        """
        manifest = parse(content, media_type)
        actual = Digest.of(content, digest.algorithm if digest else CANONICAL)
        if digest is not None:
            digest.verify(actual)
        sealed = self._vault.seal(repository.key_id, content, str(actual))
        with self._database.write() as connection:
            current(connection, repository)
            sparse = "none" if complete else self._sparse
            held, gaps = references.check(connection, repository, manifest, sparse)
            row = rows.find(connection, repository, actual)
            moved = rows.tags_to_move(connection, repository, tag_names, row.id if row else None)
            image_id = (
                rows.insert(connection, repository, manifest, actual, sealed)
                if row is None
                else int(row.id)
            )
            rows.insert_references(connection, image_id, held, manifest)
            links.note_gaps(connection, image_id, gaps)
            links.hold(connection, repository.id, image_id)
            index = bool(manifest.manifests)
            storage_class.wake(connection, repository, image_id, index=index)
            for tag in moved:
                rows.point_tag(connection, repository, tag, image_id)
            if row is None or moved:
                self._pushed(connection, image_id)
                told(connection, image_id)
            orphans.forget(connection, [image_id])
            signing.request(connection, repository, image_id, manifest)
            events.pushed(connection, repository, image_id, moved, is_new=row is None)
            if row is None:
                scan_requests.pushed(connection, repository, image_id, manifest)
            stored = rows.find(connection, repository, actual)
        assert stored is not None  # noqa: S101 - inserted above
        return Pushed(_image(stored, tuple(tag_names)), manifest.subject, row is None, moved)

    def get(self, repository: Repository, reference: Digest | str) -> Stored:
        """The image by digest or tag, with exactly the bytes that were pushed.

        Raises ImageNotFound, KeyNotFound, KeyUnavailable, Damaged.
        """
        self._vault.check(repository.key_id)
        found = self._cache.get(
            ("image", repository.id, reference),
            lambda: self._load(repository, reference),
            weight=lambda stored: 1024 + (len(stored.content) if stored else 0),
        )
        if found is None:
            raise _unknown(reference, repository)
        if found.key_id != repository.key_id:  # the repository leaves that key
            self._vault.check(found.key_id)
        return found

    def page(
        self,
        repository: Repository,
        after: int,
        limit: int,
        *,
        tagged: bool | None = None,
        status: str | None = None,
    ) -> list[Image]:
        """At most `limit` images with their tags, in push order, behind the image id `after`.

        `tagged` keeps those with a tag, or those without one; `status` those that have it.
        """
        query = image_queries.page(repository.id, after, tagged=tagged, status=status).limit(limit)
        with self._database.read() as connection:
            found = connection.execute(query).all()
            names = rows.tags_by_image(connection, [row.id for row in found])
        return [_image(row, tuple(names.get(row.id, ()))) for row in found]

    def identifiers(
        self,
        repository: Repository,
        after: tuple[int, str],
        limit: int,
        *,
        tagged: bool | None = None,
        status: str | None = None,
    ) -> list[Identifier]:
        """At most `limit` identifiers, one for each tag and one for each image without.

        In push order, then by tag, behind the image id and tag in `after`.
        """
        query = image_queries.identifiers(repository.id, after, tagged=tagged, status=status)
        with self._database.read() as connection:
            found = connection.execute(query.limit(limit)).all()
        return [Identifier(row.id, Digest.parse(row.digest), row.name) for row in found]

    def tag_page(self, repository: Repository, after: str, limit: int) -> list[str]:
        """At most `limit` tags that can be pulled, in byte order, beginning behind `after`."""
        query = image_queries.active_tags(repository.id, after).limit(limit)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def referrers(
        self,
        repository: Repository,
        subject: Digest,
        after: str,
        limit: int,
        *,
        artifact_types: Sequence[str] = (),
        status: str | None = storage_class.ACTIVE,
    ) -> tuple[list[Stored], bool]:
        """Manifests whose subject it is, by digest, behind the digest `after`.

        At most `limit`, and fewer where their manifests come to more than REFERRERS_MAX bytes;
        and whether there are more. `artifact_types` keeps those of these types, `status`
        those that have it.
        """
        named = (repository.id, str(subject), after, artifact_types)
        query = image_queries.referrers(*named, status=status).limit(limit + 1)
        found: list[Stored] = []
        size = 0
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=1).execute(query):
                if len(found) == limit or size > REFERRERS_MAX:
                    return found, True
                found.append(self._open(row, ()))
                size += len(row.manifest)
        return found, False

    def untag(self, repository: Repository, tag: str) -> None:
        """Remove a tag, not its image. Raises ImageNotFound, Protected."""
        with self._database.write() as connection:
            if not self._removal.tag(connection, repository, tag):
                raise _unknown(tag, repository)

    def delete(self, repository: Repository, digest: Digest) -> None:
        """Remove an image and its tags.

        Raises ImageNotFound, Protected, or ImageReferenced while an index lists it.
        """
        with self._database.write() as connection:
            row = rows.find(connection, repository, digest)
            if row is None:
                raise _unknown(digest, repository)
            rows.refuse_listed(connection, repository, digest)
            self._removal.image(connection, repository, row.id)

    def _load(self, repository: Repository, reference: Digest | str) -> Stored | None:
        with self._database.read() as connection:
            row = connection.execute(image_queries.one(repository.id, reference)).first()
            if row is None:
                return None
            named = rows.tags_by_image(connection, [row.id]).get(row.id, ())
            return self._open(row, tuple(named))

    def _open(self, row: sa.Row[Any], names: tuple[str, ...]) -> Stored:
        content = self._vault.open(row.key_id, row.manifest, row.digest)
        return Stored(_image(row, names), content, row.key_id)


def _image(row: sa.Row[Any], names: tuple[str, ...]) -> Image:
    return Image(
        id=row.id,
        digest=Digest.parse(row.digest),
        media_type=row.media_type,
        artifact_type=row.artifact_type,
        subject=Digest.parse(row.subject) if row.subject else None,
        size=row.size,
        pushed_at=row.pushed_at,
        pulled_at=row.pulled_at,
        tags=names,
        status=row.status,
        archived_at=row.archived_at,
        activated_at=row.activated_at,
    )


def _unknown(reference: Digest | str, repository: Repository) -> ImageNotFound:
    kind = "digest" if isinstance(reference, Digest) else "tag"
    return ImageNotFound(
        f"no image with {kind} {str(reference)!r} in the repository '{repository.name}'"
    )
