"""What somebody wants copied or moved: one image by tag or digest, or a repository's all.

Each image is whole by itself: it is copied, or it is not and a reason is given. Whatever was
done before is found done, so an order that was cut short is given again and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.domain.copying.copier import Beat, Copied, no_beat
from registry.domain.deletions import Gone, Kept, Named, Problem
from registry.domain.subject_tags import subject_of
from registry.values.digest import Digest
from registry.values.errors import (
    ImageNotFound,
    ImageReferenced,
    ParameterInvalid,
    Protected,
)

if TYPE_CHECKING:
    from registry.domain.copying.copier import Copier
    from registry.domain.deletions import Deletions
    from registry.domain.images import Images
    from registry.domain.repositories import Repository

PAGE = 100
"""Images looked up at once."""

Permit = Callable[[Sequence[str], Sequence[str]], None]
"""Takes the tags that are about to be written, and those to be deleted by a move.

Raises Denied.
"""


def permit_all(_written: Sequence[str], _deleted: Sequence[str]) -> None:
    """For who needs no permission."""


@dataclass(frozen=True, slots=True)
class Order:
    """From where to where, and how."""

    source: Repository
    target: Repository
    rename: str | None = None
    """The tag in the target, instead of the image's own."""
    move: bool = False
    """Delete what was copied."""
    referrers: bool = True

    def check(self, *, everything: bool) -> None:
        """Raise ParameterInvalid for what makes no sense."""
        if everything and self.rename is not None:
            raise ParameterInvalid("all images cannot get one tag: name one image, or no new tag")
        if self.source.id == self.target.id and (everything or self.rename is None):
            raise ParameterInvalid(
                "source and target are one repository: there only one image can get another tag"
            )


class Orders:
    """Carries them out."""

    def __init__(self, images: Images, copier: Copier, deletions: Deletions) -> None:
        self._images = images
        self._copier = copier
        self._deletions = deletions

    def one(
        self,
        order: Order,
        reference: Digest | str,
        permit: Permit = permit_all,
        beat: Beat = no_beat,
    ) -> Copied:
        """Copy or move one image: by a tag with that tag, by its digest with all its tags.

        Raises what `Copier.copy` raises, Denied, and ImageReferenced if an index still needs
        what was to be moved: then it is copied, and stays.
        """
        stored = self._images.get(order.source, reference)
        by_tag = not isinstance(reference, Digest)
        tags = (str(reference),) if by_tag else stored.image.tags
        written = tags if order.rename is None else (order.rename,)
        permit(written, tags)
        copied = self._copier.copy(
            order.source,
            order.target,
            stored.image.digest,
            written,
            referrers=order.referrers,
            beat=beat,
        )
        if order.move:
            self._delete(order, copied, tags, whole=not by_tag)
        return copied

    def page(self, source: Repository, after: int, limit: int = PAGE) -> list[tuple[int, Digest]]:
        """Ids and digests of at most `limit` images in push order, behind the id `after`."""
        return [(image.id, image.digest) for image in self._images.page(source, after, limit)]

    def _delete(self, order: Order, copied: Copied, tags: Sequence[str], *, whole: bool) -> None:
        """Delete what was copied, as far as it has not changed since."""
        here = order.source.id == order.target.id
        named = [Named(copied.digest, tag) for tag in tags if not here or tag not in copied.tags]
        if whole:
            named.append(Named(copied.digest, None, untagged=True))
        outcomes = self._deletions.delete(order.source, named)
        _refuse_listed(copied, outcomes)
        if here or self._is_there(order.source, copied.digest):
            return
        below = [Named(digest, None, untagged=True) for digest in reversed(copied.below)]
        self._deletions.delete(order.source, below)
        for digest, tag in reversed(copied.tied):  # what a signature signs goes before it
            if not self._names(order.source, tag):
                self._deletions.delete(order.source, [Named(digest, tag)])

    def _names(self, repository: Repository, tag: str) -> bool:
        """Whether the tag names an image that is there."""
        subject = subject_of(tag)
        return subject is not None and self._is_there(repository, Digest.parse(subject))

    def _is_there(self, repository: Repository, digest: Digest) -> bool:
        try:
            self._images.get(repository, digest)
        except ImageNotFound:
            return False
        return True


def _refuse_listed(copied: Copied, outcomes: Sequence[Gone | Kept]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Kept) and outcome.problem is Problem.LISTED:
            raise ImageReferenced(
                f"image {copied.digest} was copied, but not deleted: it is listed by the index"
                f" {outcome.holders[0]}, which has to be moved or deleted first"
            )
        if isinstance(outcome, Kept) and outcome.problem is Problem.PROTECTED:
            raise Protected(f"image {copied.digest} was copied, but not deleted: {outcome.reason}")
