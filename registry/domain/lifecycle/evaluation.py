"""What a policy means for the images of a repository at a moment: a pure function.

All rules are looked at together, then applied by priority: an image belongs to the first rule
whose tags and storage class it matches, and no later rule acts on it, even if the first does
not. Every rule counts all images that it matches, whoever acts on them.

`retain` rules act on nothing: what their selection leaves stays, whatever other rules say.

Source: ECR User Guide, "How lifecycle policy evaluation works".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from registry.domain.lifecycle.kinship import ARCHIVED, EXPIRED, Image, Kinship, Verdict
from registry.domain.lifecycle.language import Rule

DAY = 24 * 60 * 60 * 1_000_000
"""Microseconds."""

_LEVELS = {"expire": EXPIRED, "transition": ARCHIVED}


class Selection(NamedTuple):
    """An image that is to go, or to move to the archive."""

    image: Image
    priority: int
    """Of the rule that acts on it, or on what it follows."""
    expires: bool
    """Else it moves to the archive."""
    family: int
    """The same for all that go together."""


def evaluate(
    rules: Iterable[Rule],
    images: Sequence[Image],
    now: datetime,
    used: Set[int] = frozenset(),
    left: Set[int] = frozenset(),
) -> list[Selection]:
    """What the rules select, the longest pushed first; `used` are ids of images that must stay.

    `left` are ids of what a deletion left behind: it follows that, and no rule is about it.
    The order of `images` never matters.
    """
    moment = microseconds(now)
    kinship = Kinship(images)
    leading = [image for image in images if kinship.leads(image) and image.id not in left]
    verdicts, retained = _verdicts(sorted(rules), leading, moment)
    acted = kinship.spread(verdicts, retained | used)
    families = kinship.families(acted)
    found = [
        Selection(image, verdict.priority, verdict.level == EXPIRED, families[image.id])
        for image in images
        if (verdict := acted.get(image.id)) and not _there_already(image, verdict)
    ]
    return sorted(found, key=lambda each: (each.image.pushed, each.image.id))


def microseconds(moment: datetime) -> int:
    """A time as images have theirs."""
    return round(moment.timestamp() * 1_000_000)


def _there_already(image: Image, verdict: Verdict) -> bool:
    return verdict.level == ARCHIVED and image.storage == "archive"


def _verdicts(
    rules: Sequence[Rule], images: Sequence[Image], moment: int
) -> tuple[dict[int, Verdict], set[int]]:
    """What rules say of images that lead, and ids of those retained."""
    claimed: set[int] = set()
    retained: set[int] = set()
    verdicts: dict[int, Verdict] = {}
    for rule in rules:
        matching = [image for image in images if matches(rule, image)]
        picked = {image.id for image in _picked(rule, matching, moment)}
        every = {image.id for image in matching}
        if rule.action == "retain":
            retained |= every - picked
            continue
        verdict = Verdict(_LEVELS[rule.action], rule.priority)
        verdicts.update(dict.fromkeys(picked - claimed, verdict))
        claimed |= every
    return verdicts, retained


def matches(rule: Rule, image: Image) -> bool:
    """Whether the image has the rule's storage class and tags, whatever its age."""
    if image.storage != rule.storage:
        return False
    tags = image.tags
    if any(like(pattern, tag) for pattern in rule.exclusions for tag in tags):
        return False
    if rule.status == "any":
        return True
    if rule.status == "untagged" or not tags:
        return (rule.status == "untagged") == (not tags)
    return all(any(tag.startswith(prefix) for tag in tags) for prefix in rule.prefixes) and all(
        any(like(pattern, tag) for tag in tags) for pattern in rule.patterns
    )


def like(pattern: str, tag: str) -> bool:
    """Whether the tag is as the pattern says, in which `*` stands for any text.

    Takes linear time, whatever the pattern: each piece is taken where it comes first.
    """
    first, *pieces = pattern.split("*")
    if not pieces:
        return tag == pattern
    if not tag.startswith(first):
        return False
    at, last = len(first), pieces.pop()
    for piece in pieces:
        at = tag.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(tag) - at >= len(last) and tag.endswith(last)


def _picked(rule: Rule, images: Sequence[Image], moment: int) -> Iterable[Image]:
    """Those of the matching images that the rule's count is about."""
    if rule.count_type == "imageCountMoreThan":
        newest = sorted(images, key=lambda image: (image.pushed, image.id), reverse=True)
        return newest[rule.count_number :]
    before, since = moment - rule.count_number * DAY, _SINCE[rule.count_type]
    return [image for image in images if since(image) <= before]


def _used(image: Image) -> int:
    """When it was pulled last; one that never was counts from its push, or its return."""
    return max(image.pushed, image.pulled or 0, image.activated or 0)


_SINCE: dict[str, Callable[[Image], int]] = {
    "sinceImagePushed": lambda image: image.pushed,
    "sinceImagePulled": _used,
    "sinceImageTransitioned": lambda image: image.archived or image.pushed,
}
