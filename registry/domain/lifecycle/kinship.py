"""Who follows whom: the images of an index, and referrers such as signatures.

- An image that names a `subject` that is there follows it, whatever its own tags: a signature
  is of no use without what it signs, and must not go before it (harbor#18014).
- So does one whose tags all are of cosign's scheme, `sha256-<hex>.sig`, or the OCI fallback's.
- An untagged image that an index lists follows all indexes that list it (distribution#3178).
- A tagged image that an index lists has a life of its own, but never ends before that index.

Followers match no rule and count for none. What becomes of an image is at most what becomes of
everything it follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from registry.domain.subject_tags import subject_of

KEPT, ARCHIVED, EXPIRED = 0, 1, 2
"""What becomes of an image, from the mildest on."""


class Image(NamedTuple):
    """An image as rules see it; times in microseconds since 1970."""

    id: int
    digest: str
    pushed: int
    pulled: int | None
    status: str
    archived: int | None
    activated: int | None
    subject: str | None
    tags: tuple[str, ...] = ()
    children: tuple[str, ...] = ()

    @property
    def storage(self) -> str:
        """Its storage class, in the language's words."""
        return "archive" if self.status == "ARCHIVED" else "standard"


class Verdict(NamedTuple):
    """What becomes of an image, by which rule."""

    level: int
    priority: int


class Kinship:
    """The relations between the images of one repository."""

    def __init__(self, images: Sequence[Image]) -> None:
        self._parents: dict[int, list[int]] = defaultdict(list)
        self._children: dict[int, list[int]] = defaultdict(list)
        self.followers: set[int] = set()
        """Ids of those that rules do not apply to."""
        known = {image.digest: image for image in images}
        for image in images:
            for digest in image.children:
                if (child := known.get(digest)) is not None and child is not image:
                    self._relate(image, child, follows=not child.tags)
            if image.subject is None and not (image.tags and image.tags[0].startswith("sha")):
                continue  # as most: they refer to nothing
            for digest in subjects(image):
                if (subject := known.get(digest)) is not None and subject is not image:
                    self._relate(subject, image, follows=True)

    def _relate(self, parent: Image, child: Image, *, follows: bool) -> None:
        self._parents[child.id].append(parent.id)
        self._children[parent.id].append(child.id)
        if follows:
            self.followers.add(child.id)

    def spread(
        self, verdicts: Mapping[int, Verdict], pinned: Set[int] = frozenset()
    ) -> dict[int, Verdict]:
        """What becomes of everybody, given what rules say of those who lead.

        Whoever is `pinned` stays. Those who stay are left out.
        """
        levels = {each: verdict.level for each, verdict in verdicts.items()}
        for each in self._reached(verdicts):
            levels.setdefault(each, EXPIRED)
        levels.update(dict.fromkeys(pinned & levels.keys(), KEPT))
        self._hold_back(levels)
        acted = {each: level for each, level in levels.items() if level != KEPT}
        return self._caused(acted, verdicts)

    def families(self, acted: Iterable[int]) -> dict[int, int]:
        """The smallest id of all who are related, among those acted on, for each of them."""
        left = set(acted)
        found: dict[int, int] = {}
        for first in sorted(left):
            waiting = [first] if first not in found else []
            while waiting:
                each = waiting.pop()
                if each in left and each not in found:
                    found[each] = first
                    waiting += self._parents.get(each, ())
                    waiting += self._children.get(each, ())
        return found

    def _reached(self, leaders: Iterable[int]) -> set[int]:
        """All followers of these, and of those; not a circle that nobody leads into."""
        found: set[int] = set()
        waiting = list(leaders)
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                if child in self.followers and child not in found:
                    found.add(child)
                    waiting.append(child)
        return found

    def _hold_back(self, levels: dict[int, int]) -> None:
        """Let nothing worse become of anybody than of those they follow."""
        waiting = [each for each in levels if each in self._parents]
        while waiting:
            each = waiting.pop()
            least = level = levels[each]
            for parent in self._parents[each]:
                if (above := levels.get(parent, KEPT)) < least:
                    least = above
            if least < level:
                levels[each] = least
                waiting += [child for child in self._children.get(each, ()) if child in levels]

    def _caused(
        self, levels: Mapping[int, int], verdicts: Mapping[int, Verdict]
    ) -> dict[int, Verdict]:
        """The rule of each: its own, or the first by priority of those it follows."""
        found: dict[int, Verdict] = {}
        leaders = (each for each in levels if each in verdicts)
        for leader in sorted(leaders, key=lambda each: (verdicts[each].priority, each)):
            priority = verdicts[leader].priority
            made = [Verdict(level, priority) for level in (KEPT, ARCHIVED, EXPIRED)]
            waiting = [leader]
            while waiting:
                each = waiting.pop()
                if each in found or each not in levels or (each != leader and each in verdicts):
                    continue
                found[each] = made[levels[each]]
                waiting += self._children.get(each, ())
        return found


def subjects(image: Image) -> Iterable[str]:
    """Digests of what the image refers to, there or not."""
    if image.subject is not None:
        yield image.subject
    named = [subject_of(tag) for tag in image.tags if tag.startswith("sha")]
    if image.tags and len(named) == len(image.tags) and all(named):
        yield from (each for each in named if each is not None)
