"""Tags of users, roles, instance profiles and policies.

Tag keys differ whatever their case, and keep the case they were first given in.
Source: IAM User Guide, "Tags for IAM resources" (naming conventions and limits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.domain.identities.entities import E, Entities, named
from registry.values.errors import LimitExceeded, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST = 50
RESERVED = "aws:"


def tag_set(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Tags as given. Raises ParameterInvalid for a key that is there twice, or AWS's own."""
    found = dict(pairs)
    if len({key.lower() for key in found}) != len(pairs):
        raise ParameterInvalid(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if reserved := next((key for key in found if key.lower().startswith(RESERVED)), None):
        raise ParameterInvalid(f"The tag key {reserved} begins with {RESERVED}, which is reserved.")
    _check_count(found)
    return found


def with_tags(stored: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Stored tags with others added or changed. Raises LimitExceeded."""
    spelled = {key.lower(): key for key in stored}
    found = dict(stored)
    found.update({spelled.get(key.lower(), key): value for key, value in more.items()})
    _check_count(found)
    return found


def without_tags(stored: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Stored tags without some; one that is not there is no error."""
    gone = {key.lower() for key in keys}
    return {key: value for key, value in stored.items() if key.lower() not in gone}


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST:
        raise LimitExceeded(f"The number of tags has reached the maximum limit: {MOST}.")


class Tagged(Entities[E]):
    """Entities that can have tags."""

    def tag(self, account: str, name: str, tags: Mapping[str, str]) -> None:
        """Add or change tags. Raises EntityNotFound, LimitExceeded."""
        self._change(account, name, lambda stored: with_tags(stored, tags))

    def untag(self, account: str, name: str, keys: Sequence[str]) -> None:
        """Remove tags. Raises EntityNotFound."""
        self._change(account, name, lambda stored: without_tags(stored, keys))

    def _change(
        self, account: str, name: str, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        table = self.kind.table
        with self._database.write() as connection:
            row = named(connection, self.kind, account, name)
            connection.execute(
                sa.update(table).where(table.c.id == row.id).values(tags=change(row.tags))
            )
