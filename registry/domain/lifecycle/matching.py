"""Which images a rule is about: sets of ids, worked out from a few lists that all rules share.

Every image is looked at a few times in all, not once for each rule: a rule asks for those with
a storage class and tags, and for the oldest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from operator import attrgetter

from registry.domain.lifecycle.kinship import Image
from registry.domain.lifecycle.language import Rule

DAY = 24 * 60 * 60 * 1_000_000
"""Microseconds."""

age_order = attrgetter("pushed", "id")
"""The longest pushed first."""


class Matching:
    """The images of one storage class that rules are about."""

    def __init__(self, images: Iterable[Image]) -> None:
        self._images = list(images)
        self._all = {image.id for image in self._images}
        self._tags = [(tag, image.id) for image in self._images for tag in image.tags]
        self._tagged = {image_id for _, image_id in self._tags}

    def every(self, rule: Rule) -> set[int]:
        """Ids of those with the rule's tags, whatever their age."""
        if rule.status == "untagged":
            found = self._all - self._tagged
        elif rule.status == "any":
            found = self._all.copy()
        else:
            found = self._tagged.copy()
            for fits in [*map(_prefixed, rule.prefixes), *map(liking, rule.patterns)]:
                found &= self._with(fits)
        for pattern in rule.exclusions:
            found -= self._with(liking(pattern))
        return found

    def picked(self, rule: Rule, every: set[int], moment: int) -> set[int]:
        """Ids of those of them that the rule's count is about."""
        if rule.count_type == "imageCountMoreThan":
            newest = [image_id for image_id in self._newest if image_id in every]
            return set(newest[rule.count_number :])
        before, since = moment - rule.count_number * DAY, _SINCE[rule.count_type]
        return every & {image.id for image in self._images if since(image) <= before}

    @cached_property
    def _newest(self) -> Sequence[int]:
        return [image.id for image in sorted(self._images, key=age_order, reverse=True)]

    def _with(self, fits: Callable[[str], bool]) -> set[int]:
        """Ids of those that have such a tag."""
        return {image_id for tag, image_id in self._tags if fits(tag)}


def liking(pattern: str) -> Callable[[str], bool]:
    """Whether a tag is as the pattern says, in which `*` stands for any text.

    Takes linear time, whatever the pattern: each piece is taken where it comes first.
    """
    first, *pieces = pattern.split("*")
    if not pieces:
        return pattern.__eq__
    last = pieces.pop()
    if not pieces and not last:
        return _prefixed(first)

    def fits(tag: str) -> bool:
        if not (tag.startswith(first) and tag.endswith(last)):
            return False
        at = len(first)
        for piece in pieces:
            at = tag.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return len(tag) - at >= len(last)

    return fits


def _prefixed(prefix: str) -> Callable[[str], bool]:
    return lambda tag: tag.startswith(prefix)


def _used(image: Image) -> int:
    """When it was pulled last; one that never was counts from its push, or its return."""
    return max(image.pushed, image.pulled or 0, image.activated or 0)


_SINCE: dict[str, Callable[[Image], int]] = {
    "sinceImagePushed": attrgetter("pushed"),
    "sinceImagePulled": _used,
    "sinceImageTransitioned": lambda image: image.archived or image.pushed,
}
