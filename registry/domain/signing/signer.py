"""Signs what waits for it, by one process at a time; each image anew until it is done.

What is stored is the same however often an image is signed, so a crash at any moment costs
nothing but doing it again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_signatures, images, repositories
from registry.domain.shadows import RESTING
from registry.domain.signing.payload import Signed, artifact, payload
from registry.domain.signing.requests import COMPLETE, IN_PROGRESS, finish
from registry.values.digest import Digest
from registry.values.errors import (
    KeyServiceUnavailable,
    KeyUnavailable,
    MoorageError,
    NotFound,
    TagImmutable,
    Unavailable,
)
from registry.values.manifest import OCI_MANIFEST
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.images import Image, Images
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.signing.keys import SigningKeys
    from registry.domain.tasks import Task
    from registry.domain.uploads import Uploads

SECONDS = 2.0
"""How often it is looked for images to sign."""
OWNER = "moorage:signing"
"""Who the uploads of signatures belong to."""

_table = image_signatures.c


class Signer:
    """Signs images, and stores their signatures beside them."""

    def __init__(
        self,
        database: Database,
        repositories: Repositories,
        *,
        images: Images,
        uploads: Uploads,
        keys: SigningKeys,
        task: Task,
    ) -> None:
        self._database = database
        self._repositories = repositories
        self._images = images
        self._uploads = uploads
        self._keys = keys
        self._task = task

    def run(self, stop: threading.Event) -> int:
        """Sign all that waits; how many images that were. Raises Unavailable: go on later."""
        if self._next() is None or not self._task.take():
            return 0
        count = 0
        try:
            while not stop.is_set() and self._task.renew():
                image_id = self._next()
                if image_id is None:
                    break
                self._sign(image_id)
                count += 1
        finally:
            self._task.release(finished=True)
        return count

    def _next(self) -> int | None:
        """One that waits; what was deleted and rests waits until it is brought back."""
        query = (
            sa.select(_table.image_id)
            .join(images, images.c.id == _table.image_id)
            .join(repositories, repositories.c.id == images.c.repository_id)
            .where(_table.status == IN_PROGRESS, repositories.c.account != RESTING)
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def _sign(self, image_id: int) -> None:
        """Raises Unavailable for what passes; anything else is written down as the failure."""
        failure = None
        waiting, profiles = self._profiles(image_id)
        try:
            found = self._find(image_id)
            if found is None:
                return
            self._store(*found, profiles)
        except KeyServiceUnavailable:
            raise
        except KeyUnavailable as error:
            failure = ("KmsError", str(error))
        except Unavailable:
            raise
        except MoorageError as error:
            failure = (type(error).__name__, str(error))
        with self._database.write() as connection:
            finish(connection, image_id, waiting, failure)

    def _profiles(self, image_id: int) -> tuple[list[str], list[str]]:
        """Those that are still to sign the image, and all that have or will have."""
        query = sa.select(_table.profile_arn, _table.status).where(_table.image_id == image_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_table.profile_arn)).all()
        waiting = [row.profile_arn for row in rows if row.status == IN_PROGRESS]
        return waiting, [row.profile_arn for row in rows if row.status in (IN_PROGRESS, COMPLETE)]

    def _find(self, image_id: int) -> tuple[Repository, Image, int] | None:
        """The image with its repository and the bytes of its manifest; None if it is gone."""
        columns = [repositories.c.account, repositories.c.region, repositories.c.name]
        query = (
            sa.select(*columns, images.c.digest)
            .join(images, images.c.repository_id == repositories.c.id)
            .where(images.c.id == image_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        try:
            repository = self._repositories.get(Scope(row.account, row.region), row.name)
            stored = self._images.get(repository, Digest.parse(row.digest))
        except NotFound:
            return None
        return repository, stored.image, len(stored.content)

    def _store(self, repository: Repository, image: Image, size: int, profiles: list[str]) -> None:
        signed = payload(repository.name, image.digest)
        signatures = [(profile, self._keys.sign(profile, signed)) for profile in profiles]
        subject: dict[str, str | int] = {
            "mediaType": image.media_type,
            "digest": str(image.digest),
            "size": size,
        }
        made = artifact(signed, signatures, subject)
        for content in made.blobs:
            upload = self._uploads.start(repository, OWNER)
            self._uploads.append(repository, OWNER, upload.id, [content])
            self._uploads.finish(repository, OWNER, upload.id, Digest.of(content))
        self._put(repository, made)

    def _put(self, repository: Repository, made: Signed) -> None:
        """Where an immutable tag has an earlier signature, the new one is a referrer alone."""
        try:
            self._images.put(repository, made.manifest, OCI_MANIFEST, tag_names=[made.tag])
        except TagImmutable:
            self._images.put(repository, made.manifest, OCI_MANIFEST)
