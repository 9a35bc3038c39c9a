"""Moving a repository to another key while it is used: what is asked for, and how far it is.

From the commit of `start` on the repository has the new key and everything pushed goes there.
What it held before is readable where it lies until the `rekeyer` has sealed it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
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
    from registry.values.scope import Scope


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
    stopped_at: datetime | None
    """When it was stopped: what is left stays where it is, until somebody starts it again."""

    @property
    def status(self) -> str:
        """COMPLETE, STOPPED or IN_PROGRESS, as ECR's replication has them."""
        if self.finished_at is not None:
            return "COMPLETE"
        return "IN_PROGRESS" if self.stopped_at is None else "STOPPED"


class Rekeying:
    """Starts and stops moves, and tells of them."""

    def __init__(self, database: Database, vault: Vault, repositories: Repositories) -> None:
        self._database = database
        self._vault = vault
        self._repositories = repositories

    def start(self, repository: Repository, encryption: Encryption) -> Repository:
        """Give the repository that key; what it holds is moved from now on.

        A move that goes on may be turned to another key, or back; one that was stopped goes on.
        Raises ParameterInvalid, KeyNotFound, KeyUnavailable, and then nothing has changed.
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
            mine = rekeys.c.repository_id == repository.id
            connection.execute(sa.update(rekeys).where(mine).values(stopped_at=None))
            return current(connection, repository)

    def stop(self, repository: Repository) -> None:
        """Let what is left stay where it lies; all of it can be read. Nothing where all is done.

        What is pushed goes on to be sealed under the repository's new key.
        """
        open_ = (rekeys.c.repository_id == repository.id, rekeys.c.finished_at.is_(None))
        again = rekeys.c.stopped_at.is_(None)
        with self._database.write() as connection:
            current(connection, repository)
            stopped = sa.update(rekeys).where(*open_, again).values(stopped_at=datetime.now(UTC))
            connection.execute(stopped)

    def page(self, scope: Scope, after: tuple[str, str], limit: int) -> list[Move]:
        """At most `limit` of a registry's moves, behind the repository and key in `after`."""
        name, key_id = after
        table = repositories.c
        behind = sa.and_(table.name == name, rekeys.c.key_id > key_id)
        query = (
            sa.select(rekeys)
            .join(repositories, table.id == rekeys.c.repository_id)
            .where(table.account == scope.account, table.region == scope.region)
            .where(sa.or_(table.name > name, behind))
            .order_by(table.name, rekeys.c.key_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            found = connection.execute(query).all()
            return [move for row in found if (move := _move(connection, row))]

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
        stopped_at=row.stopped_at,
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
