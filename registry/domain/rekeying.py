"""Moving a repository to another key while it is used: what is asked for, and how far it is.

From the commit of `start` on the repository has the new key and everything pushed goes there.
What it held before is readable where it lies until the `rekeyer` has sealed it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs, images, links, rekeys, repositories, uploads
from registry.domain import key_spaces
from registry.domain.repositories import by_id, current
from registry.domain.shadows import RESTING
from registry.domain.vault import PLAIN
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.repositories import Encryption, Repositories, Repository
    from registry.domain.vault import Vault


@dataclass(frozen=True, slots=True)
class Left:
    """What still lies under a key that a repository leaves."""

    blobs: int
    blob_bytes: int
    manifests: int
    uploads: int
    """Uploads that began before the move: they end under that key, and are moved then."""

    @property
    def nothing(self) -> bool:
        """Whether the key is needed no more."""
        return not (self.blobs or self.manifests or self.uploads)


@dataclass(frozen=True, slots=True)
class Move:
    """A repository that leaves a key, or has left it."""

    repository: Repository
    key_id: str
    """The key that it leaves."""
    started_at: datetime
    finished_at: datetime | None
    blobs: int
    """Moved so far; what pushes brought anew meanwhile is not counted."""
    blob_bytes: int
    manifests: int
    problem: str | None
    left: Left


class Rekeying:
    """Starts moves, and tells of them."""

    def __init__(self, database: Database, vault: Vault, repositories: Repositories) -> None:
        self._database = database
        self._vault = vault
        self._repositories = repositories

    def start(self, repository: Repository, encryption: Encryption) -> Repository:
        """Give the repository that key; what it holds is moved from now on.

        A move that goes on may be turned to another key, or back. Raises ParameterInvalid,
        KeyNotFound, KeyUnavailable, and then nothing has changed.
        """
        key_id = self._repositories.key_of(repository.scope, encryption)
        if key_id == PLAIN:
            raise ParameterInvalid("this server runs with encryption turned off")
        self._vault.seal(key_id, b"", "rekeying")  # a key that seals nothing must not be taken
        with self._database.write() as connection:
            before = current(connection, repository)
            connection.execute(
                sa.update(repositories)
                .where(repositories.c.id == repository.id)
                .values(key_id=key_id, encryption_type=encryption.type)
            )
            for each in (key_id, before.key_id):  # the rows of moves that are over, or turned back
                key_spaces.stay(connection, repository.id, each)
            if before.key_id != key_id:
                key_spaces.leave(connection, repository.id, before.key_id)
            return current(connection, repository)

    def moves(self, repository: Repository | None = None) -> list[Move]:
        """The moves of one repository or of all, the latest last."""
        query = sa.select(rekeys).order_by(rekeys.c.started_at)
        if repository is not None:
            query = query.where(rekeys.c.repository_id == repository.id)
        with self._database.read() as connection:
            found = connection.execute(query).all()
            return [move for row in found if (move := _move(connection, row))]


def _move(connection: sa.Connection, row: sa.Row[Any]) -> Move | None:
    repository = by_id(connection, row.repository_id)
    if repository is None or repository.scope.account == RESTING:
        return None
    return Move(
        repository=repository,
        key_id=row.key_id,
        started_at=row.started_at,
        finished_at=row.finished_at,
        blobs=row.blobs,
        blob_bytes=row.blob_bytes,
        manifests=row.manifests,
        problem=row.problem,
        left=left(connection, row.repository_id, row.key_id),
    )


def left(connection: sa.Connection, repository_id: int, key_id: str) -> Left:
    """What of the repository lies under that key now."""
    count = sa.func.count()
    held = connection.execute(
        sa.select(count.label("count_"), sa.func.coalesce(sa.func.sum(blobs.c.size), 0))
        .join(links, links.c.blob_id == blobs.c.id)
        .where(links.c.repository_id == repository_id, blobs.c.key_id == key_id)
    ).one()
    sealed = sa.select(count).where(
        images.c.repository_id == repository_id, images.c.key_id == key_id
    )
    open_ = sa.select(count).where(
        uploads.c.repository_id == repository_id, uploads.c.key_id == key_id
    )
    return Left(
        blobs=int(held[0]),
        blob_bytes=int(held[1]),
        manifests=connection.execute(sealed).scalar_one(),
        uploads=connection.execute(open_).scalar_one(),
    )
