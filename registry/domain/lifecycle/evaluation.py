"""What a policy means for the images of a repository at a moment: a pure function.

All rules are looked at together, then applied by priority: an image belongs to the first rule
whose tags and storage class it matches, and no later rule acts on it, even if the first does
not. Every rule counts all images that it matches, whoever acts on them.

`retain` rules act on nothing: what their selection leaves stays, whatever other rules say.

Source: ECR User Guide, "How lifecycle policy evaluation works".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from registry.domain.lifecycle.kinship import ARCHIVED, EXPIRED, Image, Kinship, Verdict
from registry.domain.lifecycle.language import Rule
from registry.domain.lifecycle.matching import Matching, age_order

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
    kinship = Kinship(images)
    followers = kinship.followers | left
    leading = [image for image in images if image.id not in followers]
    verdicts, retained = _verdicts(sorted(rules), leading, microseconds(now))
    acted = kinship.spread(verdicts, retained | used)
    families = kinship.families(acted)
    chosen = [image for image in images if image.id in acted]
    chosen.sort(key=age_order)
    found = []
    for image in chosen:
        level, priority = acted[image.id]
        if level == EXPIRED or image.status != "ARCHIVED":
            found.append(Selection(image, priority, level == EXPIRED, families[image.id]))
    return found


def microseconds(moment: datetime) -> int:
    """A time as images have theirs."""
    return round(moment.timestamp() * 1_000_000)


def _verdicts(
    rules: Sequence[Rule], images: Sequence[Image], moment: int
) -> tuple[dict[int, Verdict], set[int]]:
    """What rules say of images that lead, and ids of those retained."""
    classes = {
        storage: Matching(image for image in images if image.storage == storage)
        for storage in {rule.storage for rule in rules}
    }
    claimed: set[int] = set()
    retained: set[int] = set()
    verdicts: dict[int, Verdict] = {}
    for rule in rules:
        matching = classes[rule.storage]
        every = matching.every(rule)
        picked = matching.picked(rule, every, moment)
        if rule.action == "retain":
            retained |= every - picked
            continue
        verdict = Verdict(_LEVELS[rule.action], rule.priority)
        verdicts.update(dict.fromkeys(picked - claimed, verdict))
        claimed |= every
    return verdicts, retained
