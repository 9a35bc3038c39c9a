"""Several images deleted at once, as ECR does it: by tag or by digest, in one transaction.

Source: ECR API reference, BatchDeleteImage: an image goes with its last tag, or by its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, tags
from registry.domain import image_rows as rows
from registry.values.digest import Digest
from registry.values.errors import Protected

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.domain.resting import Removal


@dataclass(frozen=True, slots=True)
class Named:
    """One image, by digest, by tag, or by both: then the tag goes, if it is the image's."""

    digest: Digest | None
    tag: str | None
    untagged: bool = False
    """Only while no tag stands on it."""


class Problem(Enum):
    """Why something named stays."""

    NOT_FOUND = "not found"
    OTHER_DIGEST = "the tag stands on another image"
    LISTED = "an index lists the image"
    PROTECTED = "it must not be deleted"
    SPARED = "who asked for it wants it no more"
    TAGGED = "a tag stands on the image"


@dataclass(frozen=True, slots=True)
class Gone:
    """What was deleted: an image, or some of its tags."""

    digest: Digest
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was not, and why."""

    problem: Problem
    holders: tuple[str, ...] = ()
    """Digests of the indexes that list it."""
    reason: str = ""
    """Of what is protected."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A row, found before anything was deleted."""

    image_id: int
    digest: Digest
    tag: str | None
    untagged: bool


class Deletions:
    """Deletes in batches."""

    def __init__(self, database: Database, removal: Removal) -> None:
        self._database = database
        self._removal = removal

    def delete(
        self,
        repository: Repository,
        named: Sequence[Named],
        *,
        spare: Callable[[sa.Connection], Container[Digest | None]] = lambda _connection: (),
    ) -> list[Gone | Kept]:
        """Delete what is named; for each, in order, what came of it.

        An index may stand behind the images that it lists: all of them go. `spare` tells, in
        the same transaction, digests of what is to stay after all.
        """
        moment = datetime.now(UTC)
        with self._database.write() as connection:
            spared = spare(connection)
            found = [
                Kept(Problem.SPARED)
                if each.digest in spared
                else _find(connection, repository, each)
                for each in named
            ]
            outcomes: list[Gone | Kept | None] = [
                each if isinstance(each, Kept) else None for each in found
            ]
            waiting = [n for n, each in enumerate(found) if isinstance(each, _Target)]
            while waiting:
                for number in waiting:
                    target = found[number]
                    assert isinstance(target, _Target)  # noqa: S101 - selected above
                    outcomes[number] = self._delete(connection, repository, target, moment)
                still = [n for n in waiting if isinstance(outcomes[n], Kept)]
                if len(still) == len(waiting):
                    break
                waiting = still
        return [each for each in outcomes if each is not None]

    def protected(
        self, connection: sa.Connection, repository: Repository, image_ids: Sequence[int]
    ) -> set[int]:
        """Those of the images that must not be deleted. Raises Vanished."""
        names = rows.tags_by_image(connection, list(image_ids))
        return {
            image_id
            for image_id, tags_ in names.items()
            if self._removal.protects(connection, repository, tags_)
        }

    def shield(
        self, connection: sa.Connection, repository: Repository
    ) -> Callable[[Sequence[str]], bool]:
        """Whether an image with these tags must not be deleted. Raises Vanished."""
        return self._removal.shield(connection, repository)

    def _delete(
        self, connection: sa.Connection, repository: Repository, target: _Target, moment: datetime
    ) -> Gone | Kept:
        standing = _tags(connection, target.image_id)
        gone = Gone(target.digest, standing if target.tag is None else (target.tag,))
        try:
            if target.tag is not None and set(standing) - {target.tag}:
                self._removal.tag(connection, repository, target.tag)
                return gone
            if target.untagged and standing:
                return Kept(Problem.TAGGED)
            listing = rows.listing(repository, target.digest)
            if holders := tuple(connection.execute(listing).scalars()):
                return Kept(Problem.LISTED, holders)
            self._removal.image(connection, repository, target.image_id, moment)
        except Protected as error:
            return Kept(Problem.PROTECTED, reason=str(error))
        return gone


def _find(connection: sa.Connection, repository: Repository, named: Named) -> _Target | Kept:
    by_digest = rows.find(connection, repository, named.digest) if named.digest else None
    row = by_digest if named.tag is None else _tagged(connection, repository, named.tag)
    if named.digest is not None and by_digest is None:
        return Kept(Problem.NOT_FOUND)
    if by_digest is not None and (row is None or row.id != by_digest.id):
        return Kept(Problem.OTHER_DIGEST)
    if row is None:
        return Kept(Problem.NOT_FOUND)
    return _Target(row.id, Digest.parse(row.digest), named.tag, named.untagged)


def _tagged(connection: sa.Connection, repository: Repository, tag: str) -> sa.Row[Any] | None:
    query = rows.light_columns().join(tags, tags.c.image_id == images.c.id)
    return connection.execute(
        query.where(tags.c.repository_id == repository.id, tags.c.name == tag)
    ).first()


def _tags(connection: sa.Connection, image_id: int) -> tuple[str, ...]:
    return tuple(rows.tags_by_image(connection, [image_id]).get(image_id, ()))
