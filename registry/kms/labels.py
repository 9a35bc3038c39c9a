"""KMS's tags. Source: KMS API reference, TagResource; KMS Developer Guide, "Tags in AWS KMS"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.aws.errors import ServiceError
from registry.domain.resource_labels import MOST, label_set
from registry.values.errors import ParameterInvalid, TooManyTags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


PAGE = 50

Labels = tuple[tuple[str, str], ...]


def labels(stored: Labels, tags: Sequence[Mapping[str, str]]) -> Labels:
    """Stored tags with others added or changed. Raises TagException, LimitExceededException."""
    try:
        given = label_set([(tag["TagKey"], tag["TagValue"]) for tag in tags])
    except TooManyTags:
        raise _too_many() from None
    except ParameterInvalid as error:
        raise ServiceError("TagException", str(error)) from None
    found = {**dict(stored), **given}
    if len(found) > MOST:
        raise _too_many()
    return tuple(sorted(found.items()))


def _too_many() -> ServiceError:
    return ServiceError("LimitExceededException", f"A key has at most {MOST} tags")
