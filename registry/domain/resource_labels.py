"""The tags that a repository has as a resource, apart from those of its images.

Source: ECR User Guide, "Tagging a private repository": keys of 1 to 128 characters that differ
by case, values of up to 256, both of letters, digits, spaces and `_.:/=+-@`; 50 for a repository;
what begins with `aws:` is AWS's.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from registry.values.digest import shown
from registry.values.errors import ParameterInvalid, ResourceTagInvalid, TooManyTags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST = 50
KEY_MAX, VALUE_MAX = 128, 256
RESERVED = "aws:"
_SIGNS = frozenset("_.:/=+-@")
_KINDS = frozenset("LNZ")
"""Unicode's letters, numbers and separators."""


def label_set(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Tags as given. Raises ParameterInvalid, ResourceTagInvalid, TooManyTags."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ParameterInvalid(
            "Invalid parameter at 'tags' failed to satisfy constraint:"
            " 'each tag key must stand once'"
        )
    for key, value in pairs:
        _check_key(key)
        if len(value) > VALUE_MAX or not _spelled(value):
            raise ResourceTagInvalid(
                f"the value of the tag {shown(key)} must have at most {VALUE_MAX} letters,"
                " digits, spaces and _.:/=+-@"
            )
    return with_labels({}, found)


def with_labels(stored: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Stored tags with others added or changed. Raises TooManyTags."""
    found = {**stored, **more}
    if len(found) > MOST:
        raise TooManyTags(f"a repository has at most {MOST} tags; this would make {len(found)}")
    return found


def without_labels(stored: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Stored tags without some. Raises ResourceTagInvalid for a key that cannot be one."""
    for key in keys:
        _check_key(key)
    return {key: value for key, value in stored.items() if key not in keys}


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= KEY_MAX or not _spelled(key):
        raise ResourceTagInvalid(
            f"the tag key {shown(key)} must have 1 to {KEY_MAX} letters, digits, spaces and"
            " _.:/=+-@"
        )
    if key.lower().startswith(RESERVED):
        raise ResourceTagInvalid(f"the tag key {shown(key)} begins with {RESERVED}, which is AWS's")


def _spelled(text: str) -> bool:
    return all(char in _SIGNS or unicodedata.category(char)[0] in _KINDS for char in text)
