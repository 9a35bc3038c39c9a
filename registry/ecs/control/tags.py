"""Tags of ECS's resources, by ARN.

Source: API reference, Tag: at most 50, keys of 1-128 and values of 0-256 characters, and no
key that begins with `aws:`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs.errors import invalid
from registry.ecs.store.tables import tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TAGS_MAX = 50
_ALLOWED = re.compile(r"[\w\s+\-=.:/@]*")

Listed = list[dict[str, str]]
"""As the model has them: `[{"key": …, "value": …}]`."""


def checked(given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The tags of a request. Raises ServiceError (InvalidParameterException)."""
    found: dict[str, str] = {}
    for tag in given:
        key, value = tag.get("key", ""), tag.get("value", "")
        if not key:
            raise invalid("Tag key cannot be blank.")
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys and values can't start with aws:")
        if not (_ALLOWED.fullmatch(key) and _ALLOWED.fullmatch(value)):
            raise invalid(f"Tag key or value contains invalid characters: {key}")
        if key in found:
            raise invalid(f"Duplicate tag keys found: {key}. Note that tag keys are unique.")
        found[key] = value
    if len(found) > TAGS_MAX:
        raise invalid(f"The maximum number of tags is {TAGS_MAX}.")
    return found


def put(connection: sa.Connection, arn: str, labels: Mapping[str, str]) -> None:
    """Add or change tags of `arn`. Raises ServiceError (InvalidParameterException)."""
    every = {**of(connection, arn), **labels}
    if len([key for key in every if not key.startswith("aws:")]) > TAGS_MAX:
        raise invalid(f"The maximum number of tags is {TAGS_MAX}.")
    remove(connection, arn, list(labels))
    if labels:
        rows = [{"arn": arn, "key": key, "value": value} for key, value in labels.items()]
        connection.execute(sa.insert(tags), rows)


def remove(connection: sa.Connection, arn: str, keys: Sequence[str] | None = None) -> None:
    """Take these tags off `arn`, or all."""
    statement = sa.delete(tags).where(tags.c.arn == arn)
    if keys is not None:
        statement = statement.where(tags.c.key.in_(keys))
    connection.execute(statement)


def of(connection: sa.Connection, arn: str) -> dict[str, str]:
    """The tags of `arn`, in the order of their keys."""
    statement = sa.select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
    return {row.key: row.value for row in connection.execute(statement)}


def listed(labels: Mapping[str, str]) -> Listed:
    """As the model has them."""
    return [{"key": key, "value": value} for key, value in labels.items()]
