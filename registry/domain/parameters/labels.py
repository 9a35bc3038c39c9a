"""Labels of a parameter's versions: each stands on one of them.

Source: Systems Manager User Guide, "Working with parameter labels".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.domain.parameters.errors import (
    ParameterVersionLabelLimitExceeded,
    ParameterVersionNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.parameters.parameters import Version

LABELS_MAX = 10
_LABEL = re.compile(r"(?!aws|ssm)[A-Za-z_.-][A-Za-z0-9_.-]*", re.ASCII | re.IGNORECASE)

Labels = dict[int, list[str]]
"""By version."""


def relabelled(
    found: Sequence[Version], number: int, labels: Sequence[str]
) -> tuple[Labels, list[str]]:
    """The labels of the versions that change, and those that cannot be labels.

    Raises ParameterVersionNotFound, ParameterVersionLabelLimitExceeded.
    """
    target = _one(found, number)
    invalid = [label for label in labels if _LABEL.fullmatch(label) is None]
    wanted = [label for label in dict.fromkeys(labels) if label not in invalid]
    changed = {
        each.number: [label for label in each.labels if label not in wanted]
        for each in found
        if each.number != number and set(each.labels) & set(wanted)
    }
    changed[number] = [*target.labels, *(each for each in wanted if each not in target.labels)]
    if len(changed[number]) > LABELS_MAX:
        raise ParameterVersionLabelLimitExceeded(LABELS_MAX)
    return changed, invalid


def unlabelled(
    found: Sequence[Version], number: int, labels: Sequence[str]
) -> tuple[Labels, list[str], list[str]]:
    """The labels that a version keeps, those that it loses, those that it never had.

    Raises ParameterVersionNotFound.
    """
    target = _one(found, number)
    removed = [label for label in labels if label in target.labels]
    missing = [label for label in labels if label not in target.labels]
    return {number: [each for each in target.labels if each not in removed]}, removed, missing


def _one(found: Sequence[Version], number: int) -> Version:
    for each in found:
        if each.number == number:
            return each
    raise ParameterVersionNotFound(number, found[0].name)
