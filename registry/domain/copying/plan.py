"""What belongs to an image: the images that it lists, and what names one of them as its subject.

A manifest names its subject, or a tag of it does (`sha256-<hex>.sig`, as older versions of cosign
sign): then that tag belongs to it too.

Read in one transaction, so it is what stood together at one moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import image_children, image_gaps, images, tags
from registry.domain import image_rows as rows
from registry.domain.subject_tags import tags_of
from registry.values.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.domain.repositories import Repository

_BATCH = 500
"""Digests in one query."""


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a plan."""

    digest: Digest
    whole: bool
    """The repository holds everything that it names: so must any that it is copied to."""
    tags: tuple[str, ...] = ()
    """Those of its tags that name another image of the plan."""


def plan(
    connection: sa.Connection, repository: Repository, root: Digest, *, referrers: bool
) -> list[Item]:
    """The image and all that belongs to it; what a manifest needs stands before it, the image last.

    With `referrers` also signatures, SBOMs and so on of each of them. Empty where the repository
    does not hold the image.
    """
    first = rows.find(connection, repository, root)
    if first is None:
        return []
    finder = _Finder(connection, repository, referrers=referrers)
    done: list[Item] = []
    seen = {first.digest}
    path = [(finder.item(first), finder.below(first))]
    while path:
        item, below = path[-1]
        row = next((each for each in below if each.digest not in seen), None)
        if row is None:
            done.append(item)
            path.pop()
        else:
            seen.add(row.digest)
            path.append((finder.item(row), finder.below(row)))
    return [replace(item, tags=tuple(finder.tied.get(str(item.digest), ()))) for item in done]


class _Finder:
    """Rows of one repository, by what they have to do with another."""

    def __init__(
        self, connection: sa.Connection, repository: Repository, *, referrers: bool
    ) -> None:
        self._connection = connection
        self._repository = repository
        self._referrers = referrers
        self.tied: dict[str, list[str]] = {}
        """By digest, the tags that name another image; complete once all is found."""

    def item(self, row: sa.Row[Any]) -> Item:
        gaps = sa.select(image_gaps.c.digest).where(image_gaps.c.image_id == row.id).limit(1)
        listed = self._listed(row)
        whole = self._connection.execute(gaps).first() is None and sum(
            1 for _ in self._named(listed)
        ) == len(listed)
        return Item(Digest.parse(row.digest), whole)

    def below(self, row: sa.Row[Any]) -> Iterator[sa.Row[Any]]:
        yield from self._named(self._listed(row))
        if self._referrers:
            yield from self._rows(images.c.subject == row.digest)
            yield from self._tagged(row)

    def _tagged(self, subject: sa.Row[Any]) -> list[Any]:
        """Images under tags that name the subject."""
        query = (
            sa.select(images.c.id, images.c.digest, tags.c.name)
            .join(tags, tags.c.image_id == images.c.id)
            .where(tags.c.repository_id == self._repository.id)
            .where(tags.c.name.in_(tags_of(subject.digest)), images.c.id != subject.id)
        )
        found = list(self._connection.execute(query.order_by(images.c.id, tags.c.name)))
        for row in found:
            self.tied.setdefault(row.digest, []).append(row.name)
        return found

    def _listed(self, row: sa.Row[Any]) -> list[str]:
        query = sa.select(image_children.c.digest).where(image_children.c.image_id == row.id)
        return list(self._connection.execute(query).scalars())

    def _named(self, digests: list[str]) -> Iterator[sa.Row[Any]]:
        for at in range(0, len(digests), _BATCH):
            yield from self._rows(images.c.digest.in_(digests[at : at + _BATCH]))

    def _rows(self, condition: sa.ColumnElement[bool]) -> list[sa.Row[Any]]:
        query = sa.select(images.c.id, images.c.digest).where(
            images.c.repository_id == self._repository.id, condition
        )
        return list(self._connection.execute(query.order_by(images.c.id)))
