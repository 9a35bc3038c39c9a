"""One image, from one repository to another, without its bytes leaving the server.

Under the same key a blob is linked; under another one its bytes are read, decrypted, and sealed
anew as an upload of the target. What is copied is held by the target before anything there needs
it, and the image itself comes last, in one transaction with its tags: whoever sees the tag can
pull everything. A copy that was cut short leaves what a push that was cut short leaves; done
again, it goes on with what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_gaps
from registry.domain import blobs as blob_rows
from registry.domain import image_rows as rows
from registry.domain import links
from registry.domain.copying.plan import Item, plan
from registry.domain.repositories import current
from registry.values.errors import (
    ImageNotFound,
    ManifestReferenceUnknown,
    MoorageError,
    TagImmutable,
)
from registry.values.manifest import parse

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.blobs import Blobs
    from registry.domain.images import Images
    from registry.domain.repositories import Repository
    from registry.domain.uploads import Uploads
    from registry.storage.driver import Buffer
    from registry.values.digest import Digest

ATTEMPTS = 3
"""How often an image is brought anew where the target lost a part of it meanwhile."""

Beat = Callable[[], None]
"""Called again and again while a copy runs; what it raises ends the copy."""


def no_beat() -> None:
    """For who lets a copy run to its end."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy brought."""

    digest: Digest
    tags: tuple[str, ...]
    """Those that stand on the image in the target now."""
    images: int = 0
    """Manifests that the target did not hold."""
    linked: int = 0
    """Bytes of blobs that the target only had to be linked to."""
    sealed: int = 0
    """Bytes of blobs that were sealed anew."""
    below: tuple[Digest, ...] = ()
    """All that belongs to the image and came along, in the order in which it was copied."""
    tied: tuple[tuple[Digest, str], ...] = ()
    """Tags that came along with what they stand on, as they name an image that did."""


class Copier:
    """Copies. `principal` is whose uploads its unfinished ones are."""

    def __init__(
        self, database: Database, images: Images, blobs: Blobs, uploads: Uploads, principal: str
    ) -> None:
        self._database = database
        self._images = images
        self._blobs = blobs
        self._uploads = uploads
        self._principal = principal

    def copy(
        self,
        source: Repository,
        target: Repository,
        digest: Digest,
        tags: Sequence[str] = (),
        *,
        referrers: bool = True,
        beat: Beat = no_beat,
    ) -> Copied:
        """Have the target hold the image with all that belongs to it, and the tags stand on it.

        Raises ImageNotFound, TagImmutable, KeyNotFound, KeyUnavailable, LimitExceeded, Vanished,
        Damaged, and what storage raises; then no tag has moved.
        """
        pair = _Pair(source, target, beat)
        for attempt in range(1, ATTEMPTS + 1):
            items = self._planned(pair, digest, tags, referrers=referrers)
            try:
                for item in items:
                    own = tags if item.digest == digest else ()
                    self._bring(pair, item, [*own, *item.tags])
                break
            except ManifestReferenceUnknown:
                if attempt == ATTEMPTS:
                    raise
        return Copied(
            digest,
            tuple(tags),
            images=pair.images,
            linked=pair.linked,
            sealed=pair.sealed,
            below=tuple(item.digest for item in items[:-1]),
            tied=tuple((item.digest, tag) for item in items for tag in item.tags),
        )

    def _planned(
        self, pair: _Pair, digest: Digest, tags: Sequence[str], *, referrers: bool
    ) -> list[Item]:
        """What is to be copied. Raises ImageNotFound, and TagImmutable before anything is done."""
        with self._database.read() as connection:
            items = plan(connection, pair.source, digest, referrers=referrers)
            known = rows.find(connection, pair.target, digest)
            rows.tags_to_move(connection, pair.target, tags, known.id if known else None)
            items = [_allowed(connection, pair.target, item) for item in items]
        if not items:
            raise _gone(digest, pair.source)
        return items

    def _bring(self, pair: _Pair, item: Item, tags: Sequence[str]) -> None:
        """One manifest and its blobs. Raises ManifestReferenceUnknown if the target lost some."""
        pair.beat()
        if self._stands(pair.target, item, tags):
            return
        stored = self._images.get(pair.source, item.digest)
        manifest = parse(stored.content, stored.image.media_type)
        self._hold(pair, [part.digest for part in manifest.blobs])
        pushed = self._images.put(
            pair.target,
            stored.content,
            stored.image.media_type,
            digest=item.digest,
            tag_names=tags,
            complete=item.whole,
        )
        pair.images += pushed.is_new

    def _stands(self, target: Repository, item: Item, tags: Sequence[str]) -> bool:
        """Whether the target holds it already, as whole as it can be, with its tags."""
        with self._database.read() as connection:
            row = rows.find(connection, target, item.digest)
            if row is None or rows.tags_to_move(connection, target, tags, row.id):
                return False
            gaps = sa.select(image_gaps.c.digest).where(image_gaps.c.image_id == row.id)
            return item.whole and connection.execute(gaps.limit(1)).first() is None

    def _hold(self, pair: _Pair, digests: Sequence[Digest]) -> None:
        """Link what can be linked and seal the rest; all of it is safe from collection then."""
        missing = self._link(pair, digests)
        for digest in missing:
            pair.sealed += self._seal(pair, digest)
        if missing:
            self._link(pair, digests)

    def _link(self, pair: _Pair, digests: Sequence[Digest]) -> list[Digest]:
        """Let the target hold what its key has; what has to be sealed for it."""
        missing = []
        with self._database.write() as connection:
            source, target = current(connection, pair.source), current(connection, pair.target)
            held = blob_rows.find_all_linked(connection, source, digests)
            there = blob_rows.find_all_linked(connection, target, digests)
            for digest, blob in held.items():
                stored = there.get(digest)
                if stored is None:
                    stored = blob_rows.find_stored(connection, target.key_id, digest)
                    pair.linked += blob.size if stored else 0
                if stored is None:
                    missing.append(digest)
                else:
                    links.link(connection, target.id, stored.id)
        return missing

    def _seal(self, pair: _Pair, digest: Digest) -> int:
        """Read a blob of the source and have the target hold it; its bytes."""
        blob = self._blobs.get(pair.source, digest)
        target, principal = pair.target, self._principal
        upload = self._uploads.start(target, principal)
        try:
            with closing(_beating(self._blobs.open(pair.source, blob), pair.beat)) as chunks:
                self._uploads.append(
                    target, principal, upload.id, chunks, algorithm=digest.algorithm
                )
            self._uploads.finish(target, principal, upload.id, digest)
        except BaseException:
            with suppress(MoorageError):
                self._uploads.cancel(target, principal, upload.id)
            raise
        return blob.size


@dataclass(slots=True)
class _Pair:
    """One copy under way, and what it has brought so far."""

    source: Repository
    target: Repository
    beat: Beat
    images: int = 0
    linked: int = 0
    sealed: int = 0


def _beating(chunks: Generator[Buffer, None, None], beat: Beat) -> Generator[Buffer, None, None]:
    with closing(chunks):
        for chunk in chunks:
            beat()
            yield chunk


def _allowed(connection: sa.Connection, target: Repository, item: Item) -> Item:
    """Without the tags of its own that are immutable there, and stand on something else."""
    free = []
    for tag in item.tags:
        known = rows.find(connection, target, item.digest)
        with suppress(TagImmutable):
            rows.tags_to_move(connection, target, [tag], known.id if known else None)
            free.append(tag)
    return replace(item, tags=tuple(free))


def _gone(digest: Digest, repository: Repository) -> ImageNotFound:
    return ImageNotFound(f"no image with digest '{digest}' in the repository '{repository.name}'")
