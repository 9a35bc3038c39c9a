"""Which of those that a deletion left behind go now, with all that follows them alone.

- A referrer goes, whatever its tags, where nothing that it refers to is there.
- An image that a deleted index listed goes where it has no tag and refers to nothing that is there.
- None goes that an index lists. What is in use waits, and so does an image of an index that was
  pulled since: somebody wants it for its own sake.

The order in which the last ones that held it went never matters.

Source: OCI image-spec 1.1, "subject"; distribution#3178.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from registry.database.schema import image_children, images
from registry.domain.lifecycle.census import some
from registry.domain.lifecycle.evaluation import microseconds
from registry.domain.lifecycle.kinship import Image, subjects
from registry.domain.lifecycle.uses import used_among
from registry.domain.links import holders
from registry.domain.orphans import among, listed_by, referrers


@dataclass(frozen=True, slots=True)
class Left:
    """One that was left behind."""

    image_id: int
    child: bool
    """By an index that listed it, and by no subject."""
    since: datetime


@dataclass(slots=True)
class Fates:
    """What becomes of them; those that are in neither stay."""

    going: dict[int, Image] = field(default_factory=dict)
    """By image id."""
    waiting: set[int] = field(default_factory=set)
    """Ids of those that somebody wants for now."""


class Leaving:
    """Decides, as of one transaction."""

    def __init__(
        self, connection: sa.Connection, repository_id: int, references: Collection[str]
    ) -> None:
        """`references` are digests and tags of what is in use."""
        self._connection = connection
        self._repository_id = repository_id
        self._references = references

    def fates(self, left: Sequence[Left]) -> Fates:
        """Of those whose time has come, and of what follows them."""
        fates = Fates()
        open_ = {each.image_id: each for each in left}
        while True:
            images_ = some(self._connection, list(open_))
            alone = [each for each in images_.values() if self._alone(each, open_, fates)]
            if not alone:
                return fates
            wanted = self._wanted(alone, open_)
            new = {image.id: image for image in alone if image.id not in wanted}
            fates.waiting |= wanted
            fates.going |= new
            open_ = {number: each for number, each in open_.items() if number not in new}
            open_ = {number: each for number, each in open_.items() if number not in wanted}
            open_ |= self._followers(new, fates, left[0].since)

    def _alone(self, image: Image, left: Mapping[int, Left], fates: Fates) -> bool:
        """Whether nothing that stays holds it."""
        named, child = set(subjects(image)), left[image.id].child
        if image.tags if child else not named:
            return False
        named -= {each.digest for each in fates.going.values()}
        there = sa.select(images.c.id).where(
            images.c.repository_id == self._repository_id, images.c.digest.in_(named)
        )
        if named and self._connection.execute(there.limit(1)).first() is not None:
            return False
        this = image_children.c.digest == image.digest
        listing = holders(image_children, this, self._repository_id)
        return set(self._connection.execute(listing).scalars()) <= fates.going.keys()

    def _wanted(self, alone: Sequence[Image], left: Mapping[int, Left]) -> set[int]:
        """Ids of those in use, and of images of an index that were pulled since it went."""
        pulled = {
            image.id
            for image in alone
            if left[image.id].child and (image.pulled or 0) > microseconds(left[image.id].since)
        }
        return pulled | used_among(alone, self._references)

    def _followers(
        self, new: Mapping[int, Image], fates: Fates, since: datetime
    ) -> dict[int, Left]:
        """What goes with those that go: not what was left behind on its own, and waits for that."""
        digests = [image.digest for image in new.values()]
        referring = referrers(self._connection, self._repository_id, digests)
        listed = listed_by(self._connection, self._repository_id, list(new))
        found = (referring | listed) - fates.going.keys() - fates.waiting
        found -= among(self._connection, found).keys()
        return {each: Left(each, each not in referring, since) for each in found}
